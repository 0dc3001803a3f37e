//! The starter in a real browser.

use super::{
    WASM,
    postgres::Postgres,
    scratch,
    service::{Service, free_port},
};
use crate::process::{Result, cargo, program, root, run, target};
use std::fs;

/// Everything that a person does, on each of the databases.
pub(super) fn end2end() -> Result {
    let database = scratch("end2end")?.join("notes.db");
    end2end_on(&format!("sqlite://{}", database.display()))?;
    end2end_on(&Postgres::start()?.url())?;
    streaming()
}

/// Pages that are sent in pieces, which the starter's are not in every way.
fn streaming() -> Result {
    let cargo_build = |arguments: &[&str]| {
        run(cargo()
            .args(["build", "--quiet", "-p", "streaming"])
            .args(arguments))
    };
    cargo_build(&["--bin", "streaming", "--features", "ssr"])?;
    cargo_build(&["--lib", "--features", "hydrate", "--target", WASM])?;
    let site = scratch("streaming")?;
    run(program("wasm-bindgen")
        .args([
            "--target",
            "web",
            "--no-typescript",
            "--out-name",
            "streaming",
        ])
        .arg("--out-dir")
        .arg(site.join("pkg"))
        .arg(target().join(WASM).join("debug/streaming.wasm")))?;
    let addr = format!("127.0.0.1:{}", free_port()?);
    let mut server = program(target().join("debug/streaming"));
    server
        .env("LEPTOS_SITE_ROOT", &site)
        .env("LEPTOS_SITE_ADDR", &addr);
    let _server = Service::start("the server", server, &addr)?;
    run(program("npx")
        .args(["playwright", "test", "--config", "streaming.config.ts"])
        .current_dir(root().join("end2end"))
        .env("LEPTOS_SITE_ADDR", &addr))
}

/// `cargo leptos end-to-end`, on free ports and with a database of its own.
fn end2end_on(database: &str) -> Result {
    let mut command = cargo();
    command
        .args(["leptos", "end-to-end"])
        .env("LEPTOS_SITE_ADDR", format!("127.0.0.1:{}", free_port()?))
        .env("LEPTOS_RELOAD_PORT", free_port()?.to_string())
        .env("DATABASE_URL", database);
    // cargo-leptos ends well where nothing could be built to be tested
    let last_run = root().join("end2end/test-results/.last-run.json");
    let _ = fs::remove_file(&last_run);
    run(&mut command)?;
    match fs::read_to_string(&last_run) {
        Ok(text) if text.contains(r#""status": "passed""#) => Ok(()),
        _ => Err("the tests of the starter have not run: see what cargo-leptos says above".into()),
    }
}
