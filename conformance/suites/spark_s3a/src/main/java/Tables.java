import java.util.Map;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/** Tables whose versions are files in the bucket: Delta Lake's and Iceberg's. */
final class Tables {
    private Tables() {}

    /** Delta over S3A; Iceberg with its tables' metadata over S3A and their data by its own S3FileIO. */
    static Map<String, String> settings(String bucket) {
        return Map.ofEntries(
                Map.entry("spark.sql.extensions", "io.delta.sql.DeltaSparkSessionExtension,"
                        + "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions"),
                Map.entry("spark.sql.catalog.spark_catalog", "org.apache.spark.sql.delta.catalog.DeltaCatalog"),
                Map.entry("spark.databricks.delta.retentionDurationCheck.enabled", "false"),
                Map.entry("spark.sql.catalog.ice", "org.apache.iceberg.spark.SparkCatalog"),
                Map.entry("spark.sql.catalog.ice.type", "hadoop"),
                Map.entry("spark.sql.catalog.ice.warehouse", "s3a://" + bucket + "/ice"),
                Map.entry("spark.sql.catalog.ice.io-impl", "org.apache.iceberg.aws.s3.S3FileIO"),
                Map.entry("spark.sql.catalog.ice.s3.endpoint", System.getenv("S3_ENDPOINT")),
                Map.entry("spark.sql.catalog.ice.s3.path-style-access", "true"),
                Map.entry("spark.sql.catalog.ice.s3.access-key-id", System.getenv("AWS_ACCESS_KEY_ID")),
                Map.entry("spark.sql.catalog.ice.s3.secret-access-key", System.getenv("AWS_SECRET_ACCESS_KEY")),
                Map.entry("spark.sql.catalog.ice.client.region", System.getenv("AWS_REGION")),
                Map.entry("spark.sql.catalog.ice.s3.checksum-enabled", "true"),
                Map.entry("spark.sql.catalog.ice.s3.delete.batch-size", "3"));
    }

    static void delta(SparkSession spark, String place) {
        String table = "delta.`" + place + "/delta`";
        SparkOnS3.rows(spark, 0, 1000).write().format("delta").partitionBy("part").save(place + "/delta");
        for (long from = 1000; from < 12_000; from += 1000) {
            SparkOnS3.rows(spark, from, from + 1000).write().format("delta").mode("append").save(place + "/delta");
        }
        SparkOnS3.same(SparkOnS3.rows(spark, 0, 12_000), spark.sql("SELECT * FROM " + table));
        spark.sql("DELETE FROM " + table + " WHERE id < 500");
        SparkOnS3.rows(spark, 500, 600).createOrReplaceTempView("changes");
        spark.sql("MERGE INTO " + table + " t USING changes c ON t.id = c.id "
                + "WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT *");
        Dataset<Row> expected = SparkOnS3.rows(spark, 600, 12_000);
        SparkOnS3.same(expected, spark.sql("SELECT * FROM " + table));
        spark.sql("OPTIMIZE " + table);
        SparkOnS3.same(SparkOnS3.rows(spark, 0, 3000), spark.sql("SELECT * FROM " + table + " VERSION AS OF 2"));
        spark.sql("VACUUM " + table + " RETAIN 0 HOURS");
        SparkOnS3.same(expected, spark.sql("SELECT * FROM " + table));
    }

    static void iceberg(SparkSession spark, String place) throws Exception {
        spark.sql("CREATE TABLE ice.db.t (id LONG, name STRING, share DOUBLE, part STRING) USING iceberg "
                + "PARTITIONED BY (part)");
        for (long from = 0; from < 5000; from += 1000) {
            SparkOnS3.rows(spark, from, from + 1000).writeTo("ice.db.t").append();
        }
        long first = spark.sql("SELECT snapshot_id FROM ice.db.t.snapshots ORDER BY committed_at").first().getLong(0);
        spark.sql("DELETE FROM ice.db.t WHERE id < 500");
        SparkOnS3.rows(spark, 500, 600).createOrReplaceTempView("changes");
        spark.sql("MERGE INTO ice.db.t t USING changes c ON t.id = c.id "
                + "WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT *");
        Dataset<Row> expected = SparkOnS3.rows(spark, 600, 5000);
        SparkOnS3.same(expected, spark.sql("SELECT * FROM ice.db.t"));
        SparkOnS3.same(SparkOnS3.rows(spark, 0, 1000), spark.sql("SELECT * FROM ice.db.t VERSION AS OF " + first));
        spark.sql("CALL ice.system.rewrite_data_files('db.t')");
        spark.sql("CALL ice.system.expire_snapshots(table => 'db.t', older_than => TIMESTAMP '2999-01-01', retain_last => 1)");
        SparkOnS3.same(1L, spark.sql("SELECT * FROM ice.db.t.snapshots").count());
        SparkOnS3.same(expected, spark.sql("SELECT * FROM ice.db.t"));
        spark.sql("DROP TABLE ice.db.t PURGE");
        SparkOnS3.same(0L, spark.sql("SHOW TABLES IN ice.db").count());
    }
}
