import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.net.URI;
import java.net.URL;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import software.amazon.awssdk.core.async.AsyncRequestBody;
import software.amazon.awssdk.core.async.BlockingInputStreamAsyncRequestBody;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.services.s3.S3AsyncClient;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.S3Configuration;
import software.amazon.awssdk.services.s3.model.ChecksumAlgorithm;
import software.amazon.awssdk.services.s3.model.ChecksumMode;
import software.amazon.awssdk.services.s3.model.NoSuchKeyException;
import software.amazon.awssdk.services.s3.model.ObjectIdentifier;
import software.amazon.awssdk.services.s3.model.S3Exception;
import software.amazon.awssdk.services.s3.model.S3Object;
import software.amazon.awssdk.services.s3.presigner.S3Presigner;
import software.amazon.awssdk.transfer.s3.S3TransferManager;

/** What Java programs do with S3: {@code JavaSdk CASE BUCKET}. Ends with an error if it is not done. */
public final class JavaSdk {
    private static final int MIB = 1024 * 1024;
    private static final URI ENDPOINT = URI.create(System.getenv("S3_ENDPOINT"));

    private interface Case {
        void run(String bucket) throws Exception;
    }

    private static final Map<String, Case> CASES = Map.of(
            "objects", JavaSdk::objects,
            "checksums", JavaSdk::checksums,
            "conditions", JavaSdk::conditions,
            "presigned", JavaSdk::presigned,
            "netty", bucket -> transfers(bucket, netty()),
            "crt", bucket -> transfers(bucket, crt()));

    public static void main(String[] words) throws Exception {
        CASES.get(words[0]).run(words[1]);
        System.exit(0);
    }

    private static S3Client client() {
        return S3Client.builder().endpointOverride(ENDPOINT).forcePathStyle(true).build();
    }

    private static S3AsyncClient netty() {
        return S3AsyncClient.builder()
                .endpointOverride(ENDPOINT)
                .forcePathStyle(true)
                .multipartEnabled(true)
                .build();
    }

    private static S3AsyncClient crt() {
        return S3AsyncClient.crtBuilder()
                .endpointOverride(ENDPOINT)
                .forcePathStyle(true)
                .minimumPartSizeInBytes(5L * MIB)
                .build();
    }

    private static void objects(String bucket) {
        try (S3Client s3 = client()) {
            s3.putObject(
                    put -> put.bucket(bucket).key("a b/é+").metadata(Map.of("k", "v")),
                    RequestBody.fromString("text"));
            for (int number = 0; number < 7; number++) {
                String key = "many/" + number;
                s3.putObject(put -> put.bucket(bucket).key(key), RequestBody.fromString(key));
            }
            same("text", s3.getObjectAsBytes(get -> get.bucket(bucket).key("a b/é+")).asUtf8String());
            same("v", s3.headObject(head -> head.bucket(bucket).key("a b/é+")).metadata().get("k"));
            s3.copyObject(copy -> copy.sourceBucket(bucket).sourceKey("a b/é+")
                    .destinationBucket(bucket).destinationKey("many/copy"));
            List<String> keys = s3.listObjectsV2Paginator(
                            list -> list.bucket(bucket).prefix("many/").maxKeys(3))
                    .contents().stream().map(S3Object::key).toList();
            same(8, keys.size());
            s3.deleteObjects(delete -> delete.bucket(bucket).delete(these -> these.objects(
                    keys.stream().map(key -> ObjectIdentifier.builder().key(key).build()).toList())));
            same(1, s3.listObjectsV2(list -> list.bucket(bucket)).keyCount());
            try {
                s3.getObject(get -> get.bucket(bucket).key("many/1"));
                throw new AssertionError("it is still there");
            } catch (NoSuchKeyException expected) {
                same(404, expected.statusCode());
            }
        }
    }

    private static void checksums(String bucket) {
        try (S3Client s3 = client()) {
            for (ChecksumAlgorithm each : List.of(
                    ChecksumAlgorithm.CRC32, ChecksumAlgorithm.CRC32_C, ChecksumAlgorithm.CRC64_NVME,
                    ChecksumAlgorithm.SHA1, ChecksumAlgorithm.SHA256)) {
                s3.putObject(
                        put -> put.bucket(bucket).key("c").checksumAlgorithm(each),
                        RequestBody.fromString("text"));
                String read = s3.getObjectAsBytes(
                        get -> get.bucket(bucket).key("c").checksumMode(ChecksumMode.ENABLED)).asUtf8String();
                same("text", read);
            }
            try {
                s3.putObject(
                        put -> put.bucket(bucket).key("wrong").checksumCRC32("AAAAAA=="),
                        RequestBody.fromString("text"));
                throw new AssertionError("a wrong checksum was taken");
            } catch (S3Exception expected) {
                same(400, expected.statusCode());
            }
        }
    }

    private static void conditions(String bucket) {
        try (S3Client s3 = client()) {
            String first = s3.putObject(
                    put -> put.bucket(bucket).key("k").ifNoneMatch("*"), RequestBody.fromString("1")).eTag();
            same(412, refusal(() -> s3.putObject(
                    put -> put.bucket(bucket).key("k").ifNoneMatch("*"), RequestBody.fromString("2"))));
            s3.putObject(put -> put.bucket(bucket).key("k").ifMatch(first), RequestBody.fromString("3"));
            same(412, refusal(() -> s3.putObject(
                    put -> put.bucket(bucket).key("k").ifMatch(first), RequestBody.fromString("4"))));
            same("3", s3.getObjectAsBytes(get -> get.bucket(bucket).key("k")).asUtf8String());
        }
    }

    private static int refusal(Runnable attempt) {
        try {
            attempt.run();
            return 200;
        } catch (S3Exception refused) {
            return refused.statusCode();
        }
    }

    private static void presigned(String bucket) throws IOException, InterruptedException {
        S3Configuration path = S3Configuration.builder().pathStyleAccessEnabled(true).build();
        try (S3Presigner presigner = S3Presigner.builder()
                .endpointOverride(ENDPOINT).serviceConfiguration(path).build()) {
            Duration minute = Duration.ofMinutes(1);
            URL there = presigner.presignPutObject(sign -> sign.signatureDuration(minute)
                    .putObjectRequest(put -> put.bucket(bucket).key("a b+é"))).url();
            HttpResponse<String> sent = HttpClient.newHttpClient().send(
                    HttpRequest.newBuilder(URI.create(there.toString()))
                            .PUT(HttpRequest.BodyPublishers.ofString("text")).build(),
                    HttpResponse.BodyHandlers.ofString());
            same(200, sent.statusCode());
            URL back = presigner.presignGetObject(sign -> sign.signatureDuration(minute)
                    .getObjectRequest(get -> get.bucket(bucket).key("a b+é"))).url();
            try (var stream = back.openStream()) {
                same("text", new String(stream.readAllBytes()));
            }
        }
    }

    /** The transfer manager: files, a stream of unknown length, a copy, folders. */
    private static void transfers(String bucket, S3AsyncClient s3) throws IOException {
        byte[] data = new byte[20 * MIB];
        new Random(1).nextBytes(data);
        Path folder = Files.createTempDirectory(Path.of("").toAbsolutePath(), "transfers");
        Path file = Files.write(folder.resolve("file"), data);
        try (S3TransferManager transfers = S3TransferManager.builder().s3Client(s3).build()) {
            transfers.uploadFile(upload -> upload.source(file)
                    .putObjectRequest(put -> put.bucket(bucket).key("file"))).completionFuture().join();
            transfers.copy(copy -> copy.copyObjectRequest(request -> request
                    .sourceBucket(bucket).sourceKey("file")
                    .destinationBucket(bucket).destinationKey("copy"))).completionFuture().join();
            BlockingInputStreamAsyncRequestBody body = AsyncRequestBody.forBlockingInputStream(null);
            var stream = transfers.upload(upload -> upload.requestBody(body)
                    .putObjectRequest(put -> put.bucket(bucket).key("stream")));
            body.writeInputStream(new ByteArrayInputStream(data));
            stream.completionFuture().join();
            for (String key : List.of("file", "copy", "stream")) {
                Path target = folder.resolve("down-" + key);
                transfers.downloadFile(download -> download.destination(target)
                        .getObjectRequest(get -> get.bucket(bucket).key(key))).completionFuture().join();
                same(true, Arrays.equals(data, Files.readAllBytes(target)));
            }
            folders(bucket, transfers, folder);
        }
    }

    private static void folders(String bucket, S3TransferManager transfers, Path folder)
            throws IOException {
        Path up = Files.createDirectories(folder.resolve("up/d"));
        for (int number = 0; number < 10; number++) {
            Files.writeString(up.resolve("é " + number), "text " + number);
        }
        same(0, transfers.uploadDirectory(upload -> upload.source(folder.resolve("up"))
                .bucket(bucket).s3Prefix("p")).completionFuture().join().failedTransfers().size());
        Path down = folder.resolve("down");
        same(0, transfers.downloadDirectory(download -> download.destination(down).bucket(bucket)
                .listObjectsV2RequestTransformer(list -> list.prefix("p")))
                .completionFuture().join().failedTransfers().size());
        for (int number = 0; number < 10; number++) {
            same("text " + number, Files.readString(down.resolve("d/é " + number)));
        }
    }

    private static void same(Object expected, Object found) {
        if (!expected.equals(found)) {
            throw new AssertionError("expected " + expected + ", found " + found);
        }
    }
}
