//! The server; and `server staff <name>`, which makes somebody staff.

use app::{
    app::{App, shell},
    db,
    users::Accounts,
};
use mizan::{Mizan, auth::Sessions, channel::Channels};
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
        _ => Err("usage: server [staff <name>]".into()),
    }
}

async fn serve() -> Result {
    let options = leptos::config::get_configuration(None)?.leptos_options;
    let addr = options.site_addr;
    let url = db::url();
    let pool = db::connect(&url).await?;
    // Of one node; several need `redis:` or `nats:`, and mizan's feature of that name
    let channels = std::env::var("CHANNELS_URL").unwrap_or_else(|_| "memory:".to_owned());
    let router = Mizan::new(options)
        .users(Accounts(pool.clone()))
        // Beside the notes, so that a new build of the server signs nobody out
        .sessions(Sessions::connect(&url).await?)
        .channels(Channels::connect(&channels).await?)
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
