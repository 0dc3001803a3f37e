//! `cargo xtask bench`: Mizan beside what it is built on, on one machine, in one run.
//!
//! 1. [`size`]: what the browser downloads for one small page.
//! 2. [`load`]: servers built for release, loaded by wrk in turns.
//! 3. [`report`]: the table, printed and written to `docs/PERFORMANCE.md`.
//!
//! A goal that is missed is reported, and is no failure of the command: how fast something runs
//! depends on the machine.

mod load;
mod report;
mod size;

use crate::{
    process::{self, Result, cargo, is_installed},
    setup,
    steps::step,
};
use load::{Load, Peer};
use report::{Goal, Report};

/// One function: text in, the same text out.
const CALLS: Load = Load {
    body: Some(r#"{"text":"The quick brown fox jumps over the lazy dog"}"#),
    answer: "The quick brown fox jumps over the lazy dog",
    peers: &[
        Peer {
            label: "axum handler",
            server: "axum",
            path: "/api/echo",
        },
        Peer {
            label: "Leptos `#[server]`",
            server: "leptos-calls",
            path: "/api/echo",
        },
        Peer {
            label: "`#[mizan::client]`",
            server: "mizan",
            path: "/api/mizan/call/echo",
        },
    ],
};

/// One page: data that a function returns, in the markup and for hydration.
const PAGES: Load = Load {
    body: None,
    answer: "ada@example.com",
    peers: &[
        Peer {
            label: "Leptos, as its starter serves it",
            server: "leptos-pages-nagle",
            path: "/",
        },
        Peer {
            label: "Leptos with TCP_NODELAY",
            server: "leptos-pages",
            path: "/",
        },
        Peer {
            label: "Mizan, global context",
            server: "mizan",
            path: "/",
        },
    ],
};

pub(crate) fn run() -> Result {
    setup::run(false)?;
    for (program, package) in [("wrk", "wrk"), ("brotli", "brotli")] {
        if !is_installed(program) {
            step(&format!("installing {program}"), || {
                setup::debian_install(&[package])
            })?;
        }
    }
    step("building the servers", build)?;
    let sizes = size::measure()?;
    // Everything is built: from here on the machine is the servers'
    let busy = report::load_average();
    let calls = load::measure("calls", &CALLS)?;
    let pages = load::measure("pages", &PAGES)?;

    let [axum, leptos, mizan] = &calls[..] else {
        return Err("three servers answer calls".to_owned());
    };
    let [_, leptos_page, mizan_page] = &pages[..] else {
        return Err("three servers answer pages".to_owned());
    };
    let goals = [
        Goal::at_least("call, of axum's throughput", mizan.ratio(axum), 0.95),
        Goal::at_least(
            "call, of plain Leptos's throughput",
            mizan.ratio(leptos),
            1.05,
        ),
        Goal::at_least(
            "page, of plain Leptos's throughput with TCP_NODELAY",
            mizan_page.ratio(leptos_page),
            0.95,
        ),
        Goal::at_most(
            "WebAssembly in brotli, of plain Leptos's",
            sizes.ratio(),
            1.10,
        ),
    ];
    Report {
        busy,
        calls: &calls,
        pages: &pages,
        sizes: &sizes,
        goals: &goals,
    }
    .publish()
}

fn build() -> Result {
    process::run(cargo().args([
        "build",
        "--quiet",
        "--release",
        "-p",
        "mizan-bench",
        "--features",
        "ssr",
    ]))
}
