//! Channels beside sockets of axum's.
//!
//! The other end of the sockets is a process of its own, one for each server: it opens them once,
//! and has a turn whenever it is told so. As with requests, the servers take turns.

use super::flight::numbers;
use super::load::{ROUNDS, Rates, Server, median};
use crate::{
    process::{Result, line, program, target},
    steps::step,
};
use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdout, Stdio},
    thread::sleep,
    time::Duration,
};

/// How many sockets are idle, and how many warm up.
const IDLE: usize = 10_000;
const WARM_UP: usize = 200;

/// How often memory is measured, and how often sockets come back.
const REPEATS: usize = 3;

/// How long a server takes to be done with sockets that were opened or closed.
const SETTLED: Duration = Duration::from_secs(2);

/// How fast something is on sockets of both.
pub(crate) struct Pair {
    axum: Traffic,
    mizan: Traffic,
}

/// What was measured of a server.
pub(crate) struct Traffic {
    pub(crate) label: &'static str,
    /// Frames per second, counted where they arrive.
    pub(crate) rates: Rates,
    /// What the server's process took for a frame, in microseconds: a median.
    pub(crate) cpu: f64,
}

impl Pair {
    /// Mizan's throughput, in parts of axum's.
    pub(crate) fn ratio(&self) -> f64 {
        self.mizan.rates.ratio(&self.axum.rates)
    }
}

/// What an idle socket takes of the server's memory, in bytes.
pub(crate) struct Idle {
    pub(crate) axum: f64,
    pub(crate) mizan: f64,
}

impl Idle {
    /// What Mizan's takes more.
    pub(crate) fn more(&self) -> f64 {
        self.mizan - self.axum
    }
}

/// Sockets that all come back at once.
pub(crate) struct Storm {
    /// Until all have what they missed.
    pub(crate) seconds: f64,
    /// The messages that they don't get.
    pub(crate) lost: f64,
}

pub(crate) struct Sockets {
    pub(crate) fan_out: Pair,
    /// The same where ten messages are under way at a time.
    pub(crate) bursts: Pair,
    pub(crate) echo: Pair,
    pub(crate) idle: Idle,
    pub(crate) storm: Storm,
}

impl Sockets {
    /// Everything whose throughput was measured.
    pub(crate) fn traffic(&self) -> Vec<&Traffic> {
        let pairs = [&self.fan_out, &self.bursts, &self.echo];
        let both = pairs.into_iter().map(|pair| [&pair.axum, &pair.mizan]);
        both.flatten().collect()
    }
}

pub(crate) fn measure() -> Result<Sockets> {
    Ok(Sockets {
        fan_out: pair(
            "fan-out",
            "1",
            ["axum, a message to 1,000", "Mizan, a message to 1,000"],
        )?,
        bursts: pair(
            "fan-out",
            "10",
            [
                "axum, ten messages to 1,000",
                "Mizan, ten messages to 1,000",
            ],
        )?,
        echo: pair("echo", "", ["axum, 256 answers", "Mizan, 256 answers"])?,
        idle: idle()?,
        storm: storm()?,
    })
}

fn pair(measure: &str, turn: &str, labels: [&'static str; 2]) -> Result<Pair> {
    let mut measured = None;
    let [axum, mizan] = labels;
    step(&format!("measuring {mizan}"), || {
        let mut both = [
            Contestant::start("sockets", measure, axum)?,
            Contestant::start("mizan", measure, mizan)?,
        ];
        for round in 0..=ROUNDS {
            for index in [round % 2, (round + 1) % 2] {
                both[index].turn(turn, round == 0)?;
            }
        }
        let [axum, mizan] = both.map(Contestant::measured);
        measured = Some(Pair { axum, mizan });
        Ok(())
    })?;
    measured.ok_or_else(|| format!("{measure} was not measured"))
}

/// A server, the other end of its sockets, and their turns so far.
struct Contestant {
    label: &'static str,
    load: Load,
    server: Server,
    /// Frames per second, and microseconds of the server's for each.
    turns: Vec<(f64, f64)>,
}

impl Contestant {
    fn start(server: &str, measure: &str, label: &'static str) -> Result<Self> {
        let (server, load) = start(server, measure)?;
        Ok(Self {
            label,
            load,
            server,
            turns: Vec::new(),
        })
    }

    fn turn(&mut self, turn: &str, warm_up: bool) -> Result {
        let before = self.server.cpu_seconds()?;
        let [rate, frames] = self.load.turn(turn)?[..] else {
            return Err(format!("nothing was measured of {}", self.label));
        };
        let cpu = self.server.cpu_seconds()? - before;
        if !warm_up {
            self.turns.push((rate, cpu / frames * 1e6));
        }
        Ok(())
    }

    fn measured(self) -> Traffic {
        Traffic {
            label: self.label,
            rates: Rates(self.turns.iter().map(|(rate, _)| *rate).collect()),
            cpu: median(self.turns.iter().map(|(_, cpu)| *cpu)),
        }
    }
}

fn idle() -> Result<Idle> {
    let mut measured = None;
    step(&format!("measuring {IDLE} idle sockets"), || {
        let (mut axum, mut mizan) = (Vec::new(), Vec::new());
        for _ in 0..REPEATS {
            axum.push(memory("sockets")?);
            mizan.push(memory("mizan")?);
        }
        measured = Some(Idle {
            axum: median(axum.into_iter()),
            mizan: median(mizan.into_iter()),
        });
        Ok(())
    })?;
    measured.ok_or_else(|| "idle sockets were not measured".to_owned())
}

/// What each of many idle sockets takes of a server that has just started, in bytes.
fn memory(server: &str) -> Result<f64> {
    let (server, mut load) = start(server, "crowd")?;
    for wanted in [WARM_UP, 0] {
        load.turn(&wanted.to_string())?;
    }
    sleep(SETTLED);
    let before = server.resident()?;
    load.turn(&IDLE.to_string())?;
    sleep(SETTLED);
    Ok((server.resident()? - before) / IDLE as f64)
}

fn storm() -> Result<Storm> {
    let mut turns = Vec::new();
    step("measuring sockets that come back", || {
        let (_server, mut load) = start("mizan", "return")?;
        for _ in 0..REPEATS {
            let [seconds, lost] = load.turn("")?[..] else {
                return Err("nothing was measured of sockets that come back".to_owned());
            };
            turns.push((seconds, lost));
        }
        Ok(())
    })?;
    Ok(Storm {
        seconds: median(turns.iter().map(|(seconds, _)| *seconds)),
        lost: turns.iter().map(|(_, lost)| lost).sum(),
    })
}

fn start(server: &str, measure: &str) -> Result<(Server, Load)> {
    let started = Server::start(server)?;
    let load = Load::start(measure, server, &started.addr.to_string())?;
    Ok((started, load))
}

/// The other end of a server's sockets; ends when this is dropped.
struct Load {
    process: Child,
    answers: BufReader<ChildStdout>,
}

impl Load {
    fn start(measure: &str, server: &str, addr: &str) -> Result<Self> {
        let mut command = program(target().join("release/mizan-bench"));
        command
            .args(["load", measure, server, addr])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut process = command
            .spawn()
            .map_err(|error| format!("`{}` can't be started: {error}", line(&command)))?;
        let answers = process.stdout.take().map(BufReader::new);
        let answers = answers.ok_or("what measures prints nothing")?;
        Ok(Self { process, answers })
    }

    /// Has a turn, and returns what was measured.
    fn turn(&mut self, turn: &str) -> Result<Vec<f64>> {
        let failed = |error| format!("what measures has ended: {error}");
        if let Some(input) = &mut self.process.stdin {
            writeln!(input, "{turn}").map_err(failed)?;
        }
        let mut answer = String::new();
        self.answers.read_line(&mut answer).map_err(failed)?;
        let measured: Vec<_> = numbers(&answer).collect();
        if measured.is_empty() {
            return Err(format!("nothing was measured: {answer:?}"));
        }
        Ok(measured)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
