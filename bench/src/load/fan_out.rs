//! One message for all, as fast as it gets to everybody.

use super::{
    Result, Target,
    socket::{Socket, expect, many},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};
use tokio::{net::TcpStream, sync::Notify, task::JoinSet};

const SOCKETS: usize = 1000;

/// How many messages each of them gets in a turn.
const MESSAGES: usize = 100;

const TEXT: &str = "The quick brown fox jumps over the lazy dog";

pub(super) struct FanOut {
    target: Target,
    announcer: TcpStream,
    sockets: Vec<Socket>,
}

/// Counts what arrives.
struct Arrivals {
    /// How many are awaited at a time.
    awaited: usize,
    arrived: AtomicUsize,
    complete: Notify,
}

impl Arrivals {
    fn count(&self) {
        let arrived = self.arrived.fetch_add(1, Ordering::Relaxed) + 1;
        if arrived.is_multiple_of(self.awaited) {
            self.complete.notify_one();
        }
    }
}

impl FanOut {
    pub(super) async fn open(target: Target) -> Result<Self> {
        let open = async |_| {
            let mut socket = Socket::open(target, target.news).await?;
            socket.join("news", 1, None).await?;
            Ok(socket)
        };
        let announcer = TcpStream::connect(target.addr).await?;
        announcer.set_nodelay(true)?;
        Ok(Self {
            target,
            announcer,
            sockets: many(SOCKETS, open).await?,
        })
    }

    /// Has messages sent, at most `at_once` before all of them have arrived everywhere. Returns
    /// how many arrive in a second, and how many did.
    pub(super) async fn turn(&mut self, at_once: usize) -> Result<(f64, usize)> {
        let arrivals = Arc::new(Arrivals {
            awaited: at_once * SOCKETS,
            arrived: AtomicUsize::new(0),
            complete: Notify::new(),
        });
        let messages = MESSAGES.next_multiple_of(at_once);
        let mut readers = JoinSet::new();
        for mut socket in self.sockets.drain(..) {
            let arrivals = Arc::clone(&arrivals);
            readers.spawn(async move {
                for _ in 0..messages {
                    expect(&socket.next().await?, TEXT)?;
                    arrivals.count();
                }
                Result::Ok(socket)
            });
        }
        let started = Instant::now();
        for _ in 0..messages / at_once {
            let announced = self.target.announce(&mut self.announcer, TEXT, at_once);
            announced.await?;
            loop {
                tokio::select! {
                    () = arrivals.complete.notified() => break,
                    // Some have the last message before others; and one may have failed
                    Some(socket) = readers.join_next() => self.sockets.push(socket??),
                }
            }
        }
        let seconds = started.elapsed().as_secs_f64();
        while let Some(socket) = readers.join_next().await {
            self.sockets.push(socket??);
        }
        let frames = messages * SOCKETS;
        Ok((frames as f64 / seconds, frames))
    }
}
