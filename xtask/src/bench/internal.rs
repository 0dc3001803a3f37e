//! What no request shows: measured by tests of the crate itself, built for release.

use super::flight::numbers;
use crate::{
    process::{Result, cargo, output},
    steps::step,
};

/// What the browser's half takes to find one of 10,000 instances that it shows, on the host: in
/// milliseconds.
pub(super) fn scoped_invalidation() -> Result<f64> {
    let what = "an invalidation among 10,000 instances";
    let [nanoseconds] = measured(what, "csr", "one_scoped_invalidation")?;
    Ok(nanoseconds / 1e3)
}

/// What it takes to find out that a request comes from the site's own page: in nanoseconds.
pub(super) fn cross_site() -> Result<f64> {
    let what = "cross-site protection";
    let [nanoseconds] = measured(what, "ssr", "cross_site_protection_costs")?;
    Ok(nanoseconds)
}

/// What it takes to end the answers of one instance in the cache.
pub(super) struct Purge {
    /// Among 10 answers, in microseconds.
    pub(super) few: f64,
    /// Among 1,000,000.
    pub(super) many: f64,
}

pub(super) fn purge() -> Result<Purge> {
    let what = "a purge among 1,000,000 answers";
    let [few, many] = measured(what, "ssr", "a_purge_costs_the_same")?;
    Ok(Purge {
        few: few / 1e3,
        many: many / 1e3,
    })
}

/// The numbers that a test prints behind `measured`.
fn measured<const N: usize>(what: &str, features: &str, test: &str) -> Result<[f64; N]> {
    let mut measured = Vec::new();
    step(&format!("measuring {what}"), || {
        let arguments = ["test", "--quiet", "--release", "-p", "mizan", "--lib"];
        let mut command = cargo();
        command
            .args(arguments)
            .args(["--features", features, test])
            .args(["--", "--nocapture"]);
        measured = numbers(&output(&mut command)?).collect();
        Ok(())
    })?;
    let count = measured.len();
    let numbers = measured.try_into();
    numbers.map_err(|_| format!("`{test}` printed {count} numbers, not {N}"))
}
