//! The starter in a real browser.

use super::{WASM, postgres::Postgres, scratch};
use crate::process::{Result, cargo, program, root, run, target};
use std::{
    net::{TcpListener, TcpStream},
    process::{Child, Command},
    time::{Duration, Instant},
};

/// A server of the tests' own; ends when this is dropped.
struct Server(Child);

impl Server {
    /// Starts it and waits until it listens.
    fn start(mut command: Command, addr: &str) -> Result<Self> {
        let server = command.spawn().map(Self);
        let mut server = server.map_err(|error| format!("the server: {error}"))?;
        let started = Instant::now();
        while TcpStream::connect(addr).is_err() {
            if let Ok(Some(status)) = server.0.try_wait() {
                return Err(format!("the server ended ({status})"));
            }
            if started.elapsed() > Duration::from_secs(30) {
                return Err("the server does not listen".to_owned());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

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
    let _server = Server::start(server, &addr)?;
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
    run(&mut command)
}

/// A port that nobody listens on; it stays free for long enough.
pub(super) fn free_port() -> Result<u16> {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .map(|addr| addr.port())
        .map_err(|error| format!("no free port: {error}"))
}
