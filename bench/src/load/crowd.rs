//! Sockets that are there, and sockets that all come back at once.

use super::{
    Result, Target,
    socket::{Joined, Socket, many, offset},
};
use std::time::{Duration, Instant};
use tokio::{net::TcpStream, task::JoinSet, time::sleep};

/// As many sockets as asked for, which have joined a channel and do nothing.
pub(super) struct Crowd {
    target: Target,
    sockets: Vec<Socket>,
}

impl Crowd {
    pub(super) fn new(target: Target) -> Self {
        Self {
            target,
            sockets: Vec::new(),
        }
    }

    /// Opens or closes some. Returns how many are open.
    pub(super) async fn turn(&mut self, wanted: usize) -> Result<usize> {
        self.sockets.truncate(wanted);
        let target = self.target;
        let open = async |_| {
            let mut socket = Socket::open(target, target.news).await?;
            socket.join("news", 1, None).await?;
            Ok(socket)
        };
        let missing = wanted - self.sockets.len();
        self.sockets.extend(many(missing, open).await?);
        Ok(self.sockets.len())
    }
}

/// How many come back.
const SOCKETS: usize = 5000;

/// How many messages are said while all are away, and how many while they come back.
const MISSED: usize = 20;
const MEANWHILE: usize = 20;

/// How long after one of these comes the next one.
const PAUSE: Duration = Duration::from_millis(50);

/// Sockets that lose their connections, and come back.
pub(super) struct Return {
    target: Target,
}

impl Return {
    pub(super) fn new(target: Target) -> Self {
        Self { target }
    }

    /// Returns how many seconds it takes until all have come back and have every message, and how
    /// many messages they don't have.
    pub(super) async fn turn(&mut self) -> Result<(f64, u64)> {
        let target = self.target;
        let leave = async |_| {
            let mut socket = Socket::open(target, target.news).await?;
            let joined: Joined = serde_json::from_str(&socket.join("news", 1, None).await?)?;
            Ok((socket, joined))
        };
        // All are there, and then all are cut off
        let there = many(SOCKETS, leave).await?;
        let mut announcer = TcpStream::connect(target.addr).await?;
        let positions: Vec<_> = there.into_iter().map(|(_, joined)| joined).collect();
        target.announce(&mut announcer, "missed", MISSED).await?;

        let started = Instant::now();
        let mut returning = JoinSet::new();
        for since in positions {
            returning.spawn(come_back(target, since));
        }
        for _ in 0..MEANWHILE {
            target.announce(&mut announcer, "meanwhile", 1).await?;
            sleep(PAUSE).await;
        }
        let mut lost = 0;
        let mut sockets = Vec::new();
        while let Some(returned) = returning.join_next().await {
            let (socket, missing) = returned??;
            sockets.push(socket);
            lost += missing;
        }
        Ok((started.elapsed().as_secs_f64(), lost))
    }
}

/// Joins again, and returns when every message has come, with how many were left out.
async fn come_back(target: Target, since: Joined) -> Result<(Socket, u64)> {
    let mut socket = Socket::open(target, target.news).await?;
    let joined = socket.join("news", 1, Some(&since)).await?;
    let joined: Joined = serde_json::from_str(&joined)?;
    let last = since.offset + (MISSED + MEANWHILE) as u64;
    let mut at = if joined.recovered {
        since.offset
    } else {
        joined.offset
    };
    let mut lost = at - since.offset;
    while at < last {
        let next = offset(&socket.next().await?)?;
        if next <= at {
            return Err(format!("message {next} came after {at}").into());
        }
        lost += next - at - 1;
        at = next;
    }
    Ok((socket, lost))
}
