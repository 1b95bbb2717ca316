import java.io.File;
import java.net.URI;
import java.util.List;
import java.util.Map;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.streaming.Trigger;

/** What Spark does with S3: {@code SparkOnS3 CASE BUCKET}. Ends with an error if it is not done. */
public final class SparkOnS3 {
    private interface Case {
        void run(SparkSession spark, String place) throws Exception;
    }

    private static final Map<String, Case> CASES = Map.of(
            "parquet", SparkOnS3::parquet,
            "formats", SparkOnS3::formats,
            "streaming", SparkOnS3::streaming,
            "delta", Tables::delta,
            "iceberg", Tables::iceberg);

    public static void main(String[] words) {
        try (SparkSession spark = session(words[1])) {
            CASES.get(words[0]).run(spark, "s3a://" + words[1]);
        } catch (Throwable failure) {
            System.err.println(told(failure));
            System.exit(1);
        }
        System.exit(0);
    }

    /** What went wrong and what caused it, and where in our own files. */
    private static String told(Throwable failure) {
        StringBuilder words = new StringBuilder();
        for (Throwable each = failure; each != null; each = each.getCause()) {
            words.append(each.toString(), 0, Math.min(500, each.toString().length())).append('\n');
            for (StackTraceElement place : each.getStackTrace()) {
                if (!place.getClassName().contains(".")) {
                    words.append("    at ").append(place).append('\n');
                }
            }
        }
        return words.toString();
    }

    /** Two threads in this process. Nothing is tried twice: a refusal that a second try would hide is seen. */
    private static SparkSession session(String bucket) {
        SparkSession.Builder settings = SparkSession.builder()
                .master("local[2]")
                .config("spark.ui.enabled", "false")
                .config("spark.driver.host", "127.0.0.1")
                .config("spark.driver.bindAddress", "127.0.0.1")
                .config("spark.sql.shuffle.partitions", "2")
                .config("spark.sql.warehouse.dir", new File("warehouse").getAbsolutePath())
                .config("spark.local.dir", new File("spark").getAbsolutePath());
        Map<String, String> s3a = Map.of(
                "endpoint", System.getenv("S3_ENDPOINT"),
                "endpoint.region", System.getenv("AWS_REGION"),
                "path.style.access", "true",
                "connection.ssl.enabled", "false",
                "access.key", System.getenv("AWS_ACCESS_KEY_ID"),
                "secret.key", System.getenv("AWS_SECRET_ACCESS_KEY"),
                "attempts.maximum", "0",
                "retry.limit", "0");
        s3a.forEach((name, value) -> settings.config("spark.hadoop.fs.s3a." + name, value));
        settings.config("spark.hadoop.hadoop.tmp.dir", new File("hadoop").getAbsolutePath());
        Tables.settings(bucket).forEach(settings::config);
        return settings.getOrCreate();
    }

    /** Rows that are told by their numbers, from one up to another. */
    static Dataset<Row> rows(SparkSession spark, long from, long to) {
        return spark.range(from, to).selectExpr(
                "id", "concat('é ', id) AS name", "cast(id AS double) / 7 AS share", "concat('a b=', id % 5) AS part");
    }

    static void same(Dataset<Row> expected, Dataset<Row> found) {
        same(expected.count(), found.count());
        Dataset<Row> ordered = found.selectExpr("id", "name", "share", "part");
        same(0L, expected.exceptAll(ordered).count());
    }

    static void same(Object expected, Object found) {
        if (!expected.equals(found)) {
            throw new AssertionError("expected " + expected + ", found " + found);
        }
    }

    /** Folders of partitions: written, read in part, added to, replaced whole and in part. */
    private static void parquet(SparkSession spark, String place) {
        String table = place + "/d/parquet é";
        rows(spark, 0, 20_000).write().partitionBy("part").parquet(table);
        same(rows(spark, 0, 20_000), spark.read().parquet(table));
        Dataset<Row> some = spark.read().parquet(table).where("part = 'a b=3' AND id BETWEEN 5000 AND 5010");
        same(rows(spark, 5000, 5011).where("part = 'a b=3'"), some);
        rows(spark, 20_000, 30_000).write().mode("append").partitionBy("part").parquet(table);
        same(rows(spark, 0, 30_000), spark.read().parquet(table));
        spark.conf().set("spark.sql.sources.partitionOverwriteMode", "dynamic");
        rows(spark, 100, 200).where("part = 'a b=1'").write().mode("overwrite").partitionBy("part").parquet(table);
        Dataset<Row> kept = rows(spark, 0, 30_000).where("part <> 'a b=1'");
        same(kept.union(rows(spark, 100, 200).where("part = 'a b=1'")), spark.read().parquet(table));
        spark.conf().set("spark.sql.sources.partitionOverwriteMode", "static");
        rows(spark, 0, 50).repartition(1).write().mode("overwrite").partitionBy("part").parquet(table);
        same(rows(spark, 0, 50), spark.read().parquet(table));
    }

    /** The other formats, by the committer that copies a file once. */
    private static void formats(SparkSession spark, String place) {
        spark.sparkContext().hadoopConfiguration().set("mapreduce.fileoutputcommitter.algorithm.version", "2");
        for (String format : List.of("orc", "csv", "json")) {
            String table = place + "/" + format;
            for (long upTo : List.of(5000L, 6000L)) {
                rows(spark, 0, upTo).repartition(4).write().mode("overwrite")
                        .options(Map.of("header", "true", "compression", format.equals("orc") ? "zlib" : "gzip"))
                        .format(format).save(table);
                same(rows(spark, 0, upTo), spark.read().schema("id LONG, name STRING, share DOUBLE, part STRING")
                        .option("header", true).format(format).load(table));
            }
        }
    }

    /** A query that is stopped and goes on where it was, its state in the bucket. */
    private static void streaming(SparkSession spark, String place) throws Exception {
        for (long from = 0; from < 3000; from += 1000) {
            rows(spark, from, from + 1000).write().mode("append").json(place + "/in");
            spark.readStream().schema("id LONG, name STRING, share DOUBLE, part STRING").json(place + "/in")
                    .selectExpr("id", "name", "share", "part")
                    .writeStream().format("parquet").outputMode("append")
                    .option("checkpointLocation", place + "/checkpoint")
                    .trigger(Trigger.AvailableNow())
                    .start(place + "/out").awaitTermination();
            same(rows(spark, 0, from + 1000), spark.read().parquet(place + "/out"));
        }
        FileSystem fs = FileSystem.get(URI.create(place), spark.sparkContext().hadoopConfiguration());
        FileStatus[] batches = fs.listStatus(new Path(place + "/checkpoint/commits"));
        same(3, batches.length);
    }
}
