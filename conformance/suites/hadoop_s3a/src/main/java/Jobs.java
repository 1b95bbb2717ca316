import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.StringTokenizer;
import java.util.TreeMap;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.s3a.S3AFileSystem;
import org.apache.hadoop.fs.s3a.commit.files.SuccessData;
import org.apache.hadoop.io.IntWritable;
import org.apache.hadoop.io.LongWritable;
import org.apache.hadoop.io.Text;
import org.apache.hadoop.mapreduce.Job;
import org.apache.hadoop.mapreduce.Mapper;
import org.apache.hadoop.mapreduce.Reducer;
import org.apache.hadoop.mapreduce.lib.input.FileInputFormat;
import org.apache.hadoop.mapreduce.lib.output.FileOutputFormat;

/** Jobs of MapReduce in one process that read from the bucket and commit what they write to it. */
final class Jobs {
    private Jobs() {}

    public static final class Words extends Mapper<LongWritable, Text, Text, IntWritable> {
        @Override
        protected void map(LongWritable place, Text line, Context context)
                throws IOException, InterruptedException {
            StringTokenizer words = new StringTokenizer(line.toString());
            while (words.hasMoreTokens()) {
                context.write(new Text(words.nextToken()), new IntWritable(1));
            }
        }
    }

    public static final class Sum extends Reducer<Text, IntWritable, Text, IntWritable> {
        @Override
        protected void reduce(Text word, Iterable<IntWritable> counts, Context context)
                throws IOException, InterruptedException {
            int sum = 0;
            for (IntWritable each : counts) {
                sum += each.get();
            }
            context.write(word, new IntWritable(sum));
        }
    }

    /** Fails once it has written something. */
    public static final class Unfinished extends Reducer<Text, IntWritable, Text, IntWritable> {
        @Override
        protected void reduce(Text word, Iterable<IntWritable> counts, Context context)
                throws IOException, InterruptedException {
            context.write(word, new IntWritable(0));
        }

        @Override
        protected void cleanup(Context context) throws IOException {
            throw new IOException("on purpose");
        }
    }

    static void commit(HadoopS3a.Store store, String committer) throws Exception {
        Configuration settings = settings(committer);
        try (S3AFileSystem fs = store.with()) {
            input(store, fs);
            HadoopS3a.same(true, job(store, settings, Sum.class).waitForCompletion(false));
            HadoopS3a.same(counts(), results(store, fs));
            List<String> names = new ArrayList<>();
            for (FileStatus each : fs.listStatus(store.path("output"))) {
                names.add(each.getPath().getName().replaceAll("-[0-9a-f_]+.*", ""));
            }
            HadoopS3a.same(List.of("_SUCCESS", "part-r", "part-r", "part-r"), names);
            HadoopS3a.same(committer, committerTold(store, fs));
            HadoopS3a.same(0, Writes.pending(store, fs));
        }
    }

    /** A job that fails leaves no output and no parts. */
    static void failed(HadoopS3a.Store store) throws Exception {
        for (String committer : List.of("magic", "directory")) {
            try (S3AFileSystem fs = store.with()) {
                input(store, fs);
                Job job = job(store, settings(committer), Unfinished.class);
                HadoopS3a.same(false, job.waitForCompletion(false));
                HadoopS3a.same(false, fs.exists(store.path("output/_SUCCESS")));
                HadoopS3a.same(0, fs.exists(store.path("output"))
                        ? Trees.walked(fs, store.path("output")).size() : 0);
                HadoopS3a.same(0, Writes.pending(store, fs));
                fs.delete(store.path("output"), true);
            }
        }
    }

    private static Configuration settings(String committer) {
        return HadoopS3a.configuration(
                "fs.s3a.committer.name", committer,
                "mapreduce.outputcommitter.factory.scheme.s3a",
                "org.apache.hadoop.fs.s3a.commit.S3ACommitterFactory",
                "fs.s3a.committer.staging.conflict-mode", "replace",
                "mapreduce.framework.name", "local");
    }

    private static void input(HadoopS3a.Store store, FileSystem fs) throws IOException {
        for (int file = 0; file < 3; file++) {
            StringBuilder lines = new StringBuilder();
            for (int number = 0; number < 300; number++) {
                lines.append("w").append(number % 30).append(" é\n");
            }
            HadoopS3a.write(fs, store.path("input/" + file), lines.toString());
        }
    }

    private static TreeMap<String, String> counts() {
        TreeMap<String, String> expected = new TreeMap<>();
        expected.put("é", "900");
        for (int number = 0; number < 30; number++) {
            expected.put("w" + number, "30");
        }
        return expected;
    }

    private static Job job(
            HadoopS3a.Store store, Configuration settings,
            Class<? extends Reducer<Text, IntWritable, Text, IntWritable>> reducer) throws IOException {
        Job job = Job.getInstance(settings, "words");
        job.setJarByClass(Jobs.class);
        job.setMapperClass(Words.class);
        job.setReducerClass(reducer);
        job.setNumReduceTasks(3);
        job.setOutputKeyClass(Text.class);
        job.setOutputValueClass(IntWritable.class);
        FileInputFormat.addInputPath(job, store.path("input"));
        FileOutputFormat.setOutputPath(job, store.path("output"));
        return job;
    }

    private static TreeMap<String, String> results(HadoopS3a.Store store, FileSystem fs) throws IOException {
        TreeMap<String, String> found = new TreeMap<>();
        for (FileStatus each : fs.globStatus(store.path("output/part-*"))) {
            for (String line : HadoopS3a.text(fs, each.getPath()).split("\n")) {
                String[] words = line.split("\t");
                found.put(words[0], words[1]);
            }
        }
        return found;
    }

    /** Who says in {@code _SUCCESS} that it committed; the committer of old writes an empty one. */
    private static String committerTold(HadoopS3a.Store store, FileSystem fs) throws IOException {
        Path marker = store.path("output/_SUCCESS");
        boolean isEmpty = fs.getFileStatus(marker).getLen() == 0;
        return isEmpty ? "file" : SuccessData.load(fs, marker).getCommitter();
    }
}
