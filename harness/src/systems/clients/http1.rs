//! HTTP/1.1 as far as a client needs it who asks one question at a time: no redirect is followed,
//! nothing is asked again, nothing is kept (RFC 9112).

use std::fmt::Write as _;

use super::Refusal;
use super::tcp::{ANSWER_BYTES_MAX, Stream};

/// More lines of headers than this no server has to say.
const HEADERS_MAX: usize = 200;

/// What is asked.
pub(super) struct Request<'a> {
    pub(super) method: &'a str,
    /// With its query.
    pub(super) path: &'a str,
    /// `Host`, and further lines of the header.
    pub(super) host: &'a str,
    pub(super) headers: &'a [(&'a str, &'a str)],
    pub(super) body: Option<&'a [u8]>,
}

/// What is answered, once it is whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    /// Where else to ask.
    pub(super) location: Option<String>,
}

pub(super) async fn exchange(stream: &mut Stream, ask: &Request<'_>) -> Result<Response, Refusal> {
    stream.send(&written(ask)).await?;
    loop {
        let response = response(stream, ask.method).await?;
        // An interim answer: another follows.
        if !(100..200).contains(&response.status) {
            return Ok(response);
        }
    }
}

fn written(ask: &Request<'_>) -> Vec<u8> {
    let Request { method, path, host, headers, body } = ask;
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nAccept: */*\r\n");
    for (name, value) in *headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    if let Some(body) = body {
        let _ = write!(head, "Content-Length: {}\r\n", body.len());
    }
    head.push_str("\r\n");
    [head.as_bytes(), body.unwrap_or_default()].concat()
}

async fn response(stream: &mut Stream, method: &str) -> Result<Response, Refusal> {
    let first = stream.line().await?;
    let status = status(&first)
        .ok_or_else(|| Refusal::malformed(&format!("no answer of HTTP/1.1: {first}")))?;
    let (mut length, mut chunked, mut location) = (None, false, None);
    stream.ends = first.starts_with("HTTP/1.0");
    for count in 0.. {
        let line = stream.line().await?;
        if line.is_empty() {
            break;
        }
        let wrong = || Refusal::malformed(&format!("no header of HTTP: {line}"));
        if count == HEADERS_MAX {
            return Err(wrong());
        }
        let (name, value) = line.split_once(':').ok_or_else(wrong)?;
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = Some(value.parse::<usize>().map_err(|_| wrong())?),
            "transfer-encoding" => chunked = value.to_ascii_lowercase().ends_with("chunked"),
            "connection" => stream.ends |= value.eq_ignore_ascii_case("close"),
            "location" => location = Some(value.to_owned()),
            _ => {}
        }
    }
    let none = method == "HEAD" || status < 200 || status == 204 || status == 304;
    let body = match length {
        _ if none => Vec::new(),
        _ if chunked => chunks(stream).await?,
        Some(length) => stream.take(length).await?,
        None => {
            stream.ends = true;
            until_the_end(stream).await?
        }
    };
    Ok(Response { status, body, location })
}

/// `HTTP/1.1 200 OK`.
fn status(line: &str) -> Option<u16> {
    let mut words = line.split(' ');
    let version = words.next()?;
    let code = words.next().filter(|code| code.len() == 3)?;
    version.starts_with("HTTP/1.").then(|| code.parse().ok())?
}

async fn chunks(stream: &mut Stream) -> Result<Vec<u8>, Refusal> {
    let mut body = Vec::new();
    loop {
        let line = stream.line().await?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16)
            .map_err(|_| Refusal::malformed(&format!("no size of a chunk: {line}")))?;
        if size == 0 {
            break;
        }
        if size > ANSWER_BYTES_MAX - body.len() {
            return Err(Refusal::malformed("the answer is too long"));
        }
        body.extend(stream.take(size).await?);
        if !stream.line().await?.is_empty() {
            return Err(Refusal::malformed("a chunk is longer than it says"));
        }
    }
    // What follows the last chunk, up to an empty line.
    while !stream.line().await?.is_empty() {}
    Ok(body)
}

/// The end of the connection is the end of the answer.
async fn until_the_end(stream: &mut Stream) -> Result<Vec<u8>, Refusal> {
    while stream.receive_some().await? > 0 {
        if stream.received.len() > ANSWER_BYTES_MAX {
            return Err(Refusal::malformed("the answer is too long"));
        }
    }
    Ok(std::mem::take(&mut stream.received))
}
