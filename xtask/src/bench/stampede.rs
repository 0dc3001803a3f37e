//! How long many wait who want one answer at once that is not in the cache.

use super::flight::numbers;
use crate::{
    process::{Result, output, program, target},
    steps::step,
};

/// 1,000 readers of a function that takes 50 ms.
pub(crate) struct Stampede {
    /// Until all are answered, in the server's process: in milliseconds.
    pub(crate) within: f64,
    /// What all but a hundredth stay below, over HTTP: in milliseconds.
    pub(crate) over_http: f64,
    /// How often the function ran, at most.
    pub(crate) runs: f64,
}

pub(crate) fn measure() -> Result<Stampede> {
    let mut measured = None;
    step("measuring 1,000 who want one answer", || {
        let text = output(program(target().join("release/mizan-bench")).arg("stampede"))?;
        let [within, runs, over_http, runs_over_http] = numbers(&text).collect::<Vec<_>>()[..]
        else {
            return Err(format!("no times are in {text:?}"));
        };
        measured = Some(Stampede {
            within: within / 1e3,
            over_http: over_http / 1e3,
            runs: f64::max(runs, runs_over_http),
        });
        Ok(())
    })?;
    measured.ok_or_else(|| "no times were printed".to_owned())
}
