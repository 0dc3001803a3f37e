//! `cargo xtask bench`: Mizan beside what it is built on, on one machine, in one run.
//!
//! 1. [`size`]: what the browser downloads for one small page.
//! 2. [`load`]: servers built for release, loaded by wrk in turns.
//! 3. [`sockets`]: channels beside sockets of axum's.
//! 4. [`flight`]: from a mutation to fresh data.
//! 5. [`stampede`]: many who want one answer that is not in the cache.
//! 6. [`internal`]: what no request shows, measured by tests of the crate itself.
//! 7. [`report`]: the table, printed and written to `docs/PERFORMANCE.md`.
//!
//! A goal that is missed is reported, and is no failure of the command: how fast something runs
//! depends on the machine.

mod flight;
mod internal;
mod load;
mod report;
mod size;
mod sockets;
mod stampede;

use crate::{
    process::{self, Result, cargo, is_installed},
    setup,
    steps::step,
};
use load::Peer;
use report::{Goal, Report};

const TEXT: &str = "The quick brown fox jumps over the lazy dog";
const ECHO: Option<&str> = Some(r#"{"text":"The quick brown fox jumps over the lazy dog"}"#);

/// One function: text in, the same text out.
const CALLS: &[Peer] = &[
    Peer {
        label: "axum handler",
        server: "axum",
        path: "/api/echo",
        body: ECHO,
        answer: TEXT,
        signed_in: false,
    },
    Peer {
        label: "Leptos `#[server]`",
        server: "leptos-calls",
        path: "/api/echo",
        body: ECHO,
        answer: TEXT,
        signed_in: false,
    },
    Peer {
        label: "`#[mizan::client]`",
        server: "mizan",
        path: "/api/mizan/call/echo",
        body: ECHO,
        answer: TEXT,
        signed_in: false,
    },
];

/// One page: data that a function returns, in the markup and for hydration.
const PAGES: &[Peer] = &[
    Peer {
        label: "Leptos, as its starter serves it",
        server: "leptos-pages-nagle",
        path: "/",
        body: None,
        answer: "ada@example.com",
        signed_in: false,
    },
    Peer {
        label: "Leptos with TCP_NODELAY",
        server: "leptos-pages",
        path: "/",
        body: None,
        answer: "ada@example.com",
        signed_in: false,
    },
    Peer {
        label: "Mizan, global context",
        server: "mizan",
        path: "/",
        body: None,
        answer: "ada@example.com",
        signed_in: false,
    },
];

/// One of five trivial functions, and all five as the members of a context.
const BUNDLES: &[Peer] = &[
    Peer {
        label: "one call of five",
        server: "mizan",
        path: "/api/mizan/call/first",
        body: Some(r#"{"number":7}"#),
        answer: "{\"result\":8}",
        signed_in: false,
    },
    Peer {
        label: "a bundle of five members",
        server: "mizan",
        path: "/api/mizan/ctx/five?number=7",
        body: None,
        answer: r#""first":8"#,
        signed_in: false,
    },
];

/// The same function for everybody, and behind a guard.
const GUARDS: &[Peer] = &[
    Peer {
        label: "a call, of somebody who has signed in",
        server: "mizan",
        path: "/api/mizan/call/echo",
        body: ECHO,
        answer: TEXT,
        signed_in: true,
    },
    Peer {
        label: "a guarded call",
        server: "mizan",
        path: "/api/mizan/call/guarded_echo",
        body: ECHO,
        answer: TEXT,
        signed_in: true,
    },
];

/// The same bytes with the same headers: a handler that has them, and what the cache answers with.
const READS: &[Peer] = &[
    Peer {
        label: "axum handler that has the bytes",
        server: "axum-listing",
        path: "/api/listing?category=7",
        body: None,
        answer: "Product 5 of category 7",
        signed_in: false,
    },
    Peer {
        label: "a context out of the cache",
        server: "mizan",
        path: "/api/mizan/ctx/listing?category=7",
        body: None,
        answer: "Product 5 of category 7",
        signed_in: false,
    },
];

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
    let calls = load::measure("calls", CALLS)?;
    let pages = load::measure("pages", PAGES)?;
    let bundles = load::measure("bundles", BUNDLES)?;
    let guards = load::measure("guards", GUARDS)?;
    let reads = load::measure("cached contexts", READS)?;
    let sockets = sockets::measure()?;
    let flight = flight::measure()?;
    let stampede = stampede::measure()?;
    let cross_site = internal::cross_site()?;
    let purge = internal::purge()?;

    let [axum, leptos, mizan] = &calls[..] else {
        return Err("three servers answer calls".to_owned());
    };
    let [call, bundle] = &bundles[..] else {
        return Err("a call and a bundle are compared".to_owned());
    };
    let [bytes, cached] = &reads[..] else {
        return Err("a handler and the cache are compared".to_owned());
    };
    let [open, guarded] = &guards[..] else {
        return Err("two calls are compared".to_owned());
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
        Goal::at_least(
            "bundle of five members, of five calls' throughput",
            bundle.ratio(call) * 5.0,
            4.0,
        ),
        Goal::at_least(
            "single flight, times as fast as mutation and refetch",
            flight.ratio(),
            1.8,
        ),
        Goal::at_most(
            "invalidation of one of 10,000 instances, in milliseconds",
            flight.scoped,
            1.0,
        ),
        Goal::at_most(
            "WebAssembly of a further member, in kB of brotli",
            sizes.member(),
            1.5,
        ),
        Goal::at_least(
            "guarded call, of an unguarded one's throughput",
            guarded.ratio(open),
            0.80,
        ),
        Goal::at_most(
            "cross-site protection of a request, in nanoseconds",
            cross_site,
            350.0,
        ),
        Goal::at_least(
            "cached context, of axum's throughput with the same bytes",
            cached.ratio(bytes),
            0.90,
        ),
        Goal::at_most(
            "1,000 readers of a cold answer of 50 ms, in milliseconds",
            stampede.within,
            60.0,
        ),
        Goal::at_most("runs of the function for them", stampede.runs, 1.0),
        Goal::at_most(
            "the same over HTTP, 99th percentile, in milliseconds",
            stampede.over_http,
            150.0,
        ),
        Goal::at_most(
            "purge among 1,000,000 answers, in microseconds",
            purge.many,
            1.0,
        ),
        Goal::at_most(
            "the same, times what it takes among 10",
            purge.many / purge.few,
            1.5,
        ),
        Goal::at_least(
            "message to 1,000 sockets, of axum's throughput",
            sockets.fan_out.ratio(),
            0.90,
        ),
        Goal::at_least(
            "answer of a channel, of axum's throughput",
            sockets.echo.ratio(),
            0.85,
        ),
        Goal::at_most(
            "idle socket in a channel, in kB",
            sockets.idle.mizan / 1e3,
            20.0,
        ),
        Goal::at_most(
            "the same beyond a socket of axum's, in kB",
            sockets.idle.more() / 1e3,
            8.0,
        ),
        Goal::at_most(
            "5,000 sockets that come back at once, in seconds",
            sockets.storm.seconds,
            10.0,
        ),
        Goal::at_most("messages that they miss", sockets.storm.lost, 0.0),
        Goal::at_most(
            "WebAssembly of the first channel, in kB of brotli",
            sizes.channel(),
            12.0,
        ),
        Goal::at_most(
            "WebAssembly of the first form, in kB of brotli",
            sizes.form(),
            20.0,
        ),
        Goal::at_most(
            "WebAssembly of a further form, in kB of brotli",
            sizes.further_form(),
            6.0,
        ),
    ];
    Report {
        busy,
        calls: &calls,
        pages: &pages,
        bundles: &bundles,
        guards: &guards,
        reads: &reads,
        sockets: &sockets,
        flight: &flight,
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
