//! What Rust programs do with S3: `rust_sdk CASE BUCKET`.
//!
//! Status 0 if the server did it, 1 with the reason if not. The environment says where, in the names of
//! Amazon's SDKs; `S3_DOMAIN` is the domain whose sub-domains are buckets.

mod access;
mod bodies;
mod multipart;
mod objects;

use std::error::Error;
use std::process::ExitCode;

use aws_config::BehaviorVersion;
use aws_config::retry::RetryConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::Builder;
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;

pub const MIB: usize = 1024 * 1024;

pub type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().collect();
    let [_, case, bucket] = &words[..] else {
        eprintln!("usage: rust_sdk CASE BUCKET");
        return ExitCode::from(2);
    };
    let s3 = client(|settings| settings).await;
    let done = match case.as_str() {
        "objects" => objects::objects(&s3, bucket).await,
        "listing" => objects::listing(&s3, bucket).await,
        "ranges" => objects::ranges(&s3, bucket).await,
        "conditions" => objects::conditions(&s3, bucket).await,
        "waiters" => objects::waiters(&s3, bucket).await,
        "checksums" => bodies::checksums(&s3, bucket).await,
        "streams" => bodies::streams(&s3, bucket).await,
        "multipart" => multipart::multipart(&s3, bucket).await,
        "copies" => multipart::copies(&s3, bucket).await,
        "presigned" => access::presigned(&s3, bucket).await,
        "hosts" => access::hosts(bucket).await,
        "refusals" => access::refusals(&s3, bucket).await,
        "buckets" => access::buckets(&s3, bucket).await,
        _ => Err(format!("no such case: {case}").into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{}", DisplayErrorContext(&*failure));
            ExitCode::FAILURE
        }
    }
}

/// A client as the environment says, with buckets in the path, that tries nothing twice.
pub async fn client(change: impl FnOnce(Builder) -> Builder) -> Client {
    let found = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .retry_config(RetryConfig::disabled())
        .load()
        .await;
    let settings = Builder::from(&found).force_path_style(true);
    Client::from_conf(change(settings).build())
}

/// `size` bytes that do not repeat, other ones for another size.
pub fn content(size: usize) -> Vec<u8> {
    let mut state = size as u64 | 1 << 63;
    let mut data = Vec::with_capacity(size + 8);
    while data.len() < size {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        data.extend_from_slice(&state.to_le_bytes());
    }
    data.truncate(size);
    data
}

pub async fn put(s3: &Client, bucket: &str, key: &str, data: &[u8]) -> Result<(), Failure> {
    s3.put_object().bucket(bucket).key(key).body(ByteStream::from(data.to_vec())).send().await?;
    Ok(())
}

pub async fn get(s3: &Client, bucket: &str, key: &str) -> Result<Vec<u8>, Failure> {
    let got = s3.get_object().bucket(bucket).key(key).send().await?;
    Ok(got.body.collect().await?.to_vec())
}

/// That `key` holds `data` and nothing else.
pub async fn holds(s3: &Client, bucket: &str, key: &str, data: &[u8]) -> Result<(), Failure> {
    let found = get(s3, bucket, key).await?;
    if found != data {
        return Err(
            format!("{key:?} has {} bytes that are not the {} written", found.len(), data.len()).into()
        );
    }
    Ok(())
}

/// That two values are the same.
pub fn same<T: PartialEq + std::fmt::Debug>(expected: T, found: T) -> Result<(), Failure> {
    if expected != found {
        return Err(format!("expected {expected:?}, found {found:?}").into());
    }
    Ok(())
}

/// That a request was refused with this status and this code; its error.
pub fn refused<T, E>(answer: Result<T, SdkError<E>>, status: u16, code: &str) -> Result<E, Failure>
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    let Err(error) = answer else {
        return Err(format!("expected {code}, but it was done").into());
    };
    let Some(response) = error.raw_response() else {
        return Err(error.into());
    };
    let found = response.status().as_u16();
    let named = error.code().unwrap_or_default().to_owned();
    if (found, named.as_str()) != (status, code) {
        return Err(format!("expected {status} {code}, found {found} {named}").into());
    }
    match error {
        SdkError::ServiceError(refusal) => Ok(refusal.into_err()),
        other => Err(other.into()),
    }
}
