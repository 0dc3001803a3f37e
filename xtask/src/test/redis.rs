//! A Redis of the tests' own.

use super::service::{Service, free_port};
use crate::process::{Result, is_installed, program};
use std::process::Stdio;

const PROGRAM: &str = "redis-server";

/// A server on a free port of the loopback interface, without a file.
pub(super) struct Redis {
    _server: Service,
    port: u16,
}

impl Redis {
    pub(super) fn start() -> Result<Self> {
        let port = free_port()?;
        let mut server = program(PROGRAM);
        server
            .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
            .args(["--save", "", "--appendonly", "no"])
            .stdout(Stdio::null());
        let server = Service::start("Redis", server, &format!("127.0.0.1:{port}"))?;
        Ok(Self {
            _server: server,
            port,
        })
    }

    pub(super) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}

pub(crate) fn is_there() -> bool {
    is_installed(PROGRAM)
}
