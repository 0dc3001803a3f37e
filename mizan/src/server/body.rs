//! Reading a body up to a limit.

use crate::{Error, Result};
use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use http_body_util::BodyExt;
use hyper::body::Body as _;
use std::time::Duration;

/// How much of a body that is too large is read and thrown away.
const MOST_DRAINED: usize = 16 * 1024 * 1024;

/// How long that may take.
const LONGEST_DRAIN: Duration = Duration::from_secs(5);

/// Reads a body of at most `limit` bytes.
///
/// The rest of a larger one is drained: a client that is still sending when the connection closes
/// gets a reset instead of the answer. Bounds keep that from being a way to occupy the server.
///
/// # Errors
///
/// PAYLOAD_TOO_LARGE over the limit, BAD_REQUEST when the body breaks off.
pub(super) async fn read(expected: Expected, mut body: Body, limit: usize) -> Result<Bytes> {
    let announced = body.size_hint().lower();
    if usize::try_from(announced).unwrap_or(usize::MAX) > limit {
        discard(expected, body).await;
        return Err(too_large(limit));
    }
    let Some(first) = next(&mut body).await? else {
        return Ok(Bytes::new());
    };
    if first.len() <= limit && body.is_end_stream() {
        return Ok(first);
    }
    let mut read = BytesMut::with_capacity(limit.min(announced as usize).max(first.len()));
    let mut chunk = Some(first);
    while let Some(bytes) = chunk {
        if read.len() + bytes.len() > limit {
            drain(body, read.len() + bytes.len()).await;
            return Err(too_large(limit));
        }
        read.extend_from_slice(&bytes);
        chunk = next(&mut body).await?;
    }
    Ok(read.freeze())
}

/// Whether a client has begun to send its body: one that asked first (`Expect: 100-continue`) has
/// not.
#[derive(Clone, Copy)]
pub(super) enum Expected {
    Sent,
    Asked,
}

impl Expected {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        if headers.contains_key(header::EXPECT) {
            Self::Asked
        } else {
            Self::Sent
        }
    }
}

/// Lets a client that is sending a body get to its end, so that it reads the answer.
pub(super) async fn discard(expected: Expected, body: Body) {
    match expected {
        Expected::Sent => drain(body, 0).await,
        Expected::Asked => {}
    }
}

fn too_large(limit: usize) -> Error {
    Error::payload_too_large(format!("the body is over the limit of {limit} bytes"))
}

/// The next piece of data; trailers are passed over.
async fn next(body: &mut Body) -> Result<Option<Bytes>> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Error::bad_request("the body broke off"))?;
        if let Ok(data) = frame.into_data() {
            return Ok(Some(data));
        }
    }
    Ok(None)
}

async fn drain(mut body: Body, mut read: usize) {
    let rest = async {
        while let Ok(Some(bytes)) = next(&mut body).await {
            read += bytes.len();
            if read > MOST_DRAINED {
                break;
            }
        }
    };
    // Either way the answer goes out now
    let _ = tokio::time::timeout(LONGEST_DRAIN, rest).await;
}
