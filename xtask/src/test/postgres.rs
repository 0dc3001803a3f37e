//! A PostgreSQL of the tests' own.

use super::service::{Service, free_port};
use crate::process::{Result, is_installed, output, program, run};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// A server with an empty database, on a free port of the loopback interface; it and its data are
/// gone when this is dropped.
pub(super) struct Postgres {
    server: Service,
    folder: PathBuf,
    port: u16,
}

impl Postgres {
    pub(super) fn start() -> Result<Self> {
        // Not in the build folder, which the server's own user may not be able to reach
        let name = format!("mizan-postgres-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        if is_root()? {
            run(program("chown").arg("postgres:").arg(&folder))?;
        }
        let mut init = postgres_program("initdb")?;
        init.args([
            "--auth=trust",
            "--username=mizan",
            "--encoding=UTF8",
            "--no-sync",
            "-D",
        ])
        .arg(folder.join("data"))
        .stdout(Stdio::null());
        run(&mut init)?;
        let port = free_port()?;
        let mut server = postgres_program("postgres")?;
        server
            .arg("-D")
            .arg(folder.join("data"))
            .arg("-k")
            .arg(&folder)
            .args([
                "-h",
                "127.0.0.1",
                "-p",
                &port.to_string(),
                "-c",
                "fsync=off",
            ])
            .stderr(Stdio::null());
        let server = Service::start("PostgreSQL", server, &format!("127.0.0.1:{port}"))?;
        Ok(Self {
            server,
            folder,
            port,
        })
    }

    /// What `DATABASE_URL` says.
    pub(super) fn url(&self) -> String {
        format!("postgres://mizan@127.0.0.1:{}/postgres", self.port)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // SIGQUIT: at once, its child processes with it
        let _ = run(program("kill").args(["-QUIT", &self.server.id().to_string()]));
        self.server.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

pub(crate) fn is_there() -> bool {
    find("initdb").is_some() && find("postgres").is_some()
}

fn is_root() -> Result<bool> {
    Ok(output(program("id").arg("-u"))? == "0")
}

/// One of PostgreSQL's programs, as a user that it agrees to run as: not root.
fn postgres_program(name: &str) -> Result<Command> {
    let path = find(name).ok_or_else(|| format!("`{name}` is not installed"))?;
    if !is_root()? {
        return Ok(program(path));
    }
    let mut command = program("setpriv");
    command
        .args([
            "--reuid=postgres",
            "--regid=postgres",
            "--clear-groups",
            "--",
        ])
        .arg(path)
        .current_dir("/");
    Ok(command)
}

/// Debian keeps them off the PATH, a folder for each version.
fn find(name: &str) -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let newest = versions
        .map(|version| version.path().join("bin").join(name))
        .filter(|path| path.is_file())
        .max();
    newest.or_else(|| is_installed(name).then(|| Path::new(name).to_owned()))
}
