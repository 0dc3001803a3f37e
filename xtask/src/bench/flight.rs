//! How fast what a mutation changed is on the screen.

use crate::{
    process::{Result, output, program, target},
    steps::step,
};

/// From a mutation to fresh data.
pub(crate) struct Flight {
    /// In one round trip, in milliseconds.
    pub(crate) single: f64,
    /// In two.
    pub(crate) double: f64,
    /// What the browser's half takes to find one of 10,000 instances that it shows, on the host.
    pub(crate) scoped: f64,
}

impl Flight {
    pub(crate) fn ratio(&self) -> f64 {
        self.double / self.single
    }
}

pub(crate) fn measure() -> Result<Flight> {
    let mut measured = None;
    step("measuring mutations over a slow link", || {
        let text = output(program(target().join("release/mizan-bench")).arg("flight"))?;
        let times = numbers(&text).map(|microseconds| microseconds / 1e3);
        let [single, double] = times.collect::<Vec<_>>()[..] else {
            return Err(format!("no times are in {text:?}"));
        };
        measured = Some((single, double));
        Ok(())
    })?;
    let scoped = super::internal::scoped_invalidation()?;
    let (single, double) = measured.ok_or("no times were printed")?;
    Ok(Flight {
        single,
        double,
        scoped,
    })
}

/// The numbers of the line that begins with `measured`.
pub(super) fn numbers(text: &str) -> impl Iterator<Item = f64> {
    let line = text.lines().find_map(|line| line.strip_prefix("measured "));
    let words = line.unwrap_or_default().split(' ');
    words.filter_map(|word| word.parse().ok())
}
