//! `cargo xtask test`: every test, in the order in which a mistake is found soonest.

mod browser;
pub(crate) mod nats;
pub(crate) mod postgres;
pub(crate) mod redis;
mod service;
mod template;

use self::{nats::Nats, postgres::Postgres, redis::Redis};
use crate::{
    process::{Result, cargo, program, root, run as run_program, target},
    setup,
    steps::{shown, step},
};
use std::{fs, path::Path, process::Command, time::Instant};

const WASM: &str = "wasm32-unknown-unknown";

/// The server's half, with everything that it can be built with.
const SERVER: &str =
    "ssr,mizan/tokens,mizan/sqlite,mizan/postgres,mizan/redis,mizan/nats,mizan/prometheus";

struct Step {
    name: &'static str,
    run: fn() -> Result,
}

/// The steps, by the name that `cargo xtask test <name>` takes.
const STEPS: &[Step] = &[
    Step {
        name: "fmt",
        run: fmt,
    },
    Step {
        name: "clippy",
        run: clippy,
    },
    Step {
        name: "host",
        run: host,
    },
    Step {
        name: "doc",
        run: doc,
    },
    Step {
        name: "wasm",
        run: wasm,
    },
    Step {
        name: "end2end",
        run: browser::end2end,
    },
    Step {
        name: "template",
        run: template::generates,
    },
    Step {
        name: "package",
        run: package,
    },
];

pub(crate) fn run(only: &[&str]) -> Result {
    if let Some(unknown) = only
        .iter()
        .find(|name| STEPS.iter().all(|step| step.name != **name))
    {
        let names: Vec<_> = STEPS.iter().map(|step| step.name).collect();
        return Err(format!(
            "there is no step `{unknown}`: there are {}",
            names.join(", ")
        ));
    }
    let started = Instant::now();
    setup::run(true)?;
    let mut passed = 0;
    for Step { name, run } in STEPS {
        if only.is_empty() || only.contains(name) {
            step(name, run)?;
            passed += 1;
        }
    }
    println!(
        "\nAll steps passed in {}.\n{passed} passed, 0 failed",
        shown(started.elapsed())
    );
    Ok(())
}

/// Cargo, with output that a log can keep.
fn plain(arguments: &[&str]) -> Command {
    let mut command = cargo();
    command.args(arguments).env("CARGO_TERM_COLOR", "never");
    command
}

fn fmt() -> Result {
    run_program(cargo().args(["fmt", "--all", "--check"]))?;
    // rustfmt does not follow a `mod` inside of `mizan::server!`
    let modules = ["app-template/src/db.rs", "app-template/src/users.rs"];
    run_program(
        program("rustfmt")
            .args(["--check", "--edition", "2024"])
            .args(modules),
    )
}

fn clippy() -> Result {
    let deny = ["--", "-D", "warnings"];
    run_program(
        plain(&[
            "clippy",
            "--workspace",
            "--all-targets",
            "--features",
            SERVER,
        ])
        .args(deny),
    )?;
    // The browser's half, once for each way it is used
    for features in ["hydrate", "csr"] {
        let packages = [
            "clippy",
            "-p",
            "mizan",
            "-p",
            "app-template",
            "--lib",
            "--bins",
            "--target",
            WASM,
        ];
        run_program(plain(&packages).args(["--features", features]).args(deny))?;
    }
    let browser_tests = [
        "clippy",
        "-p",
        "mizan",
        "--test",
        "browser",
        "--features",
        "csr",
        "--target",
        WASM,
    ];
    run_program(plain(&browser_tests).args(deny))?;
    // Both at once has to compile: a tool that unifies features must not fail
    run_program(plain(&["clippy", "-p", "mizan", "--features", "ssr,hydrate"]).args(deny))?;
    run_program(plain(&["clippy", "-p", "mizan", "--features", "tokens"]).args(deny))
}

fn host() -> Result {
    let (postgres, redis, nats) = (Postgres::start()?, Redis::start()?, Nats::start()?);
    // Who waited for the first failure wants to know of the others too
    let mut server = plain(&[
        "test",
        "--no-fail-fast",
        "--workspace",
        "--features",
        SERVER,
    ]);
    server
        .env("MIZAN_TEST_POSTGRES", postgres.url())
        .env("MIZAN_TEST_REDIS", redis.url())
        .env("MIZAN_TEST_NATS", nats.url());
    run_program(&mut server)?;
    // The browser's half, as far as it needs no browser
    let client = [
        "test",
        "-p",
        "mizan",
        "--lib",
        "--features",
        "csr,uuid,chrono",
    ];
    run_program(&mut plain(&client))
}

fn doc() -> Result {
    let halves: [&[&str]; 2] = [
        &["doc", "--no-deps", "--workspace", "--features", SERVER],
        &["doc", "--no-deps", "-p", "mizan", "--features", "hydrate"],
    ];
    for half in halves {
        run_program(plain(half).env("RUSTDOCFLAGS", "-D warnings"))?;
    }
    Ok(())
}

fn wasm() -> Result {
    let arguments = [
        "test",
        "-p",
        "mizan",
        "--features",
        "csr",
        "--target",
        WASM,
        "--test",
        "browser",
    ];
    let mut command = plain(&arguments);
    command
        .env(
            "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER",
            "wasm-bindgen-test-runner",
        )
        .env("CHROMEDRIVER", "/usr/bin/chromedriver")
        .env("WASM_BINDGEN_TEST_TIMEOUT", "120");
    run_program(&mut command)?;
    // What Trunk builds of the starter
    run_program(&mut plain(&[
        "build",
        "-p",
        "app-template",
        "--bin",
        "csr",
        "--features",
        "csr",
        "--target",
        WASM,
    ]))
}

fn package() -> Result {
    for file in ["LICENSE-MIT", "LICENSE-APACHE", "CHANGELOG.md"] {
        if !root().join(file).is_file() {
            return Err(format!("{file} is missing"));
        }
    }
    // Cargo's own check takes a dependency of the same version for one that it knows already; so
    // what was packed is unpacked and built here
    let crates = ["mizan-macros", "mizan"];
    let mut pack = plain(&["package", "--quiet", "--allow-dirty", "--no-verify"]);
    run_program(pack.args(crates.iter().flat_map(|name| ["-p", name])))?;
    let folder = scratch("package")?;
    let version = env!("CARGO_PKG_VERSION");
    for name in crates {
        let packed = target().join(format!("package/{name}-{version}.crate"));
        run_program(
            program("tar")
                // With the time of now: what an earlier run has built of them is older
                .arg("-xzmf")
                .arg(packed)
                .arg("-C")
                .arg(&folder),
        )?;
    }
    let workspace = format!(
        "[workspace]\nresolver = \"3\"\nmembers = [\"mizan-{version}\", \"mizan-macros-{version}\"]\n\
         [patch.crates-io]\nmizan-macros = {{ path = \"mizan-macros-{version}\" }}\n"
    );
    let written = fs::write(folder.join("Cargo.toml"), workspace)
        .and_then(|()| fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock")));
    written.map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut check = plain(&["check", "--quiet", "-p", "mizan", "--features", "ssr"]);
    run_program(check.current_dir(&folder).env("CARGO_TARGET_DIR", target()))
}

/// An empty folder for one test, below the build folder.
fn scratch(name: &str) -> Result<std::path::PathBuf> {
    let folder = target().join("xtask").join(name);
    let _ = fs::remove_dir_all(&folder);
    create(&folder)?;
    Ok(folder)
}

fn create(folder: &Path) -> Result {
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))
}
