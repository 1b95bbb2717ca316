//! Who may, and by which address: links, sub-domains, buckets, refusals.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::interceptors::BeforeTransmitInterceptorContextMut;
use aws_sdk_s3::config::{ConfigBag, Credentials, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_sdk_s3::presigning::{PresignedRequest, PresigningConfig};
use aws_sdk_s3::primitives::ByteStream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::{Failure, client, content, holds, put, refused, same};

/// The links are followed without the SDK.
pub async fn presigned(s3: &Client, bucket: &str) -> Result<(), Failure> {
    let minute = || PresigningConfig::expires_in(Duration::from_secs(60));
    let data = content(5000);
    for key in ["plain", "a b+é/日本", "a//b", "~!*'()%2F"] {
        let there = s3
            .put_object()
            .bucket(bucket)
            .key(key)
            .content_type("text/x-rust")
            .metadata("colour", "green")
            .presigned(minute()?)
            .await?;
        same(200, followed(&there, &data).await?.0)?;
        holds(s3, bucket, key, &data).await?;
        let head = s3.head_object().bucket(bucket).key(key).send().await?;
        same(Some("text/x-rust"), head.content_type())?;
        same(true, head.metadata().is_some_and(|all| all.contains_key("colour")))?;
        let back = s3
            .get_object()
            .bucket(bucket)
            .key(key)
            .response_content_type("text/other")
            .presigned(minute()?)
            .await?;
        same((200, data.clone()), followed(&back, b"").await?)?;
        let gone = s3.delete_object().bucket(bucket).key(key).presigned(minute()?).await?;
        same(204, followed(&gone, b"").await?.0)?;
        same(404, followed(&back, b"").await?.0)?;
    }
    let length = s3.put_object().bucket(bucket).key("sized").content_length(3).presigned(minute()?).await?;
    same(200, followed(&length, b"abc").await?.0)?;
    same(403, followed(&length, b"abcd").await?.0)?;
    let started = s3.create_multipart_upload().bucket(bucket).key("parts").send().await?;
    let upload = started.upload_id().ok_or("no upload id")?;
    let part = s3
        .upload_part()
        .bucket(bucket)
        .key("parts")
        .upload_id(upload)
        .part_number(1)
        .presigned(minute()?)
        .await?;
    same(200, followed(&part, &data).await?.0)?;
    let parts = s3.list_parts().bucket(bucket).key("parts").upload_id(upload).send().await?;
    same(Some(Some(5000)), parts.parts().first().map(|part| part.size()))?;
    s3.abort_multipart_upload().bucket(bucket).key("parts").upload_id(upload).send().await?;
    Ok(())
}

/// The status and the body of the answer.
async fn followed(link: &PresignedRequest, body: &[u8]) -> Result<(u16, Vec<u8>), Failure> {
    let address = link.uri().strip_prefix("http://").ok_or("the link is not of http://")?;
    let (host, path) = address.split_at(address.find('/').ok_or("the link has no path")?);
    let mut lines = format!("{} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n", link.method());
    lines += &format!("content-length: {}\r\n", body.len());
    for (name, value) in link.headers().filter(|(name, _)| !name.eq_ignore_ascii_case("content-length")) {
        lines += &format!("{name}: {value}\r\n");
    }
    let mut connection = TcpStream::connect(host).await?;
    connection.write_all(lines.as_bytes()).await?;
    connection.write_all(b"\r\n").await?;
    connection.write_all(body).await?;
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).await?;
    let end =
        answer.windows(4).position(|four| four == b"\r\n\r\n").ok_or("the answer has no end of headers")?;
    let status = String::from_utf8_lossy(&answer[9..12]).parse()?;
    Ok((status, answer[end + 4..].to_vec()))
}

/// Sends what is for a sub-domain of localhost to the loopback (RFC 6761, 6.3), as resolvers need not.
#[derive(Debug)]
struct Loopback;

impl Intercept for Loopback {
    fn name(&self) -> &'static str {
        "Loopback"
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        let uri = request.uri().to_owned();
        let rest = uri.strip_prefix("http://").ok_or("not of http://")?;
        let (host, path) = rest.split_at(rest.find('/').ok_or("no path")?);
        let port = host.rsplit(':').next().ok_or("no port")?;
        if host.contains(".localhost:") {
            request.headers_mut().insert("host", host.to_owned());
            request.set_uri(format!("http://127.0.0.1:{port}{path}"))?;
        }
        Ok(())
    }
}

pub async fn hosts(bucket: &str) -> Result<(), Failure> {
    let domain = std::env::var("S3_DOMAIN")?;
    let hosted = client(|settings| {
        settings.force_path_style(false).endpoint_url(format!("http://{domain}")).interceptor(Loopback)
    })
    .await;
    put(&hosted, bucket, "é//k", b"hosted").await?;
    holds(&hosted, bucket, "é//k", b"hosted").await?;
    let listed = hosted.list_objects_v2().bucket(bucket).send().await?;
    same(vec![Some("é//k")], listed.contents().iter().map(|each| each.key()).collect())?;
    holds(&client(|settings| settings).await, bucket, "é//k", b"hosted").await
}

pub async fn refusals(s3: &Client, bucket: &str) -> Result<(), Failure> {
    let absent = format!("{bucket}-absent");
    let key = std::env::var("AWS_ACCESS_KEY_ID")?;
    for (key, secret, code) in
        [(key.as_str(), "wrong", "SignatureDoesNotMatch"), ("nobody", "wrong", "InvalidAccessKeyId")]
    {
        let wrong = client(|settings| {
            settings.credentials_provider(Credentials::new(key, secret, None, None, "wrong"))
        })
        .await;
        refused(wrong.list_objects_v2().bucket(bucket).send().await, 403, code)?;
        let body = ByteStream::from(content(100_000));
        refused(wrong.put_object().bucket(bucket).key("k").body(body).send().await, 403, code)?;
    }
    let no_key = refused(s3.get_object().bucket(bucket).key("absent").send().await, 404, "NoSuchKey")?;
    same(true, no_key.is_no_such_key())?;
    let no_bucket = refused(s3.list_objects_v2().bucket(&absent).send().await, 404, "NoSuchBucket")?;
    same(true, no_bucket.is_no_such_bucket())?;
    for not_found in [
        s3.head_object()
            .bucket(bucket)
            .key("absent")
            .send()
            .await
            .err()
            .map(|error| error.into_service_error().is_not_found()),
        s3.head_bucket()
            .bucket(&absent)
            .send()
            .await
            .err()
            .map(|error| error.into_service_error().is_not_found()),
    ] {
        same(Some(true), not_found)?;
    }
    put(s3, bucket, "k", b"").await?;
    refused(s3.delete_bucket().bucket(bucket).send().await, 409, "BucketNotEmpty")?;
    refused(s3.get_bucket_policy().bucket(bucket).send().await, 404, "NoSuchBucketPolicy")?;
    Ok(())
}

pub async fn buckets(s3: &Client, bucket: &str) -> Result<(), Failure> {
    let other = format!("{bucket}-other");
    s3.create_bucket().bucket(&other).send().await?;
    let mut found = Vec::new();
    let mut pages = s3.list_buckets().prefix(bucket).into_paginator().page_size(1).send();
    while let Some(page) = pages.next().await {
        found.extend(page?.buckets().iter().filter_map(|each| each.name().map(String::from)));
    }
    let versioning = s3.get_bucket_versioning().bucket(&other).send().await?;
    s3.get_bucket_location().bucket(&other).send().await?;
    s3.get_bucket_acl().bucket(&other).send().await?;
    s3.delete_bucket().bucket(&other).send().await?;
    same(vec![bucket.to_owned(), other], found)?;
    same(None, versioning.status())
}
