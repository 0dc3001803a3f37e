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
    Ok(measured(what, "csr", "one_scoped_invalidation")? / 1e3)
}

/// What it takes to find out that a request comes from the site's own page: in nanoseconds.
pub(super) fn cross_site() -> Result<f64> {
    measured(
        "cross-site protection",
        "ssr",
        "cross_site_protection_costs",
    )
}

/// The number that a test prints behind `measured`.
fn measured(what: &str, features: &str, test: &str) -> Result<f64> {
    let mut measured = None;
    step(&format!("measuring {what}"), || {
        let arguments = ["test", "--quiet", "--release", "-p", "mizan", "--lib"];
        let mut command = cargo();
        command
            .args(arguments)
            .args(["--features", features, test])
            .args(["--", "--nocapture"]);
        measured = numbers(&output(&mut command)?).next();
        Ok(())
    })?;
    measured.ok_or_else(|| format!("`{test}` printed no number"))
}
