//! Pages: the application's routes rendered on the server, and the files beside them.

use super::{Site, answer, asset::Assets, security};
use crate::{context, request::Scope};
use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{Method, Response, StatusCode, header},
    middleware::map_response,
    response::IntoResponse,
};
use leptos::{
    IntoView,
    config::{Env, LeptosOptions},
    prelude::{provide_context, use_context},
};
use leptos_axum::{LeptosRoutes, ResponseOptions, generate_route_list};
use std::sync::Arc;

/// The application's routes; everything else is a file, or the application's "not found".
pub(super) fn router<AppView, ShellView>(
    site: Arc<Site>,
    app: impl Fn() -> AppView + Clone + Send + Sync + 'static,
    shell: impl Fn(LeptosOptions) -> ShellView + Clone + Send + Sync + 'static,
) -> Router
where
    AppView: IntoView + 'static,
    ShellView: IntoView + 'static,
{
    let options = site.options.clone();
    let routes = generate_route_list(app);
    let prepare = prepare(Arc::clone(&site));
    let document = {
        let options = options.clone();
        move || shell(options.clone())
    };
    let not_found = leptos_axum::render_app_async_with_context(prepare.clone(), document.clone());
    let assets = Assets::new(&options);
    let fallback = move |State(_): State<LeptosOptions>, request: Request| {
        let (assets, not_found) = (assets.clone(), not_found.clone());
        async move {
            if !matches!(*request.method(), Method::GET | Method::HEAD) {
                return answer::method_not_allowed("GET, HEAD");
            }
            let (request, copy) = copy(request);
            if let Some(file) = assets.serve(request).await {
                return file;
            }
            let mut page = not_found(copy).await.into_response();
            if page.status() == StatusCode::OK {
                *page.status_mut() = StatusCode::NOT_FOUND;
            }
            page
        }
    };
    Router::new()
        .leptos_routes_with_context(&options, routes, prepare, document)
        .fallback(fallback)
        .layer(map_response(finish))
        .with_state(options)
}

/// What is done in the page's owner before the application renders.
fn prepare(site: Arc<Site>) -> impl Fn() + Clone + Send + Sync + 'static {
    let mut policy = site.content_security_policy.clone();
    if site.options.env == Env::DEV {
        // `cargo leptos watch` reloads the page through a socket on another port
        policy = policy
            .allow("connect-src", "ws:")
            .allow("connect-src", "wss:");
    }
    let policy: Option<Arc<str>> = policy.compile().map(Arc::from);
    move || {
        if let Some(options) = use_context::<ResponseOptions>()
            && let Some(policy) = policy.as_deref().and_then(security::with_nonce)
        {
            options.insert_header(header::CONTENT_SECURITY_POLICY, policy);
        }
        let scope = Scope::new(Arc::clone(&site));
        provide_context(scope.clone());
        context::server::start_global(&scope, &site.context_members);
    }
}

/// The headers that pages and files share.
async fn finish(mut response: Response<Body>) -> Response<Body> {
    security::protect(response.headers_mut());
    // What was rendered for one visitor is nobody else's
    if !response.headers().contains_key(header::CACHE_CONTROL) {
        let value = header::HeaderValue::from_static("private, no-cache");
        response.headers_mut().insert(header::CACHE_CONTROL, value);
    }
    response
}

/// A request without a body, twice: for the file and, if there is none, for the page.
fn copy(request: Request) -> (Request, Request) {
    let (parts, _) = request.into_parts();
    (
        Request::from_parts(parts.clone(), Body::empty()),
        Request::from_parts(parts, Body::empty()),
    )
}
