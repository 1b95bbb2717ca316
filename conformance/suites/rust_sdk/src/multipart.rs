//! Objects in parts: sent, copied, listed, given up.

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    ChecksumAlgorithm, ChecksumMode, ChecksumType, CompletedMultipartUpload, CompletedPart, ObjectAttributes,
};

use crate::bodies::{ALGORITHMS, stream_of};
use crate::{Failure, MIB, content, holds, refused, same};

pub async fn multipart(s3: &Client, bucket: &str) -> Result<(), Failure> {
    let data = content(11 * MIB);
    for algorithm in ALGORITHMS {
        for kind in [ChecksumType::FullObject, ChecksumType::Composite] {
            let is_sha = matches!(algorithm, ChecksumAlgorithm::Sha1 | ChecksumAlgorithm::Sha256);
            let is_possible = match kind {
                ChecksumType::FullObject => !is_sha,
                _ => algorithm != ChecksumAlgorithm::Crc64Nvme,
            };
            if is_possible {
                sent(s3, bucket, &data, &algorithm, &kind).await?;
            }
        }
    }
    given_up(s3, bucket).await
}

/// Two parts, the second first: one from memory, one a stream.
async fn sent(
    s3: &Client,
    bucket: &str,
    data: &[u8],
    algorithm: &ChecksumAlgorithm,
    kind: &ChecksumType,
) -> Result<(), Failure> {
    let key = format!("{algorithm} {kind}/é+");
    let started = s3
        .create_multipart_upload()
        .bucket(bucket)
        .key(&key)
        .checksum_algorithm(algorithm.clone())
        .checksum_type(kind.clone())
        .metadata("colour", "green")
        .send()
        .await?;
    let upload = started.upload_id().ok_or("no upload id")?;
    let (first, second) = data.split_at(6 * MIB);
    let parts = [(2, stream_of(second), second.len()), (1, ByteStream::from(first.to_vec()), first.len())];
    let mut done = Vec::new();
    for (number, body, length) in parts {
        let part = s3
            .upload_part()
            .bucket(bucket)
            .key(&key)
            .upload_id(upload)
            .part_number(number)
            .content_length(length as i64)
            .checksum_algorithm(algorithm.clone())
            .body(body)
            .send()
            .await?;
        done.push(
            CompletedPart::builder()
                .part_number(number)
                .set_e_tag(part.e_tag)
                .set_checksum_crc32(part.checksum_crc32)
                .set_checksum_crc32_c(part.checksum_crc32_c)
                .set_checksum_crc64_nvme(part.checksum_crc64_nvme)
                .set_checksum_sha1(part.checksum_sha1)
                .set_checksum_sha256(part.checksum_sha256)
                .build(),
        );
    }
    let mut listed = Vec::new();
    let mut pages =
        s3.list_parts().bucket(bucket).key(&key).upload_id(upload).into_paginator().page_size(1).send();
    while let Some(page) = pages.next().await {
        listed.extend(page?.parts().iter().map(|part| (part.part_number(), part.size())));
    }
    same(vec![(Some(1), Some(first.len() as i64)), (Some(2), Some(second.len() as i64))], listed)?;
    done.reverse();
    s3.complete_multipart_upload()
        .bucket(bucket)
        .key(&key)
        .upload_id(upload)
        .checksum_type(kind.clone())
        .multipart_upload(CompletedMultipartUpload::builder().set_parts(Some(done)).build())
        .if_none_match("*")
        .send()
        .await?;
    holds(s3, bucket, &key, data).await?;
    let head = s3.head_object().bucket(bucket).key(&key).checksum_mode(ChecksumMode::Enabled).send().await?;
    same(Some(kind), head.checksum_type())?;
    same(Some("green"), head.metadata().and_then(|all| all.get("colour")).map(String::as_str))?;
    let part = s3.get_object().bucket(bucket).key(&key).part_number(2).send().await?;
    same(Some(2), part.parts_count())?;
    same(second, &part.body.collect().await?.to_vec()[..])?;
    let told = s3
        .get_object_attributes()
        .bucket(bucket)
        .key(&key)
        .object_attributes(ObjectAttributes::ObjectParts)
        .send()
        .await?;
    same(Some(2), told.object_parts().and_then(|parts| parts.total_parts_count()))
}

async fn given_up(s3: &Client, bucket: &str) -> Result<(), Failure> {
    let started = s3.create_multipart_upload().bucket(bucket).key("given up").send().await?;
    let upload = started.upload_id().ok_or("no upload id")?;
    s3.upload_part()
        .bucket(bucket)
        .key("given up")
        .upload_id(upload)
        .part_number(1)
        .body(ByteStream::from_static(b"part"))
        .send()
        .await?;
    let listed = s3.list_multipart_uploads().bucket(bucket).prefix("given").send().await?;
    same(vec![Some(upload)], listed.uploads().iter().map(|each| each.upload_id()).collect())?;
    s3.abort_multipart_upload().bucket(bucket).key("given up").upload_id(upload).send().await?;
    same(0, s3.list_multipart_uploads().bucket(bucket).send().await?.uploads().len())?;
    let late = s3
        .upload_part()
        .bucket(bucket)
        .key("given up")
        .upload_id(upload)
        .part_number(2)
        .body(ByteStream::from_static(b"part"))
        .send()
        .await;
    refused(late, 404, "NoSuchUpload")?;
    let again = s3.abort_multipart_upload().bucket(bucket).key("given up").upload_id(upload).send().await;
    same(true, refused(again, 404, "NoSuchUpload")?.is_no_such_upload())
}

/// An object made of pieces of another.
pub async fn copies(s3: &Client, bucket: &str) -> Result<(), Failure> {
    let data = content(12 * MIB);
    s3.put_object().bucket(bucket).key("source é").body(ByteStream::from(data.clone())).send().await?;
    let started = s3.create_multipart_upload().bucket(bucket).key("copy").send().await?;
    let upload = started.upload_id().ok_or("no upload id")?;
    let mut done = Vec::new();
    for (number, from, to) in [(1, 5 * MIB, 12 * MIB), (2, 0, 5 * MIB)] {
        let part = s3
            .upload_part_copy()
            .bucket(bucket)
            .key("copy")
            .upload_id(upload)
            .part_number(number)
            .copy_source(format!("{bucket}/source%20%C3%A9"))
            .copy_source_range(format!("bytes={from}-{}", to - 1))
            .send()
            .await?;
        let tag = part.copy_part_result().and_then(|part| part.e_tag()).ok_or("no ETag")?.to_owned();
        done.push(CompletedPart::builder().part_number(number).e_tag(tag).build());
    }
    s3.complete_multipart_upload()
        .bucket(bucket)
        .key("copy")
        .upload_id(upload)
        .multipart_upload(CompletedMultipartUpload::builder().set_parts(Some(done)).build())
        .send()
        .await?;
    holds(s3, bucket, "copy", &[&data[5 * MIB..], &data[..5 * MIB]].concat()).await
}
