//! The standard library for the browser: rustup's, or built from Debian's `rust-src`.

use super::{debian_install, has_rustup};
use crate::process::{Result, cargo, is_installed, output, program, run, succeeds, target};
use std::{
    fs,
    path::{Path, PathBuf},
};

const TARGET: &str = "wasm32-unknown-unknown";

/// How long rustup may take, in seconds: without a network it can wait for ever.
const RUSTUP_SECONDS: &str = "120";

pub(super) fn is_there() -> Result<bool> {
    Ok(installed()?.is_dir())
}

pub(super) fn install() -> Result {
    if has_rustup()
        && succeeds(program("timeout").args([RUSTUP_SECONDS, "rustup", "target", "add", TARGET]))
        && is_there()?
    {
        return Ok(());
    }
    println!("    rustup has no server in reach: building it from Debian's rust-src");
    let library = library()?;
    build(&library)
}

fn sysroot() -> Result<PathBuf> {
    output(program("rustc").args(["--print", "sysroot"])).map(PathBuf::from)
}

/// Where the compiler looks. A second copy of std beside it would make every build ambiguous
/// (E0464), so nothing is ever added to what is there.
fn installed() -> Result<PathBuf> {
    Ok(sysroot()?.join("lib/rustlib").join(TARGET).join("lib"))
}

/// Finds the library's source, of exactly the compiler's version.
fn library() -> Result<PathBuf> {
    let component = sysroot()?.join("lib/rustlib/src/rust/library");
    if component.join("Cargo.lock").is_file() {
        return Ok(component);
    }
    let version = output(program("rustc").arg("--version"))?;
    let version = version
        .split_whitespace()
        .nth(1)
        .ok_or("rustc tells no version")?
        .to_owned();
    let folder = target().join("xtask/rust-src");
    let library = folder.join(format!("usr/src/rustc-{version}/library"));
    if !library.join("Cargo.lock").is_file() {
        download(&version, &folder)?;
    }
    if library.join("Cargo.lock").is_file() {
        Ok(library)
    } else {
        Err(format!(
            "Debian's rust-src {version} has no library at {}",
            library.display()
        ))
    }
}

/// Unpacks Debian's `rust-src` of `version` into `folder`, installing nothing: apt works on lists
/// of its own, which also have the backports.
fn download(version: &str, folder: &Path) -> Result {
    if !is_installed("apt-get") {
        return Err("this is not a Debian machine".to_owned());
    }
    let file_error = |error: std::io::Error| format!("{}: {error}", folder.display());
    for part in ["lists/partial", "cache/archives/partial"] {
        fs::create_dir_all(folder.join(part)).map_err(file_error)?;
    }
    let sources = folder.join("sources.list");
    let mirror = mirror()?;
    let keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
    let suites = ["bookworm-backports", "trixie", "trixie-backports", "sid"];
    // A suite that the mirror lacks must not keep us from the others: one at a time
    for suite in suites {
        fs::write(
            &sources,
            format!("deb [signed-by={keyring}] {mirror} {suite} main\n"),
        )
        .map_err(file_error)?;
        let apt = |name: &str| {
            let mut command = program(name);
            command.current_dir(folder);
            for (option, value) in [
                ("Dir::Etc::SourceList", sources.display().to_string()),
                ("Dir::Etc::SourceParts", "/dev/null".to_owned()),
                (
                    "Dir::State::Lists",
                    folder.join("lists").display().to_string(),
                ),
                ("Dir::Cache", folder.join("cache").display().to_string()),
                ("APT::Sandbox::User", "root".to_owned()),
            ] {
                command.arg("-o").arg(format!("{option}={value}"));
            }
            command
        };
        if !succeeds(apt("apt-get").args(["update", "-qq"])) {
            continue;
        }
        let known = output(apt("apt-cache").args(["madison", "rust-src"])).unwrap_or_default();
        let found = known
            .lines()
            .filter_map(|line| line.split('|').nth(1))
            .map(str::trim);
        let prefix = format!("{version}+");
        if let Some(found) = found.into_iter().find(|found| found.starts_with(&prefix)) {
            println!("    rust-src {found} of {suite}");
            run(apt("apt-get").args(["download", "-qq", &format!("rust-src={found}")]))?;
            return unpack(folder);
        }
    }
    Err(format!(
        "none of {} has a rust-src {version}",
        suites.join(", ")
    ))
}

/// The mirror that this machine's apt uses.
fn mirror() -> Result<String> {
    let asked = || {
        output(program("apt-get").args([
            "indextargets",
            "--format",
            "$(ORIGIN) $(REPO_URI)",
            "Created-By: Packages",
        ]))
    };
    let debian = |text: String| {
        let mut mirrors = text.lines().filter_map(|line| line.strip_prefix("Debian "));
        mirrors
            .find(|uri| !uri.contains("security"))
            .map(ToOwned::to_owned)
    };
    if let Some(mirror) = debian(asked()?) {
        return Ok(mirror);
    }
    // On a fresh machine apt has no lists yet; asking for any package fetches them
    debian_install(&["dpkg"])?;
    debian(asked()?).ok_or_else(|| "apt knows no Debian mirror".to_owned())
}

fn unpack(folder: &Path) -> Result {
    let packages = fs::read_dir(folder).map_err(|error| error.to_string())?;
    let package = packages
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .ok_or("apt downloaded nothing")?;
    run(program("dpkg-deb").arg("-x").arg(package).arg(folder))
}

/// Builds the library for the browser and puts it where rustup would have.
fn build(library: &Path) -> Result {
    let sysroot = sysroot()?;
    let folder = target().join("xtask/wasm-std");
    let file_error = |error: std::io::Error| error.to_string();
    fs::create_dir_all(folder.join("src")).map_err(file_error)?;
    fs::write(folder.join("src/lib.rs"), "").map_err(file_error)?;
    let manifest = "[package]\nname = \"wasm-std\"\nedition = \"2024\"\n[workspace]\n";
    fs::write(folder.join("Cargo.toml"), manifest).map_err(file_error)?;

    // `-Zbuild-std` looks for the source in the sysroot only, so it is linked in for the build
    let expected = sysroot.join("lib/rustlib/src/rust/library");
    let linked = expected != library;
    if linked {
        fs::create_dir_all(expected.parent().unwrap_or(&sysroot)).map_err(file_error)?;
        let _ = fs::remove_file(&expected);
        std::os::unix::fs::symlink(library, &expected).map_err(file_error)?;
    }
    let mut build = cargo();
    build
        .current_dir(&folder)
        .args([
            "build",
            "--quiet",
            "--release",
            "--target",
            TARGET,
            "-Zbuild-std=std,panic_abort,test",
        ])
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_DIR", folder.join("target"));
    let built = run(&mut build);
    if linked {
        let _ = fs::remove_file(&expected);
    }
    built?;

    // Complete or not at all: moved into place as a whole
    let installed = installed()?;
    let staged = installed.with_extension("partial");
    let _ = fs::remove_dir_all(&staged);
    fs::create_dir_all(&staged).map_err(file_error)?;
    let built = fs::read_dir(folder.join("target").join(TARGET).join("release/deps"))
        .map_err(file_error)?;
    for file in built.flatten() {
        let name = file.file_name().to_string_lossy().into_owned();
        if name.ends_with(".rlib") && !name.starts_with("libwasm_std-") {
            fs::copy(file.path(), staged.join(&name)).map_err(file_error)?;
        }
    }
    fs::rename(&staged, &installed).map_err(file_error)
}
