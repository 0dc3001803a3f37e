//! The servers that `cargo xtask bench` compares: one program, one of them in each process.
//!
//! `mizan-bench <server>` listens on a free port of the loopback interface, prints its address
//! and serves until its standard input ends, so that it never outlives whoever started it. All of
//! them have the same runtime, the same log subscriber and send the same headers.
//!
//! `mizan-bench flight` measures a mutation over a slow link, and ends. `mizan-bench stampede`
//! measures many who want one answer at once.
//!
//! `mizan-bench load <measure> <server> <address>` is the other end of a server's sockets.

mod channels;
mod contexts;
mod flight;
mod http;
mod load;
mod servers;
mod sockets;
mod stampede;
mod users;

use servers::Server;
use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    process::ExitCode,
};
use tracing_subscriber::EnvFilter;

/// Any free port of the loopback interface.
const ADDR: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

#[tokio::main]
async fn main() -> ExitCode {
    // Ten thousand sockets are as many files
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        eprintln!("mizan-bench: the limit of open files stays as it is: {error}");
    }
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_default();
    match name.as_str() {
        "flight" => return ended(run_flight().await),
        "stampede" => return ended(run_stampede().await),
        "load" => return ended(load::run(&arguments.collect::<Vec<_>>()).await),
        _ => {}
    }
    let Some(server) = Server::of(&name) else {
        eprintln!(
            "name a server, flight, stampede or load: {}",
            Server::NAMES.join(", ")
        );
        return ExitCode::FAILURE;
    };
    end_with_input();
    ended(run(server).await)
}

fn ended(result: Result<(), Box<dyn std::error::Error + Send + Sync>>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mizan-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A server in this very process, and what is measured against it.
async fn run_flight() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    flight::measure(server_within().await?).await
}

async fn run_stampede() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    stampede::measure(servers::mizan()?, server_within().await?).await
}

/// Starts a server in this very process.
async fn server_within() -> std::io::Result<std::net::SocketAddr> {
    let listener = mizan::server::listen(ADDR)?;
    let addr = listener.local_addr()?;
    tokio::spawn(async move {
        if let Err(error) = Server::Mizan.serve(listener).await {
            eprintln!("mizan-bench: {error}");
        }
    });
    Ok(addr)
}

async fn run(server: Server) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    // The subscriber of the starter; nothing is logged while requests succeed
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new("info,tower_sessions_core=error"))
        .with_writer(io::stderr)
        .init();
    // Whatever serves: how many connections may wait is none of the things that are compared
    let listener = mizan::server::listen(ADDR)?;
    println!("{}", listener.local_addr()?);
    server.serve(listener).await
}

/// Ends the process at the end of its input.
fn end_with_input() {
    std::thread::spawn(|| {
        // An input that can't be read has ended too
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        std::process::exit(0);
    });
}
