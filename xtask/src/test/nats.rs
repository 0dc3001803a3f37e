//! A NATS of the tests' own.

use super::service::{Service, free_port};
use crate::process::{Result, is_installed, program};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
};

const PROGRAM: &str = "nats-server";

/// Where Debian has it, which is not on everybody's PATH.
const DEBIAN_PROGRAM: &str = "/usr/sbin/nats-server";

/// A server with JetStream on a free port of the loopback interface; it and its data are gone when
/// this is dropped.
pub(super) struct Nats {
    server: Option<Service>,
    port: u16,
    folder: PathBuf,
}

impl Nats {
    pub(super) fn start() -> Result<Self> {
        let port = free_port()?;
        let name = format!("mizan-nats-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        let mut server = program(if is_installed(PROGRAM) {
            PROGRAM
        } else {
            DEBIAN_PROGRAM
        });
        server
            .args(["--addr", "127.0.0.1", "--port", &port.to_string()])
            .args(["--jetstream", "--store_dir"])
            .arg(&folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let server = Service::start("NATS", server, &format!("127.0.0.1:{port}"))?;
        Ok(Self {
            server: Some(server),
            port,
            folder,
        })
    }

    pub(super) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        // It writes there until it has ended
        drop(self.server.take());
        let _ = fs::remove_dir_all(&self.folder);
    }
}

pub(crate) fn is_there() -> bool {
    is_installed(PROGRAM) || Path::new(DEBIAN_PROGRAM).is_file()
}
