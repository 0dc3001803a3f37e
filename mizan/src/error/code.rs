use super::Error;
use std::{borrow::Cow, fmt};

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $status:literal, $default:literal, $constructor:ident;)+) => {
        /// The kind of an [`Error`]: its name and its HTTP status on the wire.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[$doc])* $variant,)+
            /// `INTERNAL_ERROR`, 500: something happened that is not the caller's business.
            Internal,
        }

        impl Code {
            /// Every code, in the order of their statuses.
            pub const ALL: &[Code] = &[$(Code::$variant,)+ Code::Internal];

            /// Returns the name on the wire, such as `"NOT_FOUND"`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Code::$variant => $name,)+
                    Code::Internal => "INTERNAL_ERROR",
                }
            }

            /// Returns the HTTP status; 0 for [`Code::Network`], which never comes from a server.
            pub const fn status(self) -> u16 {
                match self {
                    $(Code::$variant => $status,)+
                    Code::Internal => 500,
                }
            }

            /// Returns the message that is used where nobody wrote a better one.
            pub(crate) const fn default_message(self) -> &'static str {
                match self {
                    $(Code::$variant => $default,)+
                    Code::Internal => "something went wrong on the server",
                }
            }
        }

        impl Error {
            $(
                #[doc = concat!("Creates a ", $name, " error with a message for the caller.")]
                pub fn $constructor(message: impl Into<Cow<'static, str>>) -> Self {
                    Self::new(Code::$variant, message)
                }
            )+
        }
    };
}

codes! {
    /// `BAD_REQUEST`, 400: the request can't be understood.
    BadRequest = "BAD_REQUEST", 400, "the request can't be understood", bad_request;
    /// `UNAUTHORIZED`, 401: the caller has to sign in first.
    Unauthorized = "UNAUTHORIZED", 401, "sign in first", unauthorized;
    /// `FORBIDDEN`, 403: the caller is known and may not.
    Forbidden = "FORBIDDEN", 403, "not allowed", forbidden;
    /// `NOT_FOUND`, 404: there is no such thing.
    NotFound = "NOT_FOUND", 404, "not found", not_found;
    /// `METHOD_NOT_ALLOWED`, 405: the endpoint takes another HTTP method.
    MethodNotAllowed = "METHOD_NOT_ALLOWED", 405, "the endpoint takes another method", method_not_allowed;
    /// `CONFLICT`, 409: the state of things does not allow it now.
    Conflict = "CONFLICT", 409, "conflict", conflict;
    /// `OUTDATED_CLIENT`, 409: the page is older than the server and has to be loaded anew.
    OutdatedClient = "OUTDATED_CLIENT", 409, "reload the page: it is older than the server", outdated_client;
    /// `PAYLOAD_TOO_LARGE`, 413: the body is over the limit.
    PayloadTooLarge = "PAYLOAD_TOO_LARGE", 413, "the body is too large", payload_too_large;
    /// `UNSUPPORTED_MEDIA_TYPE`, 415: the Content-Type is not one that the endpoint takes.
    UnsupportedMediaType = "UNSUPPORTED_MEDIA_TYPE", 415, "the content type is not supported", unsupported_media_type;
    /// `VALIDATION_ERROR`, 422: well-formed, with values that are not acceptable.
    Validation = "VALIDATION_ERROR", 422, "some values are not acceptable", validation;
    /// `TOO_MANY_REQUESTS`, 429: slow down.
    TooManyRequests = "TOO_MANY_REQUESTS", 429, "too many requests", too_many_requests;
    /// `NOT_IMPLEMENTED`, 501: the server does not do that.
    NotImplemented = "NOT_IMPLEMENTED", 501, "not implemented", not_implemented;
    /// `UNAVAILABLE`, 503: not now; try again later.
    Unavailable = "UNAVAILABLE", 503, "try again later", unavailable;
    /// `NETWORK`: the server could not be reached, or something between it and the browser answered.
    /// Made by the client only.
    Network = "NETWORK", 0, "the server can't be reached", network;
}

impl Code {
    /// Finds a code by its name on the wire.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.name() == name)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
