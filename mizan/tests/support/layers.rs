//! Where the servers are that carry channels between nodes.

#![allow(dead_code, reason = "which ones depends on the features")]

pub(crate) fn redis() -> Option<String> {
    from_environment("MIZAN_TEST_REDIS")
}

pub(crate) fn nats() -> Option<String> {
    from_environment("MIZAN_TEST_NATS")
}

/// Without one its tests are left out, but not in CI.
fn from_environment(variable: &str) -> Option<String> {
    let url = std::env::var(variable).ok();
    assert!(
        url.is_some() || std::env::var("CI").is_err(),
        "{variable} is not set"
    );
    url
}
