//! What programs do with the crate rust-s3: `rust_s3 CASE BUCKET`.
//!
//! Status 0 if the server did it, 1 with the reason if not. The environment says where (`S3_ENDPOINT`,
//! `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`).

use std::error::Error;
use std::fmt::Debug;
use std::io::{Cursor, Read, Write};
use std::net::TcpStream;
use std::process::ExitCode;

use s3::creds::Credentials;
use s3::error::S3Error;
use s3::serde_types::ObjectIdentifier;
use s3::{Bucket, Region};

const MIB: usize = 1024 * 1024;
const KEYS: [&str; 6] = ["plain", "a b+é/日本", "a//b", "dir/", "~!*'()", "&<>\""];

type Done = Result<(), Box<dyn Error>>;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().collect();
    let [_, case, name] = &words[..] else {
        eprintln!("usage: rust_s3 CASE BUCKET");
        return ExitCode::from(2);
    };
    let done = bucket(name, "").and_then(|bucket| match case.as_str() {
        "objects" => objects(&bucket),
        "listing" => listing(&bucket),
        "streams" => streams(&bucket),
        "multipart" => multipart(&bucket),
        "presigned" => presigned(&bucket),
        "refusals" => refusals(name, &bucket),
        _ => Err(format!("no such case: {case}").into()),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

/// The bucket as the environment says, its secret key with `suffix` behind it.
fn bucket(name: &str, suffix: &str) -> Result<Box<Bucket>, Box<dyn Error>> {
    s3::set_retries(0);
    let region =
        Region::Custom { region: std::env::var("AWS_REGION")?, endpoint: std::env::var("S3_ENDPOINT")? };
    let key = std::env::var("AWS_ACCESS_KEY_ID")?;
    let secret = std::env::var("AWS_SECRET_ACCESS_KEY")? + suffix;
    let credentials = Credentials::new(Some(&key), Some(&secret), None, None, None)?;
    Ok(Bucket::new(name, region, credentials)?.with_path_style())
}

/// `size` bytes that do not repeat, other ones for another size.
fn content(size: usize) -> Vec<u8> {
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

fn same<T: PartialEq + Debug>(expected: T, found: T) -> Done {
    if expected == found { Ok(()) } else { Err(format!("expected {expected:?}, found {found:?}").into()) }
}

fn holds(bucket: &Bucket, key: &str, data: &[u8]) -> Done {
    let found = bucket.get_object(key)?;
    if found.as_slice() != data {
        let size = found.as_slice().len();
        return Err(format!("{key:?} has {size} bytes that are not the {} written", data.len()).into());
    }
    Ok(())
}

/// As GET tells it: what 0.38 makes of HEAD has none.
fn content_type(bucket: &Bucket, key: &str) -> Result<Option<String>, S3Error> {
    Ok(bucket.get_object(key)?.headers().get("content-type").cloned())
}

fn objects(bucket: &Bucket) -> Done {
    for key in KEYS {
        let data = [key.as_bytes(), &content(1000)].concat();
        bucket
            .put_object_builder(key, &data)
            .with_content_type("text/x-rust")
            .with_metadata("colour", "green")?
            .execute()?;
        holds(bucket, key, &data)?;
        let (head, _) = bucket.head_object(key)?;
        same(Some(data.len() as i64), head.content_length)?;
        same(Some("text/x-rust"), content_type(bucket, key)?.as_deref())?;
        same(Some("green"), head.metadata.as_ref().and_then(|all| all.get("colour")).map(String::as_str))?;
        same(&data[10..=500], bucket.get_object_range(key, 10, Some(500))?.as_slice())?;
        if key.is_ascii() {
            // What it sends of others is no header, and it does not read it back.
            same(200, bucket.copy_object_internal(key, format!("copy/{key}"))?)?;
            holds(bucket, &format!("copy/{key}"), &data)?;
        }
        bucket.put_object_tagging(key, &[("a", "1 2")])?;
        let (tags, _) = bucket.get_object_tagging(key)?;
        same(
            vec![("a".to_owned(), "1 2".to_owned())],
            tags.iter().map(|tag| (tag.key(), tag.value())).collect(),
        )?;
        same(204, bucket.delete_object(key)?.status_code())?;
        same(false, bucket.object_exists(key)?)?;
    }
    Ok(())
}

fn listing(bucket: &Bucket) -> Done {
    let mut keys: Vec<String> = KEYS.iter().map(ToString::to_string).collect();
    keys.extend((0..7).map(|number| format!("many/{number}/é &")));
    keys.sort_unstable();
    for key in &keys {
        bucket.put_object(key, b"x")?;
    }
    let mut found = Vec::new();
    let mut next = None;
    loop {
        let (page, _) = bucket.list_page(String::new(), None, next, None, Some(3))?;
        found.extend(page.contents.into_iter().map(|each| each.key));
        next = page.next_continuation_token;
        if next.is_none() {
            break;
        }
    }
    same(&keys, &found)?;
    let pages = bucket.list("many/".to_owned(), Some("/".to_owned()))?;
    let folders = pages.into_iter().flat_map(|page| page.common_prefixes.unwrap_or_default());
    same(
        (0..7).map(|number| format!("many/{number}/")).collect(),
        folders.map(|each| each.prefix).collect::<Vec<_>>(),
    )?;
    bucket.delete_objects(keys.iter().map(ObjectIdentifier::new).collect::<Vec<_>>())?;
    same(0, bucket.list(String::new(), None)?.iter().map(|page| page.contents.len()).sum())
}

/// Streams of unknown length: nothing, what fits one part, what needs several. Of the first two 0.38
/// forgets the content type.
fn streams(bucket: &Bucket) -> Done {
    for size in [0, 1000, 8 * MIB, 17 * MIB] {
        let data = content(size);
        bucket.put_object_stream_with_content_type(&mut Cursor::new(&data), "stream é", "text/x-rust")?;
        let mut found = Vec::new();
        bucket.get_object_to_writer("stream é", &mut found)?;
        same(true, data == found)?;
        if size >= 8 * MIB {
            same(Some("text/x-rust"), content_type(bucket, "stream é")?.as_deref())?;
        }
    }
    same(0, uploads(bucket)?)
}

fn multipart(bucket: &Bucket) -> Done {
    let data = content(11 * MIB);
    let upload = bucket.initiate_multipart_upload("parts é", "text/x-rust")?.upload_id;
    same(1, uploads(bucket)?)?;
    let second = bucket.put_multipart_chunk(&data[6 * MIB..], "parts é", 2, &upload, "text/x-rust")?;
    let first = bucket.put_multipart_chunk(&data[..6 * MIB], "parts é", 1, &upload, "text/x-rust")?;
    bucket.complete_multipart_upload("parts é", &upload, vec![first, second])?;
    holds(bucket, "parts é", &data)?;
    let upload = bucket.initiate_multipart_upload("given up", "text/x-rust")?.upload_id;
    bucket.abort_upload("given up", &upload)?;
    same(0, uploads(bucket)?)
}

fn uploads(bucket: &Bucket) -> Result<usize, S3Error> {
    Ok(bucket.list_multiparts_uploads(None, None)?.iter().map(|page| page.uploads.len()).sum())
}

fn presigned(bucket: &Bucket) -> Done {
    let data = content(5000);
    for key in KEYS {
        same(200, followed("PUT", &bucket.presign_put(key, 60, None, None)?, &data)?.0)?;
        holds(bucket, key, &data)?;
        same((200, data.clone()), followed("GET", &bucket.presign_get(key, 60, None)?, b"")?)?;
        same(204, followed("DELETE", &bucket.presign_delete(key, 60)?, b"")?.0)?;
        same(404, followed("GET", &bucket.presign_get(key, 60, None)?, b"")?.0)?;
    }
    Ok(())
}

/// The status and the body of the answer to a link that is followed without the crate.
fn followed(method: &str, link: &str, body: &[u8]) -> Result<(u16, Vec<u8>), Box<dyn Error>> {
    let address = link.strip_prefix("http://").ok_or("the link is not of http://")?;
    let (host, path) = address.split_at(address.find('/').ok_or("the link has no path")?);
    let length = body.len();
    let mut connection = TcpStream::connect(host)?;
    write!(
        connection,
        "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
    )?;
    connection.write_all(body)?;
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer)?;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").ok_or("no end of headers")?;
    Ok((String::from_utf8_lossy(&answer[9..12]).parse()?, answer[end + 4..].to_vec()))
}

fn refusals(name: &str, here: &Bucket) -> Done {
    refused(here.get_object("absent"), 404, "NoSuchKey")?;
    refused(bucket(&format!("{name}-absent"), "")?.list(String::new(), None), 404, "NoSuchBucket")?;
    refused(bucket(name, "x")?.put_object("k", b"x"), 403, "SignatureDoesNotMatch")?;
    same(false, here.object_exists("k")?)
}

fn refused<T>(answer: Result<T, S3Error>, status: u16, code: &str) -> Done {
    match answer {
        Err(S3Error::HttpFailWithBody(found, body))
            if found == status && body.contains(&format!("<Code>{code}</Code>")) =>
        {
            Ok(())
        }
        Err(other) => Err(format!("expected {status} {code}, found {other}").into()),
        Ok(_) => Err(format!("expected {status} {code}, but it was done").into()),
    }
}
