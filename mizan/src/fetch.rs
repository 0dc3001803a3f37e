//! HTTP from the browser, not generic, so that its code exists once in the wasm.

use crate::{Code, Error, Result, call::wire::JSON, error::ErrorEnvelope};
use gloo_net::http::{RequestBuilder, Response};
use send_wrapper::SendWrapper;
use server_fn::redirect::{REDIRECT_HEADER, call_redirect_hook};
use web_sys::{AbortController, AbortSignal};

/// Sends `body` as JSON and returns the answer's text.
pub(crate) async fn post(path: &str, body: String) -> Result<String> {
    SendWrapper::new(async {
        let request = RequestBuilder::new(path)
            .method(http::Method::POST)
            .header("Content-Type", JSON)
            .header("Accept", JSON)
            .body(body)
            .map_err(network)?;
        read(request.send().await.map_err(network)?).await
    })
    .await
}

/// Reads `path`; dropping the future aborts the request.
pub(crate) async fn get(path: &str) -> Result<String> {
    SendWrapper::new(async {
        let abort = AbortOnDrop::new();
        let request = RequestBuilder::new(path)
            .header("Accept", JSON)
            .abort_signal(abort.signal().as_ref());
        read(request.send().await.map_err(network)?).await
    })
    .await
}

async fn read(response: Response) -> Result<String> {
    let headers = response.headers();
    let text = response.text().await.map_err(network)?;
    let status = response.status();
    if status >= 400 {
        return Err(failure(status, &text));
    }
    if headers.has(REDIRECT_HEADER)
        && let Some(location) = headers.get("Location")
    {
        call_redirect_hook(&location);
    }
    Ok(text)
}

/// Reads the error out of an answer whose status is 400 or above.
///
/// What is not ours (a proxy's page in HTML) becomes UNAVAILABLE for the statuses by which a
/// proxy says that it could not reach the server, and NETWORK otherwise.
fn failure(status: u16, body: &str) -> Error {
    match serde_json::from_str::<ErrorEnvelope>(body) {
        Ok(envelope) => envelope.error,
        Err(_) if (502..=504).contains(&status) => {
            Error::unavailable(Code::Unavailable.default_message())
        }
        Err(_) => Error::network(format!("the answer is not the server's (status {status})")),
    }
}

/// The answer is of another shape than this build knows.
pub(crate) fn unreadable(_: serde_json::Error) -> Error {
    Error::outdated_client("the server's answer can't be read: reload the page")
}

fn network(_: gloo_net::Error) -> Error {
    Error::network("the server can't be reached")
}

/// Ends the request when the page no longer waits for it.
struct AbortOnDrop(Option<AbortController>);

impl AbortOnDrop {
    fn new() -> Self {
        Self(AbortController::new().ok())
    }

    fn signal(&self) -> Option<AbortSignal> {
        self.0.as_ref().map(AbortController::signal)
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        if let Some(controller) = &self.0 {
            controller.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxys_page_is_told_apart_from_ours() {
        assert_eq!(failure(502, "<html>Bad Gateway").code(), Code::Unavailable);
        assert_eq!(failure(404, "<html>Not here").code(), Code::Network);
        let ours = r#"{"error":{"code":"NOT_FOUND","message":"no note 7"}}"#;
        assert_eq!(failure(404, ours).message(), "no note 7");
    }
}
