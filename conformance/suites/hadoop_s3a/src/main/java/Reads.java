import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.FileRange;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.s3a.RemoteFileChangedException;
import software.amazon.awssdk.awscore.exception.AwsServiceException;

/** Reading: whole, from a place, several places at once, and while the file changes. */
final class Reads {
    private Reads() {}

    static void everyWay(HadoopS3a.Store store) throws Exception {
        byte[] data = HadoopS3a.content(9 * HadoopS3a.MIB + 12_345);
        Path path = store.path("d/file");
        try (FileSystem fs = store.with()) {
            HadoopS3a.write(fs, path, data);
        }
        for (String stream : List.of("classic", "prefetch", "analytics")) {
            for (String policy : List.of("sequential", "random", "adaptive")) {
                try (FileSystem fs = store.with(
                        "fs.s3a.input.stream.type", stream, "fs.s3a.experimental.input.fadvise", policy,
                        "fs.s3a.readahead.range", "64K", "fs.s3a.prefetch.block.size", "1M",
                        "fs.s3a.prefetch.max.blocks.count", "32")) {
                    HadoopS3a.same(data, HadoopS3a.read(fs, path));
                    try (FSDataInputStream in = fs.open(path)) {
                        inPlaces(in, data);
                        atOnce(in, data);
                    }
                    opened(fs, path, data);
                }
            }
        }
    }

    private static void inPlaces(FSDataInputStream in, byte[] data) throws IOException {
        byte[] piece = new byte[5000];
        for (int from : List.of(8 * HadoopS3a.MIB, 0, 100, data.length - piece.length, 4 * HadoopS3a.MIB)) {
            in.seek(from);
            in.readFully(piece);
            HadoopS3a.same(Arrays.copyOfRange(data, from, from + piece.length), piece);
            in.readFully(from / 2, piece);
            HadoopS3a.same(Arrays.copyOfRange(data, from / 2, from / 2 + piece.length), piece);
            HadoopS3a.same((long) from + piece.length, in.getPos());
        }
        in.seek(data.length);
        HadoopS3a.same(-1, in.read());
        HadoopS3a.refused(EOFException.class, () -> in.readFully(data.length - 10, piece));
    }

    private static void atOnce(FSDataInputStream in, byte[] data) throws Exception {
        List<FileRange> ranges = List.of(
                FileRange.createFileRange(0, 100),
                FileRange.createFileRange(200, 300),
                FileRange.createFileRange(3L * HadoopS3a.MIB, 2 * HadoopS3a.MIB),
                FileRange.createFileRange(data.length - 1, 1));
        in.readVectored(ranges, ByteBuffer::allocate);
        for (FileRange each : ranges) {
            ByteBuffer found = each.getData().get(60, TimeUnit.SECONDS);
            byte[] bytes = new byte[found.remaining()];
            found.get(bytes);
            int from = (int) each.getOffset();
            HadoopS3a.same(Arrays.copyOfRange(data, from, from + each.getLength()), bytes);
        }
    }

    /** As readers of Parquet and ORC open a file whose length they know: no HEAD. */
    private static void opened(FileSystem fs, Path path, byte[] data) throws Exception {
        try (FSDataInputStream in = fs.openFile(path)
                .opt("fs.option.openfile.read.policy", "parquet, vector, random")
                .optLong("fs.option.openfile.length", data.length)
                .build().get()) {
            byte[] tail = new byte[8];
            in.readFully(data.length - 8, tail);
            HadoopS3a.same(Arrays.copyOfRange(data, data.length - 8, data.length), tail);
        }
    }

    /** A file that is replaced while it is read is not read on: the server refuses, or the client sees it. */
    static void changes(HadoopS3a.Store store) throws IOException {
        byte[] data = HadoopS3a.content(3 * HadoopS3a.MIB);
        byte[] other = HadoopS3a.content(3 * HadoopS3a.MIB + 1);
        Path path = store.path("file");
        for (String mode : List.of("server", "client")) {
            try (FileSystem fs = store.with(
                    "fs.s3a.input.stream.type", "classic", "fs.s3a.change.detection.mode", mode,
                    "fs.s3a.experimental.input.fadvise", "random", "fs.s3a.readahead.range", "64K")) {
                HadoopS3a.write(fs, path, data);
                try (FSDataInputStream in = fs.open(path)) {
                    HadoopS3a.same((int) data[0] & 0xff, in.read());
                    HadoopS3a.write(fs, path, other);
                    in.seek(2 * HadoopS3a.MIB);
                    Throwable told = HadoopS3a.refused(RemoteFileChangedException.class, in::read).getCause();
                    boolean isServers = told instanceof AwsServiceException refusal && refusal.statusCode() == 412;
                    HadoopS3a.same(mode.equals("server"), isServers);
                }
                HadoopS3a.same(other, HadoopS3a.read(fs, path));
            }
        }
    }
}
