//! Servers under load, in turns.
//!
//! All servers of a comparison run at the same time, and one of them is loaded at a time, round
//! after round: what else the machine does hits all of them alike. Each figure is the median of
//! its rounds, and a ratio is the median of the ratios within each round: the turns of a round are
//! neighbours, so a machine that is slower for a minute is slower for both.

use crate::{
    process::{Result, line, output, program, root, target},
    steps::step,
};
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Child, Stdio},
    time::Duration,
};

/// How often each server's turn comes, after one that warms up and does not count.
pub(crate) const ROUNDS: usize = 25;
/// How long a turn is.
pub(crate) const SECONDS: u32 = 1;
/// How many connections are open; each has one request under way.
pub(crate) const CONNECTIONS: u32 = 32;

/// One of the servers, and what it is asked for.
pub(crate) struct Peer {
    /// The body of a POST; without one it is a GET.
    pub(crate) body: Option<&'static str>,
    /// What every answer has to contain.
    pub(crate) answer: &'static str,
    pub(crate) label: &'static str,
    /// The name that `mizan-bench` knows it by.
    pub(crate) server: &'static str,
    pub(crate) path: &'static str,
    /// Whether it is asked as somebody who has signed in.
    pub(crate) signed_in: bool,
}

/// What was measured of a server: medians.
pub(crate) struct Measured {
    pub(crate) label: &'static str,
    /// Answers per second.
    pub(crate) rates: Rates,
    /// What the server's process took for an answer, in microseconds, all its threads together.
    pub(crate) cpu: f64,
    /// The latency that half of the answers stayed below, in milliseconds.
    pub(crate) latency: f64,
    /// What one answer has, head and body, in bytes.
    pub(crate) bytes: usize,
}

/// Starts the servers, loads them in turns and ends them.
pub(crate) fn measure(name: &str, peers: &'static [Peer]) -> Result<Vec<Measured>> {
    let mut measured = Vec::new();
    step(&format!("measuring {name}"), || {
        let mut contestants = Vec::new();
        for peer in peers {
            contestants.push(Contestant::start(peer)?);
        }
        for round in 0..=ROUNDS {
            for index in 0..contestants.len() {
                // Another one begins each time, so that none always follows the same
                let index = (index + round) % contestants.len();
                contestants[index].turn(round == 0)?;
            }
        }
        measured = contestants.iter().map(Contestant::measured).collect();
        Ok(())
    })?;
    Ok(measured)
}

/// A server and its turns so far.
struct Contestant {
    peer: &'static Peer,
    server: Server,
    cookie: String,
    bytes: usize,
    turns: Vec<Turn>,
}

struct Turn {
    rate: f64,
    cpu: f64,
    latency: f64,
}

impl Contestant {
    fn start(peer: &'static Peer) -> Result<Self> {
        let server = Server::start(peer.server)?;
        let cookie = if peer.signed_in {
            server.sign_in()?
        } else {
            String::new()
        };
        let bytes = server.check(peer, &cookie)?;
        Ok(Self {
            peer,
            server,
            cookie,
            bytes,
            turns: Vec::new(),
        })
    }

    fn turn(&mut self, warm_up: bool) -> Result {
        let before = self.server.cpu_seconds()?;
        let Answers {
            count,
            seconds,
            latency,
        } = wrk(self.server.addr, self.peer, &self.cookie)?;
        let cpu = self.server.cpu_seconds()? - before;
        if !warm_up {
            self.turns.push(Turn {
                rate: count / seconds,
                cpu: cpu / count * 1e6,
                latency,
            });
        }
        Ok(())
    }

    fn measured(&self) -> Measured {
        Measured {
            label: self.peer.label,
            rates: Rates(self.turns.iter().map(|turn| turn.rate).collect()),
            cpu: median(self.turns.iter().map(|turn| turn.cpu)),
            latency: median(self.turns.iter().map(|turn| turn.latency)),
            bytes: self.bytes,
        }
    }
}

impl Measured {
    /// How many answers this one gives for each of another's.
    pub(crate) fn ratio(&self, other: &Self) -> f64 {
        self.rates.ratio(&other.rates)
    }
}

/// How much something did in a second, for each round.
pub(crate) struct Rates(pub(super) Vec<f64>);

impl Rates {
    pub(crate) fn median(&self) -> f64 {
        median(self.0.iter().copied())
    }

    /// The lowest and the highest of all rounds.
    pub(crate) fn range(&self) -> (f64, f64) {
        let rates = || self.0.iter().copied();
        (
            rates().fold(f64::INFINITY, f64::min),
            rates().fold(0.0, f64::max),
        )
    }

    /// How much it did for each of what another did.
    pub(crate) fn ratio(&self, other: &Self) -> f64 {
        let rounds = self.0.iter().zip(&other.0);
        median(rounds.map(|(this, other)| this / other))
    }
}

pub(super) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// A process of `mizan-bench`; ends when this is dropped, or when this process is no more.
pub(super) struct Server {
    process: Child,
    pub(super) addr: SocketAddr,
}

impl Server {
    pub(super) fn start(name: &str) -> Result<Self> {
        let mut command = program(target().join("release/mizan-bench"));
        // It ends with its input, which nobody else holds open
        command
            .arg(name)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut process = command
            .spawn()
            .map_err(|error| format!("`{}` can't be started: {error}", line(&command)))?;
        let mut text = String::new();
        if let Some(stdout) = &mut process.stdout {
            // An error leaves the text empty, which is no address either
            let _ = BufReader::new(stdout).read_line(&mut text);
        }
        match text.trim().parse() {
            Ok(addr) => Ok(Self { process, addr }),
            Err(_) => {
                let _ = process.kill();
                let _ = process.wait();
                Err(format!("the server `{name}` did not start"))
            }
        }
    }

    /// Asks once and returns how long the answer is.
    fn check(&self, peer: &Peer, cookie: &str) -> Result<usize> {
        let answer = ask(self.addr, peer.path, peer.body, cookie)
            .map_err(|error| format!("the server `{}`: {error}", peer.server))?;
        if answer.starts_with("HTTP/1.1 200 ") && answer.contains(peer.answer) {
            Ok(answer.len())
        } else {
            Err(format!(
                "the server `{}` answers wrongly:\n{answer}",
                peer.server
            ))
        }
    }

    /// Signs in, and returns the cookie of the session.
    fn sign_in(&self) -> Result<String> {
        let answer = ask(self.addr, "/api/mizan/call/sign_in", Some("{}"), "");
        let answer = answer.map_err(|error| format!("nobody could sign in: {error}"))?;
        let cookie = answer
            .lines()
            .find_map(|line| line.strip_prefix("set-cookie: ")?.split(';').next());
        cookie
            .map(str::to_owned)
            .ok_or_else(|| format!("nobody could sign in:\n{answer}"))
    }

    /// The time that all threads of the process have taken from the processors.
    pub(super) fn cpu_seconds(&self) -> Result<f64> {
        let path = format!("/proc/{}/stat", self.process.id());
        let text = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
        let ticks_per_second = output(program("getconf").arg("CLK_TCK"))?;
        // The name in parentheses may hold spaces; user and system time are the 12th and 13th
        // value behind it
        let ticks = text.rsplit_once(')').map(|(_, values)| {
            let times = values.split_whitespace().skip(11).take(2);
            times.filter_map(|time| time.parse::<f64>().ok()).sum()
        });
        match (ticks, ticks_per_second.parse::<f64>()) {
            (Some(ticks), Ok(per_second)) => {
                let ticks: f64 = ticks;
                Ok(ticks / per_second)
            }
            _ => Err(format!("{path} can't be read")),
        }
    }

    /// The memory that the process holds, in bytes.
    pub(super) fn resident(&self) -> Result<f64> {
        let path = format!("/proc/{}/status", self.process.id());
        let text = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
        let kibibytes = text.lines().find_map(|line| {
            let value = line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?;
            value.parse::<f64>().ok()
        });
        let kibibytes = kibibytes.ok_or_else(|| format!("{path} can't be read"))?;
        Ok(kibibytes * 1024.0)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// One request, on a connection of its own.
fn ask(addr: SocketAddr, path: &str, body: Option<&str>, cookie: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(addr)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let (method, body) = body.map_or(("GET", ""), |body| ("POST", body));
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncookie: {cookie}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// What wrk counted in a turn.
struct Answers {
    count: f64,
    seconds: f64,
    latency: f64,
}

fn wrk(addr: SocketAddr, peer: &Peer, cookie: &str) -> Result<Answers> {
    // `timeout`: a server that hangs must not hang the bench
    let mut command = program("timeout");
    command
        .args(["60", "wrk", "--threads", "1"])
        .args(["--connections", &CONNECTIONS.to_string()])
        .args(["--duration", &format!("{SECONDS}s")])
        .arg("--script")
        .arg(root().join("bench/wrk.lua"))
        .arg(format!("http://{addr}{}", peer.path))
        .arg("--")
        .arg(peer.body.unwrap_or_default())
        .arg(cookie);
    let text = output(&mut command)?;
    let numbers = text
        .lines()
        .find_map(|line| line.strip_prefix("measured "))
        .map(|line| line.split(' ').filter_map(|word| word.parse::<f64>().ok()))
        .map(Iterator::collect::<Vec<_>>)
        .unwrap_or_default();
    match numbers[..] {
        [count, microseconds, 0.0, latency, _] if count > 0.0 => Ok(Answers {
            count,
            seconds: microseconds / 1e6,
            latency: latency / 1e3,
        }),
        _ => Err(format!(
            "not every request to {} succeeded:\n{text}",
            peer.label
        )),
    }
}
