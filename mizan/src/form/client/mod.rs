//! Forms in the browser.
//!
//! | file | what is in it |
//! | --- | --- |
//! | `posted` | what the page was sent for a form |

mod posted;

// What the browser knows of forms' values already, so that it need not be in the wasm
pub(super) use crate::browser::{address, is_url, random};
pub(super) use posted::posted;
