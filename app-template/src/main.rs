//! The server; `server staff <name>`, which makes somebody staff; and `server edge-manifest`, which
//! prints what a CDN may know.

// The types of pages are as deep as these are
#![recursion_limit = "256"]

use app::{
    app::{App, shell},
    db,
    users::Accounts,
};
use mizan::{Mizan, auth::Sessions, cache::Cache, channel::Channels, server::Metrics};
use tracing_subscriber::EnvFilter;

type Result = std::result::Result<(), Box<dyn std::error::Error>>;

/// What is logged, unless `RUST_LOG` says otherwise. Sessions have spans for each look at them, and
/// warn of every cookie that anybody makes up.
const LOG: &str = "info,tower_sessions_core=error";

#[tokio::main]
async fn main() -> Result {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(LOG));
    tracing_subscriber::fmt().with_env_filter(filter).init();

    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => serve().await,
        ["staff", name] => staff(name).await,
        ["edge-manifest"] => edge_manifest(),
        _ => Err("usage: server [staff <name> | edge-manifest]".into()),
    }
}

async fn serve() -> Result {
    let options = leptos::config::get_configuration(None)?.leptos_options;
    let addr = options.site_addr;
    let url = db::url();
    let pool = db::connect(&url).await?;
    // Of one node; several need `redis:`, or `nats:` for channels, and mizan's feature of that name
    let memory = |variable| std::env::var(variable).unwrap_or_else(|_| "memory:".to_owned());
    let (cache, channels) = (memory("CACHE_URL"), memory("CHANNELS_URL"));
    let mut mizan = Mizan::new(options);
    // For Prometheus, on a port of its own; off by default
    if let Ok(addr) = std::env::var("METRICS_ADDR") {
        mizan = mizan.metrics(Metrics::listen(addr).await?);
    }
    let router = mizan
        .users(Accounts(pool.clone()))
        // Beside the notes, so that a new build of the server signs nobody out
        .sessions(Sessions::connect(&url).await?)
        .channels(Channels::connect(&channels).await?)
        .cache(Cache::connect(&cache).await?)
        .provide(pool)
        .try_router(App, shell)?;

    tracing::info!("listening on http://{addr}");
    mizan::serve(router, addr).await?;
    Ok(())
}

async fn staff(name: &str) -> Result {
    let accounts = Accounts(db::connect(&db::url()).await?);
    if !accounts.make_staff(name).await? {
        return Err(format!("nobody is named {name:?}").into());
    }
    tracing::info!("{name} is staff now");
    Ok(())
}

fn edge_manifest() -> Result {
    let options = leptos::config::get_configuration(None)?.leptos_options;
    print!("{}", Mizan::new(options).edge_manifest()?);
    Ok(())
}
