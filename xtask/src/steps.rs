//! Steps with names, shown with the time that each takes.

use crate::process::Result;
use std::time::{Duration, Instant};

/// Shows one line when a step begins and one when it ends.
pub(crate) fn step(name: &str, work: impl FnOnce() -> Result) -> Result {
    println!("==> {name}");
    let started = Instant::now();
    work().map_err(|message| format!("{name}: {message}"))?;
    println!("==> {name}: done in {}", shown(started.elapsed()));
    Ok(())
}

/// A duration as one says it: `950 ms`, `12 s`, `3 min 5 s`.
pub(crate) fn shown(time: Duration) -> String {
    match time.as_secs() {
        0 => format!("{} ms", time.as_millis()),
        seconds @ 1..60 => format!("{seconds} s"),
        seconds => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}
