//! Bodies: from memory, from a file, from a stream; with checksums before them or, signed, after them.

use std::convert::Infallible;
use std::path::Path;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::RequestChecksumCalculation;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumMode};
use bytes::Bytes;
use futures_util::stream;
use http_body::Frame;
use http_body_util::StreamBody;

use crate::{Failure, MIB, client, content, holds, refused, same};

pub const ALGORITHMS: [ChecksumAlgorithm; 5] = [
    ChecksumAlgorithm::Crc32,
    ChecksumAlgorithm::Crc32C,
    ChecksumAlgorithm::Crc64Nvme,
    ChecksumAlgorithm::Sha1,
    ChecksumAlgorithm::Sha256,
];

/// What is sent as it comes: it cannot be read twice, and does not tell its length.
pub fn stream_of(data: &[u8]) -> ByteStream {
    let pieces: Vec<_> = data
        .chunks(70_001)
        .map(|piece| Ok::<_, Infallible>(Frame::data(Bytes::copy_from_slice(piece))))
        .collect();
    ByteStream::from_body_1_x(StreamBody::new(stream::iter(pieces)))
}

pub async fn checksums(s3: &Client, bucket: &str) -> Result<(), Failure> {
    let folder = Path::new("bodies");
    std::fs::create_dir_all(folder)?;
    for size in [0, 1000, 200_000] {
        let data = content(size);
        let file = folder.join(size.to_string());
        std::fs::write(&file, &data)?;
        for algorithm in ALGORITHMS {
            for body in [ByteStream::from(data.clone()), ByteStream::from_path(&file).await?] {
                let key = format!("{algorithm}-{size}");
                let put = s3
                    .put_object()
                    .bucket(bucket)
                    .key(&key)
                    .checksum_algorithm(algorithm.clone())
                    .body(body)
                    .send()
                    .await?;
                let head = s3
                    .head_object()
                    .bucket(bucket)
                    .key(&key)
                    .checksum_mode(ChecksumMode::Enabled)
                    .send()
                    .await?;
                let (sent, told) = match algorithm {
                    ChecksumAlgorithm::Crc32 => (put.checksum_crc32(), head.checksum_crc32()),
                    ChecksumAlgorithm::Crc32C => (put.checksum_crc32_c(), head.checksum_crc32_c()),
                    ChecksumAlgorithm::Crc64Nvme => (put.checksum_crc64_nvme(), head.checksum_crc64_nvme()),
                    ChecksumAlgorithm::Sha1 => (put.checksum_sha1(), head.checksum_sha1()),
                    _ => (put.checksum_sha256(), head.checksum_sha256()),
                };
                same(true, told.is_some())?;
                same(sent, told)?;
                holds(s3, bucket, &key, &data).await?;
            }
        }
    }
    let wrong = s3
        .put_object()
        .bucket(bucket)
        .key("wrong")
        .checksum_crc32("AAAAAA==")
        .body(ByteStream::from_static(b"text"))
        .send()
        .await;
    refused(wrong, 400, "BadDigest")?;
    refused(s3.get_object().bucket(bucket).key("wrong").send().await, 404, "NoSuchKey")?;
    Ok(())
}

pub async fn streams(s3: &Client, bucket: &str) -> Result<(), Failure> {
    let data = content(9 * MIB + 1);
    std::fs::write("file", &data)?;
    s3.put_object()
        .bucket(bucket)
        .key("file")
        .body(ByteStream::from_path("file").await?)
        .content_encoding("gzip-not")
        .send()
        .await?;
    holds(s3, bucket, "file", &data).await?;
    let head = s3.head_object().bucket(bucket).key("file").send().await?;
    same(Some("gzip-not"), head.content_encoding())?;
    let part =
        ByteStream::read_from().path("file").offset(5).length(aws_sdk_s3::primitives::Length::Exact(70_000));
    s3.put_object().bucket(bucket).key("piece").body(part.build().await?).send().await?;
    holds(s3, bucket, "piece", &data[5..70_005]).await?;
    s3.put_object()
        .bucket(bucket)
        .key("stream")
        .content_length(data.len() as i64)
        .body(stream_of(&data))
        .send()
        .await?;
    holds(s3, bucket, "stream", &data).await?;
    let plain =
        client(|settings| settings.request_checksum_calculation(RequestChecksumCalculation::WhenRequired))
            .await;
    plain
        .put_object()
        .bucket(bucket)
        .key("plain")
        .content_length(data.len() as i64)
        .body(stream_of(&data))
        .send()
        .await?;
    holds(&plain, bucket, "plain", &data).await?;
    let unknown = plain.put_object().bucket(bucket).key("unknown").body(stream_of(&data)).send().await;
    refused(unknown, 501, "NotImplemented")?;
    refused(s3.get_object().bucket(bucket).key("unknown").send().await, 404, "NoSuchKey")?;
    Ok(())
}
