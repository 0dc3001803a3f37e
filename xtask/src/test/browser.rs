//! The starter in a real browser.

use super::{postgres::Postgres, scratch};
use crate::process::{Result, cargo, run};
use std::net::TcpListener;

/// Everything that a person does, on each of the databases.
pub(super) fn end2end() -> Result {
    let database = scratch("end2end")?.join("notes.db");
    end2end_on(&format!("sqlite://{}", database.display()))?;
    end2end_on(&Postgres::start()?.url())
}

/// `cargo leptos end-to-end`, on free ports and with a database of its own.
fn end2end_on(database: &str) -> Result {
    let mut command = cargo();
    command
        .args(["leptos", "end-to-end"])
        .env("LEPTOS_SITE_ADDR", format!("127.0.0.1:{}", free_port()?))
        .env("LEPTOS_RELOAD_PORT", free_port()?.to_string())
        .env("DATABASE_URL", database);
    run(&mut command)
}

/// A port that nobody listens on; it stays free for long enough.
pub(super) fn free_port() -> Result<u16> {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .map(|addr| addr.port())
        .map_err(|error| format!("no free port: {error}"))
}
