// What JavaScript programs do with S3, one function a case. Run by tests/clients/test_javascript.py:
//
//   node cases.mjs CASE BUCKET
//
// prints one JSON document. The environment says where (S3_ENDPOINT, S3_DOMAIN, AWS_*) and which
// packages (S3_PACKAGES, a folder with node_modules).

import { createHash } from "node:crypto";
import { lookup } from "node:dns";
import { Agent } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import { Readable } from "node:stream";

const require = createRequire(join(process.env.S3_PACKAGES, "package.json"));
const S3 = require("@aws-sdk/client-s3");
const { Upload } = require("@aws-sdk/lib-storage");
const { getSignedUrl } = require("@aws-sdk/s3-request-presigner");

const MIB = 1024 * 1024;

// Deterministic bytes that do not repeat.
function content(size, seed = 1) {
  const data = Buffer.alloc(size);
  let state = seed >>> 0 || 1;
  for (let index = 0; index < size; index++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    data[index] = state >>> 24;
  }
  return data;
}

const sha256 = (data) => createHash("sha256").update(data).digest("hex");

// A stream that tells nobody how long it is.
function* pieces(data, size = 60_000) {
  for (let start = 0; start < data.length; start += size) yield data.subarray(start, start + size);
}
const stream = (data) => Readable.from(pieces(data), { objectMode: false });

function client(options = {}) {
  return new S3.S3Client({
    endpoint: process.env.S3_ENDPOINT,
    forcePathStyle: true,
    maxAttempts: 1,
    ...options,
  });
}

async function body(s3, Bucket, Key, more = {}) {
  const got = await s3.send(new S3.GetObjectCommand({ Bucket, Key, ...more }));
  return Buffer.from(await got.Body.transformToByteArray());
}

async function refusal(promise) {
  try {
    await promise;
  } catch (error) {
    return { code: error.name, status: error.$metadata?.httpStatusCode };
  }
  return null;
}

const cases = {
  async objects(Bucket) {
    const s3 = client();
    const data = content(200_000);
    const put = await s3.send(
      new S3.PutObjectCommand({
        Bucket,
        Key: "dir/a b+é",
        Body: data,
        ContentType: "text/plain",
        Metadata: { a: "1" },
        Tagging: "t=1",
      }),
    );
    const head = await s3.send(new S3.HeadObjectCommand({ Bucket, Key: "dir/a b+é" }));
    const got = await body(s3, Bucket, "dir/a b+é");
    const range = await body(s3, Bucket, "dir/a b+é", { Range: "bytes=10-19" });
    await s3.send(
      new S3.CopyObjectCommand({
        Bucket,
        Key: "copy",
        CopySource: `${Bucket}/${encodeURIComponent("dir/a b+é")}`,
      }),
    );
    const copy = await body(s3, Bucket, "copy");
    const tags = await s3.send(new S3.GetObjectTaggingCommand({ Bucket, Key: "copy" }));
    const attributes = await s3.send(
      new S3.GetObjectAttributesCommand({
        Bucket,
        Key: "copy",
        ObjectAttributes: ["ETag", "ObjectSize"],
      }),
    );
    await s3.send(new S3.DeleteObjectCommand({ Bucket, Key: "copy" }));
    return {
      same: [got, copy].every((each) => sha256(each) === sha256(data)),
      range: range.equals(data.subarray(10, 20)),
      etag: put.ETag === head.ETag && put.ETag.length === 34,
      type: head.ContentType,
      metadata: head.Metadata,
      length: head.ContentLength,
      tags: tags.TagSet,
      size: attributes.ObjectSize,
      gone: await refusal(body(s3, Bucket, "copy")),
      absent: await refusal(s3.send(new S3.HeadObjectCommand({ Bucket, Key: "absent" }))),
    };
  },

  async listing(Bucket) {
    const s3 = client();
    const keys = ["a", "a/b", "a/c/d", "b&<>", "z+é"];
    for (const Key of keys) await s3.send(new S3.PutObjectCommand({ Bucket, Key, Body: Key }));
    const paged = [];
    for await (const page of S3.paginateListObjectsV2({ client: s3, pageSize: 2 }, { Bucket })) {
      paged.push(...page.Contents.map((each) => each.Key));
    }
    const rolled = await s3.send(new S3.ListObjectsV2Command({ Bucket, Delimiter: "/" }));
    const buckets = await s3.send(new S3.ListBucketsCommand({}));
    const deleted = await s3.send(
      new S3.DeleteObjectsCommand({ Bucket, Delete: { Objects: keys.map((Key) => ({ Key })) } }),
    );
    const left = await s3.send(new S3.ListObjectsV2Command({ Bucket }));
    return {
      paged,
      prefixes: rolled.CommonPrefixes.map((each) => each.Prefix),
      top: rolled.Contents.map((each) => each.Key),
      listed: buckets.Buckets.some((each) => each.Name === Bucket),
      deleted: deleted.Deleted.map((each) => each.Key).sort(),
      left: left.KeyCount,
    };
  },

  async checksums(Bucket) {
    const s3 = client();
    const data = content(30_000);
    const found = {};
    for (const ChecksumAlgorithm of ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"]) {
      const Key = ChecksumAlgorithm;
      const put = await s3.send(
        new S3.PutObjectCommand({ Bucket, Key, Body: data, ChecksumAlgorithm }),
      );
      const got = await s3.send(
        new S3.GetObjectCommand({ Bucket, Key, ChecksumMode: "ENABLED" }),
      );
      const bytes = Buffer.from(await got.Body.transformToByteArray());
      const field = `Checksum${ChecksumAlgorithm}`;
      found[ChecksumAlgorithm] = {
        answered: put[field],
        kept: got[field],
        same: sha256(bytes) === sha256(data),
      };
    }
    const wrong = await refusal(
      s3.send(
        new S3.PutObjectCommand({ Bucket, Key: "wrong", Body: data, ChecksumCRC32: "AAAAAA==" }),
      ),
    );
    return { found, wrong, size: data.length, sha256: sha256(data), data: data.toString("base64") };
  },

  // aws-chunked with the checksum in a trailer.
  async streams(Bucket) {
    const s3 = client();
    const data = content(700_000);
    const found = {};
    for (const ChecksumAlgorithm of ["CRC32", "CRC32C", "CRC64NVME", "SHA256"]) {
      const Key = `known/${ChecksumAlgorithm}`;
      const command = new S3.PutObjectCommand({
        Bucket,
        Key,
        Body: stream(data),
        ContentLength: data.length,
        ContentEncoding: ChecksumAlgorithm === "SHA256" ? "gzip" : undefined,
        ChecksumAlgorithm,
      });
      let sent = {};
      command.middlewareStack.add(
        (next) => async (args) => {
          sent = args.request.headers;
          return next(args);
        },
        { step: "finalizeRequest", priority: "low" },
      );
      await s3.send(command);
      const head = await s3.send(new S3.HeadObjectCommand({ Bucket, Key }));
      found[ChecksumAlgorithm] = {
        trailer: sent["x-amz-trailer"],
        framing: sent["x-amz-content-sha256"],
        encoding: head.ContentEncoding ?? null,
        length: head.ContentLength,
        same: sha256(await body(s3, Bucket, Key)) === sha256(data),
      };
    }
    return found;
  },

  async multipart(Bucket) {
    const s3 = client();
    const data = content(12 * MIB + 5);
    let parts = 0;
    const upload = new Upload({
      client: s3,
      params: { Bucket, Key: "big", Body: stream(data), ContentType: "video/mp4" },
      partSize: 5 * MIB,
      queueSize: 3,
    });
    upload.on("httpUploadProgress", () => parts++);
    const done = await upload.done();
    const small = new Upload({ client: s3, params: { Bucket, Key: "small", Body: stream(data.subarray(0, 9)) } });
    await small.done();
    const aborted = new Upload({
      client: s3,
      params: { Bucket, Key: "aborted", Body: stream(data) },
      partSize: 5 * MIB,
    });
    aborted.on("httpUploadProgress", () => aborted.abort());
    const abort = await refusal(aborted.done());
    const head = await s3.send(new S3.HeadObjectCommand({ Bucket, Key: "big" }));
    const second = await s3.send(new S3.GetObjectCommand({ Bucket, Key: "big", PartNumber: 2 }));
    await second.Body.transformToByteArray();
    return {
      parts: parts >= 3,
      etag: done.ETag.endsWith('-3"') && done.ETag === head.ETag,
      type: head.ContentType,
      same: sha256(await body(s3, Bucket, "big")) === sha256(data),
      small: sha256(await body(s3, Bucket, "small")) === sha256(data.subarray(0, 9)),
      partLength: second.ContentLength,
      abort: abort?.code,
      keys: (await s3.send(new S3.ListObjectsV2Command({ Bucket }))).Contents.map((e) => e.Key),
    };
  },

  async presigned(Bucket) {
    const s3 = client();
    const Key = "a b+é/日本";
    const put = await getSignedUrl(s3, new S3.PutObjectCommand({ Bucket, Key }), { expiresIn: 60 });
    const written = await fetch(put, { method: "PUT", body: "from a browser" });
    const get = await getSignedUrl(s3, new S3.GetObjectCommand({ Bucket, Key }), { expiresIn: 60 });
    const read = await fetch(get);
    const text = await read.text();
    const changed = await fetch(get.replace("X-Amz-Expires=60", "X-Amz-Expires=61"));
    await changed.text();
    const bare = await fetch(get.split("?")[0]);
    await bare.text();
    return {
      written: written.status,
      etag: written.headers.has("etag"),
      read: read.status,
      text,
      changed: changed.status,
      bare: bare.status,
    };
  },

  async conditions(Bucket) {
    const s3 = client();
    const put = (more) =>
      s3.send(new S3.PutObjectCommand({ Bucket, Key: "k", Body: "x", ...more }));
    const first = await put({ IfNoneMatch: "*" });
    return {
      again: await refusal(put({ IfNoneMatch: "*" })),
      other: await refusal(put({ IfMatch: '"0"' })),
      same: (await put({ IfMatch: first.ETag })).ETag === first.ETag,
      unchanged: await refusal(body(s3, Bucket, "k", { IfNoneMatch: first.ETag })),
    };
  },

  async hosts(Bucket) {
    // RFC 6761, 6.3: names below localhost are the loopback.
    const agent = new Agent({
      keepAlive: true,
      lookup: (host, options, done) =>
        lookup(host.endsWith(".localhost") ? "127.0.0.1" : host, options, done),
    });
    const s3 = client({
      endpoint: `http://${process.env.S3_DOMAIN}`,
      forcePathStyle: false,
      requestHandler: { httpAgent: agent },
    });
    let host = null;
    s3.middlewareStack.add(
      (next) => async (args) => {
        host = args.request.hostname;
        return next(args);
      },
      { step: "finalizeRequest", priority: "low" },
    );
    await s3.send(new S3.PutObjectCommand({ Bucket, Key: "é//k", Body: "hosted" }));
    const text = (await body(s3, Bucket, "é//k")).toString();
    agent.destroy();
    return { host: host === `${Bucket}.${process.env.S3_DOMAIN.split(":")[0]}`, text };
  },

  async refusals(Bucket) {
    const send = (credentials) =>
      client({ credentials }).send(new S3.ListObjectsV2Command({ Bucket }));
    const accessKeyId = process.env.AWS_ACCESS_KEY_ID;
    return {
      secret: await refusal(send({ accessKeyId, secretAccessKey: "wrong" })),
      access: await refusal(send({ accessKeyId: "AKIAUNKNOWN000000000", secretAccessKey: "x" })),
      bucket: await refusal(
        client().send(new S3.ListObjectsV2Command({ Bucket: `${Bucket}-absent` })),
      ),
    };
  },
};

const [name, bucket] = process.argv.slice(2);
process.stdout.write(JSON.stringify(await cases[name](bucket)));
