//! The starter in a real browser.

use super::scratch;
use crate::process::{Result, cargo, run};
use std::net::TcpListener;

/// `cargo leptos end-to-end`, on free ports and with a database of its own.
pub(super) fn end2end() -> Result {
    let database = scratch("end2end")?.join("notes.db");
    let mut command = cargo();
    command
        .args(["leptos", "end-to-end"])
        .env("LEPTOS_SITE_ADDR", format!("127.0.0.1:{}", free_port()?))
        .env("LEPTOS_RELOAD_PORT", free_port()?.to_string())
        .env("DATABASE_URL", format!("sqlite://{}", database.display()));
    run(&mut command)
}

/// A port that nobody listens on; it stays free for long enough.
pub(super) fn free_port() -> Result<u16> {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .map(|addr| addr.port())
        .map_err(|error| format!("no free port: {error}"))
}
