//! A Redis of a test's own, which can be stopped and started again.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use std::time::Duration;

/// With a folder for what it saves.
pub(crate) struct OwnRedis {
    pub(crate) port: u16,
    folder: std::path::PathBuf,
    process: Option<std::process::Child>,
}

impl OwnRedis {
    pub(crate) fn new() -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let folder = std::env::temp_dir().join(format!("mizan-redis-{port}"));
        std::fs::create_dir_all(&folder).unwrap();
        Self {
            port,
            folder,
            process: None,
        }
    }

    pub(crate) fn start(&mut self) {
        let mut command = std::process::Command::new("redis-server");
        command
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .args(["--port", &self.port.to_string(), "--dir"])
            .arg(&self.folder)
            .stdout(std::process::Stdio::null());
        self.process = Some(command.spawn().unwrap());
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Asks it something, and returns the lines of its answer.
    pub(crate) fn ask(&self, command: &[&str]) -> Vec<String> {
        let mut client = std::process::Command::new("redis-cli");
        client.args(["-p", &self.port.to_string()]).args(command);
        let answer = client.output().unwrap();
        assert!(answer.status.success(), "{command:?}");
        let text = String::from_utf8_lossy(&answer.stdout).into_owned();
        text.lines().map(ToOwned::to_owned).collect()
    }

    /// Keeps what is there, for when it is started again.
    pub(crate) fn save(&self) {
        self.ask(&["save"]);
    }

    pub(crate) fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }
}

impl Drop for OwnRedis {
    fn drop(&mut self) {
        self.stop();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
