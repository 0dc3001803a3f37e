//! `cargo xtask`: what this repository can do by itself.

mod bench;
mod dev;
mod new;
mod process;
mod setup;
mod steps;
mod test;

use std::process::ExitCode;

const HELP: &str = "\
cargo xtask <command>

  setup             install what is missing: the wasm target, cargo-leptos, wasm-bindgen,
                    wasm-opt, Chromium, Playwright; safe to repeat, instant when nothing is
  dev               setup of what it takes, then `cargo leptos watch` on the starter
  test [step ...]   setup, then every test, or only the steps named
  bench             setup, then Mizan beside axum and plain Leptos: docs/PERFORMANCE.md
  edge-manifest     what the starter tells a CDN, as JSON: docs/guide/caching.md
  new <folder>      make a project out of the starter, linked to this checkout
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["setup"] => setup::run(true),
        ["dev"] => dev::run(),
        ["test", only @ ..] => test::run(only),
        ["bench"] => bench::run(),
        ["edge-manifest"] => edge_manifest(),
        ["new", folder] => new::run(folder.as_ref()),
        [] | ["help" | "--help" | "-h"] => {
            print!("{HELP}");
            Ok(())
        }
        _ => Err(format!("there is no such command\n\n{HELP}")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("\nxtask: {message}");
            ExitCode::FAILURE
        }
    }
}

/// Prints the manifest of the starter.
fn edge_manifest() -> process::Result {
    process::run(process::cargo().args([
        "run",
        "--quiet",
        "-p",
        "app-template",
        "--bin",
        "server",
        "--features",
        "ssr",
        "--",
        "edge-manifest",
    ]))
}
