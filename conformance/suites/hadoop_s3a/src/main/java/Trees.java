import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.TreeSet;
import org.apache.hadoop.fs.BulkDelete;
import org.apache.hadoop.fs.FileAlreadyExistsException;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.FsShell;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.RemoteIterator;
import org.apache.hadoop.util.ToolRunner;

/** Files and folders: made, listed, renamed, deleted. */
final class Trees {
    private Trees() {}

    static void files(HadoopS3a.Store store) throws IOException {
        try (FileSystem fs = store.with()) {
            Path path = store.path("a b/é+日本/~!'()%2F");
            HadoopS3a.write(fs, path, "first");
            HadoopS3a.write(fs, path, "second");
            HadoopS3a.same("second", HadoopS3a.text(fs, path));
            FileStatus told = fs.getFileStatus(path);
            HadoopS3a.same(6L, told.getLen());
            HadoopS3a.same(true, told.isFile());
            HadoopS3a.same(true, Math.abs(System.currentTimeMillis() - told.getModificationTime()) < 600_000);
            HadoopS3a.same(true, fs.getFileStatus(path.getParent()).isDirectory());
            HadoopS3a.refused(FileAlreadyExistsException.class, () -> fs.create(path, false).close());
            HadoopS3a.refused(UnsupportedOperationException.class, () -> fs.append(path).close());
            HadoopS3a.write(fs, store.path("empty"), "");
            HadoopS3a.same("", HadoopS3a.text(fs, store.path("empty")));
            HadoopS3a.same(true, fs.delete(path, false));
            HadoopS3a.refused(FileNotFoundException.class, () -> fs.open(path).close());
            HadoopS3a.same(false, fs.delete(path, false));
        }
    }

    static void folders(HadoopS3a.Store store) throws IOException {
        for (String version : List.of("1", "2")) {
            String top = "version" + version;
            try (FileSystem fs = store.with("fs.s3a.paging.maximum", "3", "fs.s3a.list.version", version)) {
                HadoopS3a.same(true, fs.mkdirs(store.path(top + "/empty/deep")));
                HadoopS3a.same(true, fs.getFileStatus(store.path(top + "/empty/deep")).isDirectory());
                HadoopS3a.same(0, fs.listStatus(store.path(top + "/empty/deep")).length);
                for (int number = 0; number < 10; number++) {
                    HadoopS3a.write(fs, store.path(top + "/é &<>/" + number), "x".repeat(number));
                    HadoopS3a.write(fs, store.path(top + "/d" + number + "/f"), "x");
                }
                HadoopS3a.write(fs, store.path(top + "/d"), "a file beside its namesakes");
                HadoopS3a.same(10, fs.listStatus(store.path(top + "/é &<>")).length);
                HadoopS3a.same(13, fs.listStatus(store.path(top)).length);
                HadoopS3a.same(21, walked(fs, store.path(top)).size());
                HadoopS3a.same(45L, fs.getContentSummary(store.path(top + "/é &<>")).getLength());
                HadoopS3a.same(3, fs.globStatus(store.path(top + "/d[1-3]/*")).length);
                HadoopS3a.refused(FileNotFoundException.class, () -> fs.listStatus(store.path(top + "/absent")));
                HadoopS3a.refused(FileAlreadyExistsException.class, () -> fs.mkdirs(store.path(top + "/d/below")));
                HadoopS3a.refused(IOException.class, () -> fs.delete(store.path(top), false));
            }
        }
        try (FileSystem fs = store.with()) {
            HadoopS3a.same(2, fs.listStatus(new Path("s3a://" + store.bucket + "/")).length);
        }
    }

    /** A tree of files, of empty folders and of a large file that is copied in parts. */
    static void renames(HadoopS3a.Store store) throws IOException {
        byte[] large = HadoopS3a.content(17 * HadoopS3a.MIB);
        try (FileSystem fs = store.with(
                "fs.s3a.multipart.size", "5M", "fs.s3a.multipart.threshold", "16M",
                "fs.s3a.bulk.delete.page.size", "7")) {
            fs.mkdirs(store.path("from/empty"));
            HadoopS3a.write(fs, store.path("from/large"), large);
            for (int number = 0; number < 20; number++) {
                HadoopS3a.write(fs, store.path("from/é " + number + "/f+" + number), "text " + number);
            }
            TreeSet<String> before = walked(fs, store.path("from"));
            HadoopS3a.same(true, fs.rename(store.path("from"), store.path("to")));
            HadoopS3a.same(false, fs.exists(store.path("from")));
            HadoopS3a.same(before, walked(fs, store.path("to")));
            HadoopS3a.same(true, fs.getFileStatus(store.path("to/empty")).isDirectory());
            HadoopS3a.same("text 7", HadoopS3a.text(fs, store.path("to/é 7/f+7")));
            HadoopS3a.same(large, HadoopS3a.read(fs, store.path("to/large")));
            HadoopS3a.same(true, fs.rename(store.path("to/large"), store.path("large")));
            HadoopS3a.same(large, HadoopS3a.read(fs, store.path("large")));
            HadoopS3a.same(false, fs.exists(store.path("to/large")));
            HadoopS3a.refused(FileAlreadyExistsException.class, () -> fs.rename(store.path("to"), store.path("large")));
            HadoopS3a.refused(FileNotFoundException.class, () -> fs.rename(store.path("from"), store.path("x")));
        }
    }

    /** Trees go a thousand keys a request, or key by key where that is switched off. */
    static void deletes(HadoopS3a.Store store) throws IOException {
        for (String isMany : List.of("true", "false")) {
            try (FileSystem fs = store.with(
                    "fs.s3a.multiobjectdelete.enable", isMany, "fs.s3a.bulk.delete.page.size", "25")) {
                fs.mkdirs(store.path("tree/empty"));
                for (int number = 0; number < 60; number++) {
                    HadoopS3a.write(fs, store.path("tree/d" + number % 7 + "/é &" + number), "x");
                }
                HadoopS3a.write(fs, store.path("tree2/kept"), "x");
                HadoopS3a.same(true, fs.delete(store.path("tree"), true));
                HadoopS3a.same(false, fs.exists(store.path("tree")));
                HadoopS3a.same(1, walked(fs, store.path("")).size());
                bulk(store, fs);
            }
        }
    }

    private static void bulk(HadoopS3a.Store store, FileSystem fs) throws IOException {
        try (BulkDelete bulk = fs.createBulkDelete(store.path("bulk"))) {
            List<Path> doomed = new ArrayList<>();
            for (int number = 0; number < bulk.pageSize(); number++) {
                doomed.add(store.path("bulk/" + number));
                HadoopS3a.write(fs, doomed.get(number), "x");
            }
            HadoopS3a.same(List.of(), bulk.bulkDelete(doomed));
            HadoopS3a.same(List.of(), bulk.bulkDelete(doomed));
            HadoopS3a.same(false, fs.exists(store.path("bulk")));
        }
    }

    /** What people type after {@code hadoop fs}. */
    static void shell(HadoopS3a.Store store) throws Exception {
        java.nio.file.Path folder = Files.createDirectories(java.nio.file.Path.of("local/d/e"));
        byte[] data = HadoopS3a.content(300_000);
        Files.write(folder.resolve("f"), data);
        Files.writeString(folder.resolve("é g"), "text");
        hadoopFs("-mkdir", "-p", store.path("up"));
        hadoopFs("-put", "local/d", store.path("up"));
        hadoopFs("-ls", "-R", store.path("up"));
        hadoopFs("-cp", store.path("up/d"), store.path("copy"));
        hadoopFs("-mv", store.path("copy"), store.path("moved"));
        hadoopFs("-touchz", store.path("moved/empty"));
        hadoopFs("-test", "-z", store.path("moved/empty"));
        hadoopFs("-du", "-s", store.path("moved"));
        hadoopFs("-count", store.path("moved"));
        hadoopFs("-find", store.path("moved"), "-name", "f");
        hadoopFs("-cat", store.path("moved/e/é g"));
        hadoopFs("-get", store.path("moved"), "local/down");
        HadoopS3a.same(data, Files.readAllBytes(java.nio.file.Path.of("local/down/e/f")));
        HadoopS3a.same("text", Files.readString(java.nio.file.Path.of("local/down/e/é g")));
        hadoopFs("-rm", "-r", "-skipTrash", store.path("moved"));
        HadoopS3a.same(1, status("-test", "-e", store.path("moved")));
        HadoopS3a.same(1, status("-ls", store.path("moved")));
    }

    private static void hadoopFs(Object... words) throws Exception {
        HadoopS3a.same(0, status(words));
    }

    private static int status(Object... words) throws Exception {
        String[] line = Arrays.stream(words).map(String::valueOf).toArray(String[]::new);
        return ToolRunner.run(HadoopS3a.configuration(), new FsShell(), line);
    }

    /** The files below a folder with their lengths, one by one without duplicates. */
    static TreeSet<String> walked(FileSystem fs, Path top) throws IOException {
        TreeSet<String> found = new TreeSet<>();
        RemoteIterator<? extends FileStatus> files = fs.listFiles(top, true);
        while (files.hasNext()) {
            FileStatus each = files.next();
            String name = top.toUri().relativize(each.getPath().toUri()) + " " + each.getLen();
            HadoopS3a.same(true, found.add(name));
        }
        return found;
    }
}
