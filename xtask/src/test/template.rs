//! A project made out of the starter builds and serves.

use super::{scratch, service::free_port};
use crate::{
    new,
    process::{self, Result, root, target},
};
use std::{
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command},
    time::{Duration, Instant},
};

pub(super) fn generates() -> Result {
    // Outside the repository, or Cargo would take it for a part of this workspace
    let parent = std::env::temp_dir().join(format!("mizan-template-{}", std::process::id()));
    let project = parent.join("my-notes");
    let result = new::run(&project).and_then(|()| build_and_serve(&project));
    let _ = std::fs::remove_dir_all(&parent);
    result
}

fn build_and_serve(project: &Path) -> Result {
    // A folder of its own: two workspaces that build one crate overwrite each other's
    let built = target().join("template");
    let lock = std::fs::copy(root().join("Cargo.lock"), project.join("Cargo.lock"));
    lock.map_err(|error| format!("Cargo.lock: {error}"))?;
    let mut build = Command::new("cargo");
    build
        .current_dir(project)
        .args(["leptos", "build"])
        .env("CARGO_TARGET_DIR", &built);
    process::run(&mut build)?;

    let port = free_port()?;
    let database = scratch("template")?.join("notes.db");
    let site = project.join("target/site");
    let mut server = Command::new(built.join("debug/server"));
    server
        .current_dir(project)
        .env("LEPTOS_OUTPUT_NAME", "app")
        .env("LEPTOS_HASH_FILES", "true")
        .env("LEPTOS_SITE_ROOT", &site)
        .env("LEPTOS_SITE_ADDR", format!("127.0.0.1:{port}"))
        .env("DATABASE_URL", format!("sqlite://{}", database.display()));
    let mut server = Server(
        server
            .spawn()
            .map_err(|error| format!("the server: {error}"))?,
    );
    let page = server.get(port, "/")?;
    expect("/", &page, "What the team should know")?;
    // Their names have a hash, which the page knows
    for (start, end, expected) in [
        ("/pkg/app.", ".js", "hydrate"),
        ("/pkg/app.", ".css", ".note"),
        ("/icon", ".svg", "<svg"),
    ] {
        let mut words = page.split('"');
        let path = words
            .find(|word| word.starts_with(start) && word.ends_with(end))
            .ok_or_else(|| format!("the page names no {start}*{end}:\n{page}"))?;
        expect(path, &server.get(port, path)?, expected)?;
    }
    Ok(())
}

fn expect(path: &str, answer: &str, expected: &str) -> Result {
    if answer.starts_with("HTTP/1.1 200") && answer.contains(expected) {
        Ok(())
    } else {
        Err(format!("{path} does not contain {expected:?}:\n{answer}"))
    }
}

/// A process that ends with the test.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Server {
    /// Asks until the server listens, for at most half a minute.
    fn get(&mut self, port: u16, path: &str) -> Result<String> {
        let started = Instant::now();
        loop {
            match get(port, path) {
                Ok(answer) => return Ok(answer),
                Err(_) if started.elapsed() < Duration::from_secs(30) => {
                    if let Ok(Some(status)) = self.0.try_wait() {
                        return Err(format!("the server ended ({status})"));
                    }
                    std::thread::sleep(Duration::from_millis(100));
                }
                Err(error) => return Err(format!("the server does not answer: {error}")),
            }
        }
    }
}

fn get(port: u16, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
