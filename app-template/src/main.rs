//! The server.

use app::{
    app::{App, shell},
    db,
};
use mizan::Mizan;
use tracing_subscriber::EnvFilter;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).init();

    let options = leptos::config::get_configuration(None)?.leptos_options;
    let addr = options.site_addr;
    let pool = db::connect().await?;
    let router = Mizan::new(options).provide(pool).try_router(App, shell)?;

    tracing::info!("listening on http://{addr}");
    mizan::serve(router, addr).await?;
    Ok(())
}
