//! The server of the streamed pages.

use leptos::config::LeptosOptions;
use std::error::Error;
use streaming::{App, shell};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = LeptosOptions::builder()
        .output_name("streaming")
        .site_root(std::env::var("LEPTOS_SITE_ROOT")?)
        .build();
    let addr = std::env::var("LEPTOS_SITE_ADDR")?.parse()?;
    mizan::serve(mizan::Mizan::new(options).try_router(App, shell)?, addr).await?;
    Ok(())
}
