use crate::{
    Code, Error, Result,
    auth::wire::{CHANGED, EXPIRED},
    error::ErrorEnvelope,
};

/// A request to the server: a POST where there is a body, else a GET.
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) body: Option<String>,
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl Request {
    pub(crate) fn get(path: String) -> Self {
        Self {
            path,
            body: None,
            headers: Vec::new(),
        }
    }
}

/// What came back.
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) text: String,
    /// The header `Retry-After`, in seconds.
    pub(crate) retry_after: Option<u32>,
    pub(crate) session: Session,
}

/// What an answer says of the visitor's session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Session {
    /// Nothing.
    #[default]
    Same,
    /// The visitor has signed in or out.
    Changed,
    /// It is over.
    Expired,
}

impl Session {
    /// Reads the header `Mizan-Session`.
    pub(crate) fn read(header: Option<&str>) -> Self {
        match header {
            Some(CHANGED) => Self::Changed,
            Some(EXPIRED) => Self::Expired,
            _ => Self::Same,
        }
    }
}

impl Response {
    /// How many milliseconds to wait at least before asking again; `None` where this is the answer.
    pub(crate) fn wait(&self) -> Option<u32> {
        matches!(self.status, 429 | 502..=504)
            .then(|| self.retry_after.unwrap_or(0).saturating_mul(1000))
    }

    fn error(&self) -> Option<Error> {
        ErrorEnvelope::open(&self.text).ok()
    }

    /// The text of an answer that is no error.
    ///
    /// # Errors
    ///
    /// What the server said. What is not the server's (a proxy's page in HTML) becomes UNAVAILABLE
    /// for the statuses by which a proxy says that it could not reach it, and NETWORK otherwise.
    pub(crate) fn success(self) -> Result<String> {
        if self.status < 400 {
            return Ok(self.text);
        }
        Err(match self.error() {
            Some(error) => error,
            None if (502..=504).contains(&self.status) => {
                Error::unavailable(Code::Unavailable.default_message())
            }
            None => not_ours(self.status),
        })
    }
}

/// The error of an answer that somebody on the way gave.
pub(crate) fn not_ours(status: u16) -> Error {
    Error::network(format!("the answer is not the server's (status {status})"))
}

/// The answer is nothing of ours: somebody on the way gave it.
pub(crate) fn foreign(_: serde_json::Error) -> Error {
    Error::network("the answer is not the server's")
}

/// The answer is of another shape than this build knows.
pub(crate) fn unreadable(_: serde_json::Error) -> Error {
    Error::outdated_client("the server's answer can't be read: reload the page")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxys_page_is_told_apart_from_ours() {
        let failure = |status, text: &str| {
            let text = text.to_owned();
            let session = Session::Same;
            let response = Response {
                status,
                text,
                retry_after: None,
                session,
            };
            response.success().unwrap_err()
        };
        assert_eq!(failure(502, "<html>Bad Gateway").code(), Code::Unavailable);
        assert_eq!(failure(404, "<html>Not here").code(), Code::Network);
        let ours = r#"{"error":{"code":"NOT_FOUND","message":"no note 7"},"invalidate":[]}"#;
        assert_eq!(failure(404, ours).message(), "no note 7");
    }
}
