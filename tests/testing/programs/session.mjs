// What a test in JavaScript does with `s3front dev`: arms faults over HTTP, uses the SDK, looks at
// what was asked. The environment says where (AWS_*) and which packages (S3_PACKAGES). Prints JSON.

import { createRequire } from "node:module";
import { join } from "node:path";

const require = createRequire(join(process.env.S3_PACKAGES, "package.json"));
const { S3Client, GetObjectCommand, PutObjectCommand } = require("@aws-sdk/client-s3");

const dev = `${process.env.AWS_ENDPOINT_URL_S3}/-/dev`;
const arm = async (fault) =>
  (await fetch(`${dev}/faults`, { method: "POST", body: JSON.stringify(fault) })).status;

const s3 = new S3Client({});
const found = {};
const name = { Bucket: "photos", Key: "cat.jpg" };

found.armed = await arm({ kind: "fail", operation: "PutObject", code: "SlowDown", times: 2 });
await s3.send(new PutObjectCommand({ ...name, Body: "a cat" }));

await arm({ kind: "wrong_checksum" });
try {
  const got = await s3.send(new GetObjectCommand(name));
  await got.Body.transformToString();
} catch (error) {
  found.corrupt = error.message.includes("Checksum mismatch");
}

await arm({ kind: "cut", operation: "GetObject", after_bytes: 2 });
try {
  const got = await s3.send(new GetObjectCommand(name));
  await got.Body.transformToString();
} catch (error) {
  found.cut = error.code ?? error.name;
}

found.body = await (await s3.send(new GetObjectCommand(name))).Body.transformToString();
const { requests } = await (await fetch(`${dev}/requests?bucket=photos`)).json();
found.requests = requests.map((one) => [one.operation, one.status, one.faults.join()]);
found.reset = (await fetch(`${dev}/reset`, { method: "POST" })).status;
found.left = (await (await fetch(`${dev}/requests`)).json()).requests.length;
console.log(JSON.stringify(found));
