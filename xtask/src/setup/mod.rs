//! `cargo xtask setup`: installs what is missing, from Cargo's registry, npm and Debian packages.

mod wasm_std;

use crate::{
    process::{Result, cargo, is_installed, output, program, root, run as run_program, succeeds},
    steps::step,
    test::{nats, postgres, redis},
};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// A version that the stable compiler of `rust-toolchain.toml` builds.
const CARGO_LEPTOS: &str = "0.3.10";
const BINARYEN: &str = "132.0.0";

/// Something that has to be there.
struct Tool {
    name: &'static str,
    /// Whether only tests need it.
    for_tests: bool,
    is_there: fn() -> Result<bool>,
    install: fn() -> Result,
    /// What a person can do where we can't.
    by_hand: &'static str,
}

const TOOLS: &[Tool] = &[
    Tool {
        name: "the wasm32-unknown-unknown target",
        for_tests: false,
        is_there: wasm_std::is_there,
        install: wasm_std::install,
        by_hand: "`rustup target add wasm32-unknown-unknown`, or your distribution's package of it",
    },
    Tool {
        name: "wasm-bindgen",
        for_tests: false,
        is_there: || Ok(is_version("wasm-bindgen", &[], &wasm_bindgen_version()?)),
        install: install_wasm_bindgen,
        by_hand: "`cargo install wasm-bindgen-cli@VERSION`, with the version in Cargo.lock",
    },
    Tool {
        name: "cargo-leptos",
        for_tests: false,
        is_there: || Ok(is_version("cargo-leptos", &["leptos"], CARGO_LEPTOS)),
        install: install_cargo_leptos,
        by_hand: "`cargo install --locked cargo-leptos`, a version that your compiler builds; it needs a C compiler, make and perl",
    },
    Tool {
        name: "wasm-opt",
        for_tests: false,
        is_there: || Ok(is_installed("wasm-opt")),
        install: install_wasm_opt,
        by_hand: "`npm install --global binaryen`, or your distribution's package binaryen",
    },
    Tool {
        name: "Chromium and its driver",
        for_tests: true,
        is_there: || Ok(is_installed("chromium") && is_installed("chromedriver")),
        install: install_chromium,
        by_hand: "`apt-get install chromium chromium-driver` as root",
    },
    Tool {
        name: "PostgreSQL",
        for_tests: true,
        is_there: || Ok(postgres::is_there()),
        install: || debian_install(&["postgresql"]),
        by_hand: "`apt-get install postgresql` as root",
    },
    Tool {
        name: "Redis",
        for_tests: true,
        is_there: || Ok(redis::is_there()),
        install: || debian_install(&["redis-server"]),
        by_hand: "`apt-get install redis-server` as root",
    },
    Tool {
        name: "NATS",
        for_tests: true,
        is_there: || Ok(nats::is_there()),
        install: || debian_install(&["nats-server"]),
        by_hand: "`apt-get install nats-server` as root",
    },
    Tool {
        name: "Playwright",
        for_tests: true,
        is_there: || Ok(playwright_is_there()),
        install: install_playwright,
        by_hand: "`npm ci` in the folder end2end",
    },
];

/// Installs what is missing; with `for_tests`, also what only tests need.
pub(crate) fn run(for_tests: bool) -> Result {
    let wanted = TOOLS.iter().filter(|tool| for_tests || !tool.for_tests);
    for tool in wanted {
        if !(tool.is_there)()? {
            step(&format!("installing {}", tool.name), tool.install)
                .map_err(|message| format!("{message}\n\nTo do it by hand: {}", tool.by_hand))?;
        }
    }
    Ok(())
}

fn cargo_home() -> Result<PathBuf> {
    let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".cargo"));
    std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(home)
        .ok_or_else(|| "neither CARGO_HOME nor HOME is set".to_owned())
}

/// Whether a tool that is installed prints this version.
fn is_version(name: &str, arguments: &[&str], version: &str) -> bool {
    let mut command = program(name);
    command
        .args(arguments)
        .arg("--version")
        .stderr(std::process::Stdio::null());
    is_installed(name)
        && command.output().is_ok_and(|output| {
            String::from_utf8_lossy(&output.stdout)
                .split_whitespace()
                .any(|word| word == version)
        })
}

/// The version of the crate in Cargo.lock, which the command has to have as well.
fn wasm_bindgen_version() -> Result<String> {
    let lock = root().join("Cargo.lock");
    let text = fs::read_to_string(&lock).map_err(|error| format!("{}: {error}", lock.display()))?;
    text.split("name = \"wasm-bindgen\"\nversion = \"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .map(ToOwned::to_owned)
        .ok_or_else(|| "wasm-bindgen is not in Cargo.lock".to_owned())
}

/// `cargo install`, building quickly rather than well: tools run for seconds.
fn cargo_install(package: &str, version: &str, arguments: &[&str], locked: bool) -> Result {
    let mut command = cargo();
    command
        .args([
            "install",
            "--quiet",
            "--force",
            &format!("{package}@{version}"),
        ])
        .args(arguments)
        .args(locked.then_some("--locked"))
        .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
        .env("CARGO_PROFILE_RELEASE_DEBUG", "false")
        // Generated and tools' code don't meet: another folder than the workspace's
        .env_remove("CARGO_TARGET_DIR");
    run_program(&mut command)
}

/// With its lock file first; a registry that lags behind one may still have what it asks for
/// loosely.
fn cargo_install_locked_or_not(package: &str, version: &str, arguments: &[&str]) -> Result {
    cargo_install(package, version, arguments, true).or_else(|_| {
        println!("    that failed with its lock file; trying without");
        cargo_install(package, version, arguments, false)
    })
}

fn install_wasm_bindgen() -> Result {
    cargo_install_locked_or_not("wasm-bindgen-cli", &wasm_bindgen_version()?, &[])
}

fn install_cargo_leptos() -> Result {
    println!("    this builds a few hundred crates: 10 to 15 minutes on two cores");
    cargo_install_locked_or_not(
        "cargo-leptos",
        CARGO_LEPTOS,
        &["--features", "no_downloads"],
    )
}

/// Puts npm's wasm-opt where cargo-leptos looks: on the PATH, beside Cargo's own commands.
fn install_wasm_opt() -> Result {
    let home = cargo_home()?;
    let folder = home.join("mizan-npm");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut npm = program("npm");
    npm.args([
        "install",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
        "--prefix",
    ])
    .arg(&folder);
    run_program(npm.arg(format!("binaryen@{BINARYEN}")))?;
    let link = home.join("bin/wasm-opt");
    // A link that leads nowhere is in the way too
    let _ = fs::remove_file(&link);
    std::os::unix::fs::symlink(folder.join("node_modules/.bin/wasm-opt"), &link)
        .map_err(|error| format!("{}: {error}", link.display()))
}

fn install_chromium() -> Result {
    debian_install(&["chromium", "chromium-driver"])
}

/// Installs Debian packages, as root or through sudo without a password.
pub(crate) fn debian_install(packages: &[&str]) -> Result {
    let is_root = output(program("id").arg("-u"))? == "0";
    let apt = || {
        let mut command = program(if is_root { "apt-get" } else { "sudo" });
        command.args(
            (!is_root)
                .then_some(["-n", "apt-get"])
                .into_iter()
                .flatten(),
        );
        command.env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    run_program(apt().args(["update", "-qq"]))?;
    let mut install = apt();
    install
        .args(["install", "-y", "-qq", "--no-install-recommends"])
        .args(packages);
    run_program(install.stdout(std::process::Stdio::null()))
}

fn playwright_is_there() -> bool {
    let folder = root().join("end2end");
    // npm writes the second when it has installed what the first says
    let lock = folder.join("package-lock.json");
    let installed = folder.join("node_modules/.package-lock.json");
    match (fs::metadata(lock), fs::metadata(installed)) {
        (Ok(lock), Ok(installed)) => {
            let times = (lock.modified(), installed.modified());
            matches!(times, (Ok(lock), Ok(installed)) if installed >= lock)
        }
        _ => false,
    }
}

fn install_playwright() -> Result {
    let mut npm = program("npm");
    npm.current_dir(root().join("end2end"))
        .args(["ci", "--no-audit", "--no-fund", "--loglevel=error"])
        .env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1");
    run_program(&mut npm)
}

/// Whether `rustup` can be asked for a target at all.
fn has_rustup() -> bool {
    is_installed("rustup") && succeeds(program("rustup").arg("--version"))
}
