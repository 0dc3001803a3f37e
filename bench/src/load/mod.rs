//! The other end of a server's sockets, in a process of its own.
//!
//! `mizan-bench load <measure> <server> <address>` opens what it needs, and then has a turn for
//! each line of its input; it prints `measured ..` after each, and ends with its input.
//!
//! | measure | a line | what it prints |
//! | --- | --- | --- |
//! | `fan-out` | how many messages are sent before the next one waits | messages per second, counted where they arrive, and how many |
//! | `echo` | | answers per second, and how many |
//! | `crowd` | how many sockets are to be open | the same, when they are |
//! | `return` | | seconds until all are back, and how many messages did not arrive |

mod crowd;
mod echo;
mod fan_out;
mod socket;

use crate::http;
use std::{error::Error, fmt::Display, io, net::SocketAddr, time::Duration};
use tokio::{net::TcpStream, time::timeout};

type Result<T = ()> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// After which a turn has failed: a server that hangs must not hang the bench.
const LONGEST_TURN: Duration = Duration::from_secs(60);

/// The server at the other end.
#[derive(Clone, Copy)]
struct Target {
    addr: SocketAddr,
    /// Where its sockets that hear news are, those that hear themselves, and its announcer.
    news: &'static str,
    echo: &'static str,
    announce: &'static str,
}

impl Target {
    fn of(server: &str, addr: SocketAddr) -> Option<Self> {
        Some(match server {
            "mizan" => Self {
                addr,
                news: "/api/mizan/ws",
                echo: "/api/mizan/ws",
                announce: "/api/mizan/call/announce",
            },
            "sockets" => Self {
                addr,
                news: "/news",
                echo: "/echo",
                announce: "/announce",
            },
            _ => return None,
        })
    }

    /// Has the server say something to everybody.
    async fn announce(&self, stream: &mut TcpStream, text: &str, times: usize) -> Result {
        let body = serde_json::json!({ "text": text, "times": times }).to_string();
        let answer = http::exchange(stream, &http::post(self.announce, "", &body)).await?;
        if answer.starts_with("HTTP/1.1 200 ") {
            Ok(())
        } else {
            Err(format!("nothing was announced:\n{answer}").into())
        }
    }
}

/// Something that is measured in turns.
enum Measure {
    FanOut(fan_out::FanOut),
    Echo(echo::Echo),
    Crowd(crowd::Crowd),
    Return(crowd::Return),
}

impl Measure {
    async fn open(name: &str, target: Target) -> Result<Self> {
        Ok(match name {
            "fan-out" => Self::FanOut(fan_out::FanOut::open(target).await?),
            "echo" => Self::Echo(echo::Echo::open(target).await?),
            "crowd" => Self::Crowd(crowd::Crowd::new(target)),
            "return" => Self::Return(crowd::Return::new(target)),
            _ => return Err(format!("nothing is called `{name}`").into()),
        })
    }

    async fn turn(&mut self, line: &str) -> Result<String> {
        Ok(match self {
            Self::FanOut(fan_out) => pair(fan_out.turn(line.parse()?).await?),
            Self::Echo(echo) => pair(echo.turn().await?),
            Self::Crowd(crowd) => crowd.turn(line.parse()?).await?.to_string(),
            Self::Return(returning) => pair(returning.turn().await?),
        })
    }
}

fn pair<A: Display, B: Display>((first, second): (A, B)) -> String {
    format!("{first} {second}")
}

pub(crate) async fn run(arguments: &[String]) -> Result {
    let [measure, server, addr] = arguments else {
        return Err("name what to measure, a server and its address".into());
    };
    let target = Target::of(server, addr.parse()?);
    let target = target.ok_or_else(|| format!("`{server}` has no sockets"))?;
    let mut measure = timeout(LONGEST_TURN, Measure::open(measure, target)).await??;
    // No worker waits here: what runs meanwhile runs on others
    for line in io::stdin().lines() {
        let measured = timeout(LONGEST_TURN, measure.turn(line?.trim())).await??;
        println!("measured {measured}");
    }
    Ok(())
}
