// What Node.js applications keep files in S3 with: node applications.mjs CASE BUCKET.
// Status 0 if the server did it. The environment says where (S3_ENDPOINT) and the keys.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { once } from "node:events";

import { GetObjectCommand, HeadObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { S3Store } from "@tus/s3-store";
import { Server } from "@tus/server";
import express from "express";
import { Disk } from "flydrive";
import { S3Driver } from "flydrive/drivers/s3";
import { Client } from "minio";
import multer from "multer";
import multerS3 from "multer-s3";
import { createStorage } from "unstorage";
import s3Driver from "unstorage/drivers/s3";

const MIB = 1024 * 1024;
const endpoint = process.env.S3_ENDPOINT;
const region = process.env.AWS_REGION;
const credentials = {
  accessKeyId: process.env.AWS_ACCESS_KEY_ID,
  secretAccessKey: process.env.AWS_SECRET_ACCESS_KEY,
};
const s3 = new S3Client({ endpoint, region, credentials, forcePathStyle: true });

// size bytes that do not repeat, always the same.
function content(size) {
  const pieces = [];
  for (let made = 0; made < size; made += 64) {
    pieces.push(createHash("sha512").update(`${size} ${made}`).digest());
  }
  return Buffer.concat(pieces).subarray(0, size);
}

const digest = (bytes) => createHash("sha256").update(bytes).digest("hex");

async function stored(Bucket, Key) {
  const answer = await s3.send(new GetObjectCommand({ Bucket, Key }));
  return Buffer.from(await answer.Body.transformToByteArray());
}

async function fetched(url) {
  const answer = await fetch(url);
  assert.equal(answer.status, 200, url);
  return Buffer.from(await answer.arrayBuffer());
}

async function minio(bucket) {
  const { hostname, port, protocol } = new URL(endpoint);
  const client = new Client({
    endPoint: hostname,
    port: Number(port),
    useSSL: protocol === "https:",
    accessKey: credentials.accessKeyId,
    secretKey: credentials.secretAccessKey,
  });
  const data = content(70 * MIB); // above 64 MiB it sends parts
  await client.putObject(bucket, "large", data);
  await client.putObject(bucket, "f é+", Buffer.from("small"), 5, { "x-amz-meta-a": "b" });
  assert.equal((await client.statObject(bucket, "f é+")).metaData.a, "b");
  const pieces = [];
  for await (const piece of await client.getObject(bucket, "large")) pieces.push(piece);
  assert.equal(digest(Buffer.concat(pieces)), digest(data));
  await client.copyObject(bucket, "copy", `/${bucket}/large`);
  const names = [];
  for await (const each of client.listObjectsV2(bucket, "", true)) names.push(each.name);
  assert.deepEqual(names, ["copy", "f é+", "large"]);
  assert.equal(String(await fetched(await client.presignedGetObject(bucket, "f é+"))), "small");
  const there = await client.presignedPutObject(bucket, "sent");
  assert.equal((await fetch(there, { method: "PUT", body: "sent" })).status, 200);
  assert.equal(String(await stored(bucket, "sent")), "sent");
  await client.removeObjects(bucket, [...names, "sent"]);
  await assert.rejects(client.statObject(bucket, "large"), { code: "NotFound" });
}

async function forms(bucket) {
  const storage = multerS3({
    s3,
    bucket,
    contentType: multerS3.AUTO_CONTENT_TYPE,
    metadata: (_, file, done) => done(null, { field: file.fieldname }),
    key: (_, file, done) => done(null, `up/${file.originalname}`),
  });
  const application = express();
  application.post("/", multer({ storage }).array("files"), (request, answer) => {
    answer.json(request.files.map((file) => file.key));
  });
  const server = application.listen(0, "127.0.0.1");
  await once(server, "listening");
  const form = new FormData();
  form.append("files", new Blob([content(12 * MIB)]), "large.bin");
  form.append("files", new Blob([Buffer.from("small")]), "small.txt");
  const answer = await fetch(`http://127.0.0.1:${server.address().port}/`, {
    method: "POST",
    body: form,
  });
  assert.deepEqual(await answer.json(), ["up/large.bin", "up/small.txt"]);
  assert.equal(digest(await stored(bucket, "up/large.bin")), digest(content(12 * MIB)));
  const told = await s3.send(new HeadObjectCommand({ Bucket: bucket, Key: "up/small.txt" }));
  assert.deepEqual([told.ContentLength, told.Metadata], [5, { field: "files" }]);
}

async function tus(bucket) {
  const datastore = new S3Store({
    partSize: 8 * MIB,
    s3ClientConfig: { bucket, endpoint, region, credentials, forcePathStyle: true },
  });
  const server = new Server({ path: "/files", datastore }).listen({ host: "127.0.0.1", port: 0 });
  await once(server, "listening");
  const at = `http://127.0.0.1:${server.address().port}`;
  const data = content(20 * MIB);
  const version = { "Tus-Resumable": "1.0.0" };
  const created = await fetch(`${at}/files`, {
    method: "POST",
    headers: { ...version, "Upload-Length": String(data.length) },
  });
  const upload = at + new URL(created.headers.get("location")).pathname;
  const offset = async () =>
    Number((await fetch(upload, { method: "HEAD", headers: version })).headers.get("upload-offset"));
  for (const end of [9 * MIB, 9 * MIB + 100, data.length]) {
    const start = await offset();
    await fetch(upload, {
      method: "PATCH",
      headers: {
        ...version,
        "Upload-Offset": String(start),
        "Content-Type": "application/offset+octet-stream",
      },
      body: data.subarray(start, end),
    });
    assert.equal(await offset(), end);
  }
  assert.equal(digest(await stored(bucket, upload.split("/").pop())), digest(data));
}

async function flydrive(bucket) {
  const driver = { endpoint, region, bucket, credentials, forcePathStyle: true, visibility: "private" };
  const disk = new Disk(new S3Driver(driver));
  await disk.put("d/a", "text");
  await disk.copy("d/a", "d/b");
  await disk.move("d/b", "d/c");
  assert.equal(await disk.exists("d/b"), false);
  assert.equal(await disk.get("d/c"), "text");
  assert.equal(String(await fetched(await disk.getSignedUrl("d/c"))), "text");
  const listed = [...(await disk.listAll("d")).objects].map((each) => each.key);
  assert.deepEqual(listed, ["d/a", "d/c"]);
  await disk.deleteAll("d");
  assert.equal(await disk.exists("d/a"), false);
}

async function unstorage(bucket) {
  const storage = createStorage({ driver: s3Driver({ endpoint, bucket, region, ...credentials }) });
  await storage.setItem("users:a", { name: "é" });
  await storage.setItem("users:b", "text");
  assert.deepEqual((await storage.getKeys("users")).sort(), ["users:a", "users:b"]);
  assert.deepEqual(await storage.getItem("users:a"), { name: "é" });
  await storage.removeItem("users:a");
  assert.equal(await storage.getItem("users:a"), null);
}

const [, , name, bucket] = process.argv;
await { minio, forms, tus, flydrive, unstorage }[name](bucket);
process.exit(0);
