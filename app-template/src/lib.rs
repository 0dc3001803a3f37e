//! A small team's notes: the application that you start from.
//!
//! | file | what is in it |
//! | --- | --- |
//! | `app.rs` | the document, the routes and the pages' frame |
//! | `pages/` | one file for each page |
//! | `accounts.rs`, `notes.rs` | the contexts and functions: what the pages read and do |
//! | `chat.rs` | the channel: what people say to one another |
//! | `contact.rs` | a form: what it asks for, its rules, and what becomes of it |
//! | `users.rs`, `db.rs` | accounts and the database, on the server only |
//! | `main.rs` | the server |
//! | `csr.rs` | the same application without one, for `trunk serve` |

// The types of pages are as deep as these are
#![recursion_limit = "256"]

pub mod accounts;
pub mod app;
pub mod chat;
pub mod contact;
pub mod notes;
pub mod pages;

mizan::server! {
    pub mod db;
    pub mod users;
}

/// Called by the page once the browser has loaded the WebAssembly.
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    mizan::mount(app::App);
}
