//! What the browser downloads for the small page, in Mizan and in plain Leptos.

use crate::{
    process::{Result, cargo, output, program, run, target},
    steps::step,
};
use std::{
    fs,
    path::{Path, PathBuf},
};

const WASM: &str = "wasm32-unknown-unknown";
const PROFILE: &str = "wasm-release";

/// The page of both, in bytes.
pub(crate) struct Sizes {
    pub(crate) leptos: Size,
    pub(crate) mizan: Size,
    /// Mizan's with ten members more, of a type that is there already.
    pub(crate) ten_more: Size,
    /// Mizan's with a channel, with a live context, and with a call over the socket.
    pub(crate) channel: Size,
    pub(crate) live: Size,
    pub(crate) websocket: Size,
    /// Mizan's with a form, and with another one beside it.
    pub(crate) form: Size,
    pub(crate) further_form: Size,
}

impl Sizes {
    /// Mizan's WebAssembly in brotli, in parts of plain Leptos's.
    pub(crate) fn ratio(&self) -> f64 {
        self.mizan.brotli as f64 / self.leptos.brotli as f64
    }
}

impl Sizes {
    /// What each of the ten members costs, in kilobytes of brotli.
    pub(crate) fn member(&self) -> f64 {
        let more = self.ten_more.brotli.saturating_sub(self.mizan.brotli);
        more as f64 / 10.0 / 1e3
    }

    /// What the first channel costs, in kilobytes of brotli.
    pub(crate) fn channel(&self) -> f64 {
        self.channel.brotli.saturating_sub(self.mizan.brotli) as f64 / 1e3
    }

    /// What the first form costs, in kilobytes of brotli.
    pub(crate) fn form(&self) -> f64 {
        self.form.brotli.saturating_sub(self.mizan.brotli) as f64 / 1e3
    }

    /// What another form costs, in kilobytes of brotli.
    pub(crate) fn further_form(&self) -> f64 {
        self.further_form.brotli.saturating_sub(self.form.brotli) as f64 / 1e3
    }
}

/// What one page's client has, in bytes.
pub(crate) struct Size {
    /// The WebAssembly as it runs.
    pub(crate) wasm: u64,
    /// The WebAssembly as it travels.
    pub(crate) brotli: u64,
    /// The JavaScript beside it, as it travels.
    pub(crate) javascript: u64,
}

/// Builds both clients as `cargo leptos build --release` does, and weighs them.
pub(crate) fn measure() -> Result<Sizes> {
    let weigh = |package: &str, features: &str| {
        let mut size = None;
        step(
            &format!("building the client of {package} ({features})"),
            || {
                size = Some(weigh(package, features)?);
                Ok(())
            },
        )?;
        size.ok_or_else(|| format!("{package} has no size"))
    };
    Ok(Sizes {
        leptos: weigh("leptos-page", "hydrate")?,
        mizan: weigh("mizan-page", "hydrate")?,
        ten_more: weigh("mizan-page", "hydrate,ten-more")?,
        channel: weigh("mizan-page", "hydrate,channel")?,
        live: weigh("mizan-page", "hydrate,live")?,
        websocket: weigh("mizan-page", "hydrate,websocket")?,
        form: weigh("mizan-page", "hydrate,form")?,
        further_form: weigh("mizan-page", "hydrate,further-form")?,
    })
}

/// Each package in a build of its own: in one, each would get the other's features.
fn weigh(package: &str, features: &str) -> Result<Size> {
    run(cargo()
        .args(["build", "--quiet", "--lib", "--profile", PROFILE])
        .args(["--target", WASM, "--features", features, "-p", package]))?;
    let name = package.replace('-', "_");
    let built = target().join(WASM).join(PROFILE);
    let folder = target().join("xtask/bench").join(package);
    run(program("wasm-bindgen")
        .args(["--target", "web", "--no-typescript", "--out-name", "page"])
        .arg("--out-dir")
        .arg(&folder)
        .arg(built.join(format!("{name}.wasm"))))?;
    let wasm = folder.join("page.wasm");
    run(program("wasm-opt")
        .args([
            "-Oz",
            "--enable-bulk-memory",
            "--enable-nontrapping-float-to-int",
        ])
        .args(["--enable-sign-ext", "--enable-mutable-globals"])
        .args(["--enable-multivalue", "--enable-reference-types"])
        .arg(folder.join("page_bg.wasm"))
        .arg("--output")
        .arg(&wasm))?;
    Ok(Size {
        wasm: length(&wasm)?,
        brotli: length(&brotli(&wasm)?)?,
        javascript: length(&brotli(&folder.join("page.js"))?)?,
    })
}

/// Compresses a file as far as brotli can, into a file beside it.
fn brotli(file: &Path) -> Result<PathBuf> {
    let mut compressed = file.as_os_str().to_owned();
    compressed.push(".br");
    let compressed = PathBuf::from(compressed);
    output(
        program("brotli")
            .args(["-q", "11", "--force", "-o"])
            .arg(&compressed)
            .arg(file),
    )?;
    Ok(compressed)
}

fn length(file: &Path) -> Result<u64> {
    fs::metadata(file)
        .map(|metadata| metadata.len())
        .map_err(|error| format!("{}: {error}", file.display()))
}
