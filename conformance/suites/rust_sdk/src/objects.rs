//! Objects: written, told of, copied, listed, deleted, read in part and on conditions.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::client::Waiters;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{Delete, MetadataDirective, ObjectAttributes, ObjectIdentifier, StorageClass};

use crate::{Failure, content, get, holds, put, refused, same};

const KEYS: [&str; 9] =
    ["plain", "a b+é/日本", "a//b", "dir/", "a%2Fb", "~!*'()", "a/../b", "&<>\"", "\u{1f600}?#=;,"];

pub async fn objects(s3: &Client, bucket: &str) -> Result<(), Failure> {
    for key in KEYS {
        let data = [key.as_bytes(), &content(1000)].concat();
        put(s3, bucket, key, &data).await?;
        holds(s3, bucket, key, &data).await?;
        let head = s3.head_object().bucket(bucket).key(key).send().await?;
        same(Some(data.len() as i64), head.content_length())?;
        let source = format!("{bucket}/{}", encoded(key));
        let copy = format!("copy/{key}");
        s3.copy_object().bucket(bucket).key(&copy).copy_source(source).send().await?;
        holds(s3, bucket, &copy, &data).await?;
        s3.delete_object().bucket(bucket).key(key).send().await?;
        refused(s3.get_object().bucket(bucket).key(key).send().await, 404, "NoSuchKey")?;
    }
    headers(s3, bucket).await
}

/// A key as `x-amz-copy-source` wants it.
pub fn encoded(key: &str) -> String {
    key.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

async fn headers(s3: &Client, bucket: &str) -> Result<(), Failure> {
    s3.put_object()
        .bucket(bucket)
        .key("headers")
        .body(ByteStream::from_static(b"text"))
        .content_type("text/x-rust")
        .cache_control("max-age=60")
        .content_language("de")
        .content_disposition("attachment; filename=\"f\"")
        .content_encoding("identity-not")
        .metadata("colour", "green")
        .metadata("place", "a b")
        .storage_class(StorageClass::Standard)
        .tagging("a=1&b=c%20d")
        .send()
        .await?;
    let head = s3.head_object().bucket(bucket).key("headers").send().await?;
    same(Some("text/x-rust"), head.content_type())?;
    same(Some("max-age=60"), head.cache_control())?;
    same(Some("de"), head.content_language())?;
    same(Some("attachment; filename=\"f\""), head.content_disposition())?;
    same(Some("identity-not"), head.content_encoding())?;
    same(Some("a b"), head.metadata().and_then(|all| all.get("place")).map(String::as_str))?;
    let tags = s3.get_object_tagging().bucket(bucket).key("headers").send().await?;
    same(
        vec![("a", "1"), ("b", "c d")],
        tags.tag_set().iter().map(|tag| (tag.key(), tag.value())).collect(),
    )?;
    s3.copy_object()
        .bucket(bucket)
        .key("replaced")
        .copy_source(format!("{bucket}/headers"))
        .metadata_directive(MetadataDirective::Replace)
        .metadata("colour", "red")
        .send()
        .await?;
    let replaced = s3.head_object().bucket(bucket).key("replaced").send().await?;
    same(Some("red"), replaced.metadata().and_then(|all| all.get("colour")).map(String::as_str))?;
    same(None, replaced.cache_control())?;
    let told = s3
        .get_object_attributes()
        .bucket(bucket)
        .key("headers")
        .object_attributes(ObjectAttributes::ObjectSize)
        .object_attributes(ObjectAttributes::Etag)
        .object_attributes(ObjectAttributes::Checksum)
        .object_attributes(ObjectAttributes::StorageClass)
        .send()
        .await?;
    same(Some(4), told.object_size())?;
    same(true, told.checksum().is_some_and(|sums| sums.checksum_crc32().is_some()))?;
    same(head.e_tag().map(|tag| tag.trim_matches('"')), told.e_tag())?;
    let read = s3
        .get_object()
        .bucket(bucket)
        .key("headers")
        .response_content_type("text/other")
        .response_cache_control("no-store")
        .send()
        .await?;
    same(Some("text/other"), read.content_type())?;
    same(Some("no-store"), read.cache_control())
}

pub async fn listing(s3: &Client, bucket: &str) -> Result<(), Failure> {
    let mut keys: Vec<String> = KEYS.iter().map(ToString::to_string).collect();
    keys.extend((0..20).map(|number| format!("many/{number:02}/é &")));
    keys.sort_unstable();
    for key in &keys {
        put(s3, bucket, key, b"").await?;
    }
    let mut found = Vec::new();
    let mut pages = s3.list_objects_v2().bucket(bucket).into_paginator().page_size(3).send();
    while let Some(page) = pages.next().await {
        found.extend(page?.contents().iter().filter_map(|each| each.key().map(String::from)));
    }
    same(&keys, &found)?;
    let mut folders = Vec::new();
    let mut pages = s3
        .list_objects_v2()
        .bucket(bucket)
        .prefix("many/")
        .delimiter("/")
        .into_paginator()
        .page_size(7)
        .send();
    while let Some(page) = pages.next().await {
        folders.extend(page?.common_prefixes().iter().filter_map(|each| each.prefix().map(String::from)));
    }
    same((0..20).map(|number| format!("many/{number:02}/")).collect(), folders)?;
    let older =
        s3.list_objects().bucket(bucket).marker("many/05/é &").prefix("many/").max_keys(2).send().await?;
    same(
        vec!["many/06/é &", "many/07/é &"],
        older.contents().iter().filter_map(|each| each.key()).collect(),
    )?;
    same(Some(true), older.is_truncated())?;
    deleted(s3, bucket, &keys).await
}

/// Many keys in one request, one of them absent.
async fn deleted(s3: &Client, bucket: &str, keys: &[String]) -> Result<(), Failure> {
    let mut these = Delete::builder();
    for key in keys.iter().map(String::as_str).chain(["absent"]) {
        these = these.objects(ObjectIdentifier::builder().key(key).build()?);
    }
    let done = s3.delete_objects().bucket(bucket).delete(these.build()?).send().await?;
    same(keys.len() + 1, done.deleted().len())?;
    same(0, done.errors().len())?;
    let left = s3.list_objects_v2().bucket(bucket).send().await?;
    same(Some(0), left.key_count())
}

pub async fn ranges(s3: &Client, bucket: &str) -> Result<(), Failure> {
    let data = content(100_000);
    put(s3, bucket, "k", &data).await?;
    for (range, expected, told) in [
        ("bytes=0-0", &data[..1], "bytes 0-0/100000"),
        ("bytes=500-1499", &data[500..1500], "bytes 500-1499/100000"),
        ("bytes=99990-", &data[99_990..], "bytes 99990-99999/100000"),
        ("bytes=-7", &data[99_993..], "bytes 99993-99999/100000"),
        ("bytes=99000-200000", &data[99_000..], "bytes 99000-99999/100000"),
    ] {
        let got = s3.get_object().bucket(bucket).key("k").range(range).send().await?;
        same(Some(told), got.content_range())?;
        same(expected, &got.body.collect().await?.to_vec()[..])?;
    }
    let beyond = s3.get_object().bucket(bucket).key("k").range("bytes=100000-").send().await;
    refused(beyond, 416, "InvalidRange")?;
    Ok(())
}

pub async fn conditions(s3: &Client, bucket: &str) -> Result<(), Failure> {
    let write =
        |text: &'static [u8]| s3.put_object().bucket(bucket).key("k").body(ByteStream::from_static(text));
    refused(write(b"0").if_match("\"0123\"").send().await, 404, "NoSuchKey")?;
    let first = write(b"1").if_none_match("*").send().await?;
    let first = first.e_tag().ok_or("no ETag")?;
    refused(write(b"2").if_none_match("*").send().await, 412, "PreconditionFailed")?;
    write(b"3").if_match(first).send().await?;
    refused(write(b"4").if_match(first).send().await, 412, "PreconditionFailed")?;
    same(b"3".to_vec(), get(s3, bucket, "k").await?)?;

    let read = || s3.get_object().bucket(bucket).key("k");
    let head = s3.head_object().bucket(bucket).key("k").send().await?;
    let (tag, date) = (head.e_tag().ok_or("no ETag")?, *head.last_modified().ok_or("no date")?);
    refused(read().if_match(first).send().await, 412, "PreconditionFailed")?;
    same(b"3".to_vec(), read().if_match(tag).send().await?.body.collect().await?.to_vec())?;
    same(b"3".to_vec(), read().if_none_match(first).send().await?.body.collect().await?.to_vec())?;
    for unchanged in [read().if_none_match(tag), read().if_modified_since(date)] {
        let told = unchanged.send().await.err().ok_or("it was sent though it had not changed")?;
        same(Some(304), told.raw_response().map(|raw| raw.status().as_u16()))?;
    }

    let copy = || s3.copy_object().bucket(bucket).key("copy").copy_source(format!("{bucket}/k"));
    refused(copy().copy_source_if_match(first).send().await, 412, "PreconditionFailed")?;
    copy().copy_source_if_match(tag).if_none_match("*").send().await?;
    refused(copy().if_none_match("*").send().await, 412, "PreconditionFailed")?;
    refused(
        s3.delete_object().bucket(bucket).key("k").if_match(first).send().await,
        412,
        "PreconditionFailed",
    )?;
    s3.delete_object().bucket(bucket).key("k").if_match(tag).send().await?;
    refused(read().send().await, 404, "NoSuchKey")?;
    Ok(())
}

pub async fn waiters(s3: &Client, bucket: &str) -> Result<(), Failure> {
    let minute = Duration::from_secs(60);
    s3.wait_until_bucket_exists().bucket(bucket).wait(minute).await?;
    s3.wait_until_object_not_exists().bucket(bucket).key("k").wait(minute).await?;
    put(s3, bucket, "k", b"").await?;
    s3.wait_until_object_exists().bucket(bucket).key("k").wait(minute).await?;
    s3.wait_until_bucket_not_exists().bucket(format!("{bucket}-absent")).wait(minute).await?;
    Ok(())
}
