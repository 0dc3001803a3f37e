//! Sockets that each say something, and wait until they hear it.

use super::{
    Result, Target,
    socket::{Socket, expect, many, say},
};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

const SOCKETS: usize = 256;

/// How long a turn is.
const TURN: Duration = Duration::from_secs(1);

const TEXT: &str = "The quick brown fox jumps over the lazy dog";

pub(super) struct Echo {
    sockets: Vec<Socket>,
}

impl Echo {
    pub(super) async fn open(target: Target) -> Result<Self> {
        let open = async |number| {
            let mut socket = Socket::open(target, target.echo).await?;
            socket.join("echo", number, None).await?;
            Ok(socket)
        };
        Ok(Self {
            sockets: many(SOCKETS, open).await?,
        })
    }

    /// Returns how many are answered in a second, and how many were.
    pub(super) async fn turn(&mut self) -> Result<(f64, u32)> {
        let frame = say(TEXT);
        let started = Instant::now();
        let mut speakers = JoinSet::new();
        for mut socket in self.sockets.drain(..) {
            let frame = frame.clone();
            speakers.spawn(async move {
                let mut answers = 0_u32;
                while started.elapsed() < TURN {
                    socket.send(frame.clone()).await?;
                    expect(&socket.next().await?, TEXT)?;
                    answers += 1;
                }
                Result::Ok((socket, answers))
            });
        }
        let mut all = 0;
        while let Some(speaker) = speakers.join_next().await {
            let (socket, answers) = speaker??;
            self.sockets.push(socket);
            all += answers;
        }
        Ok((f64::from(all) / started.elapsed().as_secs_f64(), all))
    }
}
