//! What the browser knows of forms' values already, so that it need not be in the wasm.

pub(super) use crate::browser::is_url;
