//! `{"op":"call","id":7,"fn":"echo","args":{..}}`

use super::{frame, peer::Peer};
use crate::{
    Error, Result,
    call::server::{Encoding, Registration},
    context::wire,
    request::{Scope, Way},
    server::{
        body::Expected,
        call::{Received, Work},
        flush::Flush,
    },
};
use axum::{body::Body, extract::ws::Utf8Bytes};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, header};
use std::sync::Arc;

/// The header that says which build of a function its caller knows.
const BUILD: HeaderName = HeaderName::from_static(wire::BUILD);

/// A call, as a frame asks for it.
pub(super) struct Asked {
    pub(super) id: u64,
    /// `None` where there is no such function.
    pub(super) function: Option<&'static Registration>,
    /// JSON.
    pub(super) arguments: Bytes,
    /// Which build of the function the caller knows.
    pub(super) build: Option<HeaderValue>,
    /// What the caller's page shows.
    pub(super) mounted: Option<HeaderValue>,
}

impl Peer {
    /// Runs a call, and returns its answer.
    pub(super) async fn call(self: Arc<Self>, asked: Asked) -> Utf8Bytes {
        let work = Work::new(Scope::new(Arc::clone(&self.site), Way::Socket));
        let (id, mounted) = (asked.id, asked.mounted.clone());
        let result = self.run(&work, asked).await;
        let mut flush = Flush::publish(&work).await;
        if result.is_ok() {
            flush.refresh(&work, mounted.as_ref()).await;
        }
        let mut text = frame::begin("result", Some(id));
        let before = text.len();
        let written = match &result {
            // Without its brace
            Ok(result) => {
                text.push(b',');
                text.extend_from_slice(&result[1..]);
                Ok(())
            }
            Err(error) => frame::write_error(&mut text, error),
        };
        let written = written.and_then(|()| flush.write(&mut text));
        if let Err(error) = written {
            text.truncate(before);
            // An error of ours can be written
            let _ = frame::write_error(&mut text, &error);
        }
        frame::end(text)
    }

    async fn run(&self, work: &Work, asked: Asked) -> Result<Vec<u8>> {
        let Asked {
            function,
            arguments,
            build,
            ..
        } = asked;
        let function = function.ok_or_else(|| Error::not_found("there is no such function"))?;
        if function.private {
            return Err(Error::forbidden("the function is for the server's own use"));
        }
        let received = Received {
            body: Body::from(arguments),
            expected: Expected::Sent,
            encoding: Ok(Encoding::Json),
        };
        let mut parts = (*self.parts).clone();
        if let Some(build) = build {
            parts.headers.insert(BUILD, build);
        }
        let result = work
            .run(&function.about, parts, received, function.dispatch)
            .await;
        commit(work, result).await
    }
}

/// Stores the session of what ran on a socket, unless it needs a cookie.
pub(super) async fn commit<T>(work: &Work, result: Result<T>) -> Result<T> {
    let sets_cookies = {
        let options = work.options.0.read();
        options.is_ok_and(|options| options.headers.contains_key(header::SET_COOKIE))
    };
    if sets_cookies || work.scope.identity().needs_a_cookie().await {
        work.scope.needs_cookies()?;
    }
    work.commit(result.as_ref().err()).await?;
    result
}
