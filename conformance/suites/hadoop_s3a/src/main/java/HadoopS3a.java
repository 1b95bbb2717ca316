import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Map;
import java.util.Random;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.s3a.S3AFileSystem;

/** What Hadoop's programs do with S3: {@code HadoopS3a CASE BUCKET}. Ends with an error if it is not done. */
public final class HadoopS3a {
    static final int MIB = 1024 * 1024;

    private interface Case {
        void run(Store store) throws Exception;
    }

    private static final Map<String, Case> CASES = Map.ofEntries(
            Map.entry("files", Trees::files),
            Map.entry("folders", Trees::folders),
            Map.entry("renames", Trees::renames),
            Map.entry("deletes", Trees::deletes),
            Map.entry("shell", Trees::shell),
            Map.entry("reads", Reads::everyWay),
            Map.entry("changes", Reads::changes),
            Map.entry("large", Writes::large),
            Map.entry("parts", Writes::parts),
            Map.entry("aborts", Writes::aborts),
            Map.entry("conditions", Writes::conditions),
            Map.entry("checksums", Writes::checksums),
            Map.entry("attributes", Writes::attributes),
            Map.entry("refusals", Writes::refusals),
            Map.entry("magic", store -> Jobs.commit(store, "magic")),
            Map.entry("directory", store -> Jobs.commit(store, "directory")),
            Map.entry("partitioned", store -> Jobs.commit(store, "partitioned")),
            Map.entry("file", store -> Jobs.commit(store, "file")),
            Map.entry("failed", Jobs::failed));

    public static void main(String[] words) {
        try {
            CASES.get(words[0]).run(new Store(words[1]));
            System.exit(0);
        } catch (Throwable failure) {
            System.err.println(told(failure));
            System.exit(1);
        }
    }

    /** What went wrong and what caused it, and where in our own files. */
    private static String told(Throwable failure) {
        StringBuilder words = new StringBuilder();
        for (Throwable each = failure; each != null; each = each.getCause()) {
            words.append(each).append('\n');
            for (StackTraceElement place : each.getStackTrace()) {
                if (!place.getClassName().contains(".")) {
                    words.append("    at ").append(place).append('\n');
                }
            }
        }
        return words.toString();
    }

    /** A bucket as Hadoop sees it. */
    static final class Store {
        final String bucket;

        Store(String bucket) {
            this.bucket = bucket;
        }

        Path path(String below) {
            return new Path("s3a://" + bucket + "/" + below);
        }

        /** A file system of its own with these settings, names and values by turns. */
        S3AFileSystem with(String... settings) throws IOException {
            Configuration configuration = configuration(settings);
            return (S3AFileSystem) FileSystem.newInstance(URI.create("s3a://" + bucket), configuration);
        }
    }

    /** Where the server is. Nothing is tried twice: a refusal that a second try would hide is seen. */
    static Configuration configuration(String... settings) {
        Configuration configuration = new Configuration();
        configuration.set("fs.s3a.endpoint", System.getenv("S3_ENDPOINT"));
        configuration.set("fs.s3a.endpoint.region", System.getenv("AWS_REGION"));
        configuration.set("fs.s3a.path.style.access", "true");
        configuration.set("fs.s3a.connection.ssl.enabled", "false");
        configuration.set("fs.s3a.access.key", System.getenv("AWS_ACCESS_KEY_ID"));
        configuration.set("fs.s3a.secret.key", System.getenv("AWS_SECRET_ACCESS_KEY"));
        configuration.set("fs.s3a.attempts.maximum", "0");
        configuration.set("fs.s3a.retry.limit", "0");
        configuration.set("hadoop.tmp.dir", new File("hadoop").getAbsolutePath());
        for (int at = 0; at < settings.length; at += 2) {
            configuration.set(settings[at], settings[at + 1]);
        }
        return configuration;
    }

    /** Bytes that do not repeat. */
    static byte[] content(int size) {
        byte[] data = new byte[size];
        new Random(size).nextBytes(data);
        return data;
    }

    static void write(FileSystem store, Path path, byte[] data) throws IOException {
        try (FSDataOutputStream out = store.create(path, true)) {
            out.write(data);
        }
    }

    static void write(FileSystem store, Path path, String text) throws IOException {
        write(store, path, text.getBytes(StandardCharsets.UTF_8));
    }

    static byte[] read(FileSystem store, Path path) throws IOException {
        try (FSDataInputStream in = store.open(path)) {
            return in.readAllBytes();
        }
    }

    static String text(FileSystem store, Path path) throws IOException {
        return new String(read(store, path), StandardCharsets.UTF_8);
    }

    interface Attempt {
        void run() throws Exception;
    }

    /** The error of this kind that an attempt ends with. */
    static <E extends Exception> E refused(Class<E> kind, Attempt attempt) {
        try {
            attempt.run();
        } catch (Exception error) {
            if (kind.isInstance(error)) {
                return kind.cast(error);
            }
            throw new AssertionError("expected " + kind.getSimpleName() + ", found " + error, error);
        }
        throw new AssertionError("expected " + kind.getSimpleName() + ", but it was done");
    }

    static void same(Object expected, Object found) {
        if (!expected.equals(found)) {
            throw new AssertionError("expected " + expected + ", found " + found);
        }
    }

    static void same(byte[] expected, byte[] found) {
        if (!Arrays.equals(expected, found)) {
            throw new AssertionError(
                    found.length + " bytes that are not the " + expected.length + " written");
        }
    }
}
