//! `cargo xtask dev`

use crate::{
    process::{self, Result, cargo},
    setup,
};

pub(crate) fn run() -> Result {
    setup::run(false)?;
    let addr = std::env::var("LEPTOS_SITE_ADDR").unwrap_or_else(|_| "127.0.0.1:3000".to_owned());
    println!("\nThe starter will be at http://{addr} once it is built; Ctrl+C ends it.\n");
    process::run(cargo().args(["leptos", "watch"]))
}
