//! `{"op":"call","id":7,"fn":"echo","args":{..}}`

use super::{frame, peer::Peer};
use crate::{
    Error, Result,
    call::server::{Encoding, Registration},
    request::{Scope, Way},
    server::{
        body::Expected,
        call::{Received, Work},
        flush::Flush,
    },
};
use axum::{body::Body, extract::ws::Utf8Bytes};
use bytes::Bytes;
use http::header;
use std::sync::Arc;

impl Peer {
    /// Runs a call, and returns its answer.
    pub(super) async fn call(
        self: Arc<Self>,
        id: u64,
        function: Option<&'static Registration>,
        arguments: Bytes,
    ) -> Utf8Bytes {
        let work = Work::new(Scope::new(Arc::clone(&self.site), Way::Socket));
        let result = self.run(&work, function, arguments).await;
        let flush = Flush::publish(&work.scope).await;
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

    async fn run(
        &self,
        work: &Work,
        function: Option<&'static Registration>,
        arguments: Bytes,
    ) -> Result<Vec<u8>> {
        let function = function.ok_or_else(|| Error::not_found("there is no such function"))?;
        if function.private {
            return Err(Error::forbidden("the function is for the server's own use"));
        }
        let received = Received {
            body: Body::from(arguments),
            expected: Expected::Sent,
            encoding: Ok(Encoding::Json),
        };
        let result = work.run(function, (*self.parts).clone(), received).await;
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
