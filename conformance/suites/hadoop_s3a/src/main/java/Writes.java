import java.io.ByteArrayInputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.AccessDeniedException;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.MultipartUploader;
import org.apache.hadoop.fs.PartHandle;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.UploadHandle;
import org.apache.hadoop.fs.s3a.AWSUnsupportedFeatureException;
import org.apache.hadoop.fs.s3a.RemoteFileChangedException;
import org.apache.hadoop.fs.s3a.S3AFileSystem;
import org.apache.hadoop.fs.s3a.UnknownStoreException;
import software.amazon.awssdk.services.s3.S3Client;

/** Writing: in parts, on conditions, with checksums, and what is refused. */
final class Writes {
    private Writes() {}

    static void large(HadoopS3a.Store store) throws IOException {
        byte[] data = HadoopS3a.content(23 * HadoopS3a.MIB);
        for (String buffer : List.of("disk", "array", "bytebuffer")) {
            try (S3AFileSystem fs = store.with(
                    "fs.s3a.fast.upload.buffer", buffer, "fs.s3a.multipart.size", "5M",
                    "fs.s3a.multipart.threshold", "5M", "fs.s3a.fast.upload.active.blocks", "3")) {
                Path path = store.path("large " + buffer);
                try (FSDataOutputStream out = fs.create(path, true)) {
                    for (int from = 0; from < data.length; from += 700_001) {
                        out.write(data, from, Math.min(700_001, data.length - from));
                    }
                }
                HadoopS3a.same(data, HadoopS3a.read(fs, path));
                HadoopS3a.same(0, pending(store, fs));
            }
        }
        try (S3AFileSystem fs = store.with("fs.s3a.multipart.uploads.enabled", "false")) {
            HadoopS3a.write(fs, store.path("in one"), data);
            HadoopS3a.same(data, HadoopS3a.read(fs, store.path("in one")));
        }
    }

    /** The uploader that programs drive by themselves, its parts out of order. */
    static void parts(HadoopS3a.Store store) throws Exception {
        byte[] data = HadoopS3a.content(12 * HadoopS3a.MIB);
        Path path = store.path("d/parts");
        try (S3AFileSystem fs = store.with();
                MultipartUploader uploader = fs.createMultipartUploader(store.path("d")).build()) {
            UploadHandle upload = uploader.startUpload(path).get();
            HadoopS3a.same(1, pending(store, fs));
            Map<Integer, PartHandle> parts = new TreeMap<>();
            for (int number : List.of(3, 1, 2)) {
                int from = (number - 1) * 5 * HadoopS3a.MIB;
                byte[] part = Arrays.copyOfRange(data, from, Math.min(from + 5 * HadoopS3a.MIB, data.length));
                parts.put(number, uploader.putPart(
                        upload, number, number == 3, path, new ByteArrayInputStream(part), part.length).get());
            }
            HadoopS3a.refused(FileNotFoundException.class, () -> fs.open(path).close());
            uploader.complete(upload, path, parts).get();
            HadoopS3a.same(data, HadoopS3a.read(fs, path));
            uploader.startUpload(path).get();
            uploader.startUpload(store.path("d/other")).get();
            UploadHandle aborted = uploader.startUpload(store.path("d/third")).get();
            uploader.abort(aborted, store.path("d/third")).get();
            HadoopS3a.same(2, pending(store, fs));
            HadoopS3a.same(2, uploader.abortUploadsUnderPath(store.path("d")).get());
            HadoopS3a.same(0, pending(store, fs));
            HadoopS3a.same(data, HadoopS3a.read(fs, path));
        }
    }

    /** A stream that is given up leaves what was there, and no parts. */
    static void aborts(HadoopS3a.Store store) throws IOException {
        Path path = store.path("file");
        try (S3AFileSystem fs = store.with(
                "fs.s3a.multipart.size", "5M", "fs.s3a.multipart.threshold", "5M")) {
            HadoopS3a.write(fs, path, "before");
            FSDataOutputStream out = fs.create(path, true);
            out.write(HadoopS3a.content(11 * HadoopS3a.MIB));
            HadoopS3a.same(1, pending(store, fs));
            out.abort();
            out.close();
            HadoopS3a.same(0, pending(store, fs));
            HadoopS3a.same("before", HadoopS3a.text(fs, path));
        }
    }

    /** Of two that create a file only the first does, in one piece and in parts. */
    static void conditions(HadoopS3a.Store store) throws Exception {
        try (S3AFileSystem fs = store.with(
                "fs.s3a.multipart.size", "5M", "fs.s3a.multipart.threshold", "5M")) {
            for (int size : List.of(1000, 11 * HadoopS3a.MIB)) {
                Path path = store.path("created " + size);
                byte[] data = HadoopS3a.content(size);
                FSDataOutputStream first = created(fs, path);
                FSDataOutputStream second = created(fs, path);
                first.write(data);
                second.write(HadoopS3a.content(size + 1));
                first.close();
                HadoopS3a.refused(RemoteFileChangedException.class, second::close);
                HadoopS3a.same(data, HadoopS3a.read(fs, path));
                overwritten(fs, path, size);
                HadoopS3a.same(0, pending(store, fs));
            }
        }
    }

    private static FSDataOutputStream created(FileSystem fs, Path path) throws IOException {
        return (FSDataOutputStream) fs.createFile(path).overwrite(false)
                .must("fs.option.create.conditional.overwrite", true).build();
    }

    /** Only who has seen the last version replaces it. */
    private static void overwritten(S3AFileSystem fs, Path path, int size) throws IOException {
        String seen = fs.getS3AInternals().getObjectMetadata(path).eTag();
        byte[] data = HadoopS3a.content(size + 2);
        FSDataOutputStream late = replacing(fs, path, seen);
        late.write(HadoopS3a.content(size + 3));
        try (FSDataOutputStream out = replacing(fs, path, seen)) {
            out.write(data);
        }
        HadoopS3a.refused(RemoteFileChangedException.class, late::close);
        HadoopS3a.same(data, HadoopS3a.read(fs, path));
    }

    private static FSDataOutputStream replacing(FileSystem fs, Path path, String seen) throws IOException {
        return (FSDataOutputStream) fs.createFile(path).overwrite(true)
                .must("fs.option.create.conditional.overwrite.etag", seen).build();
    }

    static void checksums(HadoopS3a.Store store) throws IOException {
        byte[] data = HadoopS3a.content(11 * HadoopS3a.MIB);
        for (String algorithm : List.of("CRC32", "CRC32C", "SHA1", "SHA256", "NONE")) {
            for (String generation : List.of("true", "false")) {
                try (FileSystem fs = store.with(
                        "fs.s3a.create.checksum.algorithm", algorithm,
                        "fs.s3a.checksum.generation", generation, "fs.s3a.checksum.validation", "true",
                        "fs.s3a.request.md5.header", generation,
                        "fs.s3a.etag.checksum.enabled", "true",
                        "fs.s3a.multipart.size", "5M", "fs.s3a.multipart.threshold", "5M")) {
                    for (int size : List.of(0, 1000, data.length)) {
                        Path path = store.path(algorithm + "/" + size);
                        HadoopS3a.write(fs, path, Arrays.copyOf(data, size));
                        HadoopS3a.same(Arrays.copyOf(data, size), HadoopS3a.read(fs, path));
                        String tag = fs.getXAttrs(path).containsKey("header.ETag") ? "etag" : "none";
                        HadoopS3a.same(tag, fs.getFileChecksum(path).getAlgorithmName());
                    }
                    HadoopS3a.same(true, fs.rename(store.path(algorithm), store.path("moved")));
                    HadoopS3a.same(data, HadoopS3a.read(fs, store.path("moved/" + data.length)));
                    HadoopS3a.same(true, fs.delete(store.path("moved"), true));
                }
            }
        }
    }

    /** Headers that a file is created with are there again as its attributes, after a rename too. */
    static void attributes(HadoopS3a.Store store) throws IOException {
        try (FileSystem fs = store.with("fs.s3a.object.content.encoding", "aws-chunked-not")) {
            Path path = store.path("file");
            try (FSDataOutputStream out = (FSDataOutputStream) fs.createFile(path).overwrite(true)
                    .must("fs.s3a.create.header.purpose", "a purpose of it")
                    .opt("fs.option.create.content.type", "text/x-hadoop")
                    .build()) {
                out.write(1);
            }
            fs.rename(path, store.path("renamed"));
            Map<String, byte[]> told = fs.getXAttrs(store.path("renamed"));
            HadoopS3a.same("1", value(told, "header.Content-Length"));
            HadoopS3a.same("aws-chunked-not", value(told, "header.Content-Encoding"));
            HadoopS3a.same("a purpose of it", value(told, "header.purpose"));
        }
    }

    private static String value(Map<String, byte[]> attributes, String name) {
        return new String(attributes.get(name), StandardCharsets.UTF_8);
    }

    static void refusals(HadoopS3a.Store store) throws IOException {
        try (FileSystem fs = new HadoopS3a.Store(store.bucket + "-absent").with()) {
            Path path = new Path("s3a://" + store.bucket + "-absent/k");
            HadoopS3a.refused(FileNotFoundException.class, () -> fs.open(path).close());
            HadoopS3a.refused(UnknownStoreException.class, () -> HadoopS3a.write(fs, path, "x"));
        }
        try (FileSystem fs = store.with("fs.s3a.secret.key", "wrong")) {
            HadoopS3a.refused(AccessDeniedException.class, () -> fs.getFileStatus(store.path("k")));
        }
        for (String[] setting : new String[][] {
                {"fs.s3a.encryption.algorithm", "AES256"}, {"fs.s3a.acl.default", "PublicRead"}}) {
            try (FileSystem fs = store.with(setting)) {
                HadoopS3a.refused(AWSUnsupportedFeatureException.class,
                        () -> HadoopS3a.write(fs, store.path("k"), "x"));
                HadoopS3a.same(false, fs.exists(store.path("k")));
            }
        }
    }

    /** How many uploads are not completed. */
    static int pending(HadoopS3a.Store store, S3AFileSystem fs) {
        S3Client s3 = fs.getS3AInternals().getAmazonS3Client("uploads that are left");
        return s3.listMultipartUploads(list -> list.bucket(store.bucket)).uploads().size();
    }
}
