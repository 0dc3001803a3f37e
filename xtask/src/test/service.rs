//! Servers that tests talk to: each on a port of its own, gone when the test is over.

use crate::process::Result;
use std::{
    net::{TcpListener, TcpStream},
    process::{Child, Command},
    time::{Duration, Instant},
};

/// A server that listens; it ends when this is dropped.
pub(super) struct Service(Child);

impl Service {
    /// Starts it, and waits until it listens on `addr`.
    pub(super) fn start(name: &str, mut command: Command, addr: &str) -> Result<Self> {
        let spawned = command.spawn().map(Self);
        let mut service = spawned.map_err(|error| format!("{name}: {error}"))?;
        let started = Instant::now();
        while TcpStream::connect(addr).is_err() {
            if let Ok(Some(status)) = service.0.try_wait() {
                return Err(format!("{name} ended ({status})"));
            }
            if started.elapsed() > Duration::from_secs(30) {
                return Err(format!("{name} does not listen"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(service)
    }

    pub(super) fn id(&self) -> u32 {
        self.0.id()
    }

    /// Waits until it has ended.
    pub(super) fn wait(&mut self) {
        let _ = self.0.wait();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A port that nobody listens on; it stays free for long enough.
pub(super) fn free_port() -> Result<u16> {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .map(|addr| addr.port())
        .map_err(|error| format!("no free port: {error}"))
}
