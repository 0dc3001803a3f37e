//! Pages: the application's routes rendered on the server, and the files beside them.

use super::{
    RegistryError, Site, answer,
    asset::Assets,
    body::{self, Expected},
    call::bounded,
    security::{self, Compiled},
};
use crate::{
    Error,
    auth::bearer,
    call::server::panic_text,
    context,
    request::{Scope, Way},
    route::conflicts::{Place, conflicts},
};
use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, Method, Response, StatusCode, header, request::Parts},
    middleware::{Next, from_fn_with_state},
    response::IntoResponse,
};
use futures::FutureExt;
use leptos::{
    IntoView,
    config::{Env, LeptosOptions},
    prelude::{provide_context, use_context, with_context},
};
use leptos_axum::{AxumRouteListing, LeptosRoutes, ResponseOptions, generate_route_list};
use leptos_router::SsrMode;
use server_fn::axum::server_fn_paths;
use std::{collections::HashSet, panic::AssertUnwindSafe, sync::Arc};
use tower_http::timeout::TimeoutBody;

/// The application's routes; everything else is a file, or the application's "not found".
pub(super) fn router<AppView, ShellView>(
    site: Arc<Site>,
    app: impl Fn() -> AppView + Clone + Send + Sync + 'static,
    shell: impl Fn(LeptosOptions) -> ShellView + Clone + Send + Sync + 'static,
) -> Result<Router, RegistryError>
where
    AppView: IntoView + 'static,
    ShellView: IntoView + 'static,
{
    let options = site.options.clone();
    let routes = generate_route_list(app);
    let is_static = |route: &&AxumRouteListing| matches!(route.mode(), SsrMode::Static(_));
    let mut mistakes: Vec<_> = routes
        .iter()
        .filter(is_static)
        .map(|route| {
            let path = route.path();
            format!("the page {path} is `SsrMode::Static`: everybody would get one visitor's data")
        })
        .collect();
    mistakes.extend(site.content_security_policy.mistake());
    mistakes.extend(conflicts(&places(&site, &routes)));
    RegistryError::unless_empty(mistakes)?;
    let prepare = prepare(Arc::clone(&site));
    let document = {
        let options = options.clone();
        move || shell(options.clone())
    };
    let not_found = leptos_axum::render_app_async_with_context(prepare.clone(), document.clone());
    let assets = Assets::new(&options);
    let fallback = move |request: Request| {
        let (assets, not_found) = (assets.clone(), not_found.clone());
        async move {
            if !matches!(*request.method(), Method::GET | Method::HEAD) {
                return answer::method_not_allowed("GET, HEAD", request).await;
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
    Ok(Router::new()
        .leptos_routes_with_context(&options, routes, prepare, document)
        .fallback(fallback)
        .layer(from_fn_with_state(site, protect))
        .with_state(options))
}

/// Everything that the application has under a path.
fn places(site: &Site, pages: &[AxumRouteListing]) -> Vec<Place> {
    let routes = site.routes.iter().map(|route| Place::of(route));
    let mut listed = HashSet::new();
    let pages = pages
        .iter()
        .filter(|page| listed.insert(page.path()))
        .map(|page| Place {
            what: "a page".to_owned(),
            path: page.path().to_owned(),
            methods: page
                .methods()
                .map(|method| method_name(method).to_owned())
                .collect(),
        });
    let functions = server_fn_paths().map(|(path, method)| Place {
        what: "a server function of Leptos's".to_owned(),
        path: path.to_owned(),
        methods: vec![method.to_string()],
    });
    routes.chain(pages).chain(functions).collect()
}

fn method_name(method: leptos_router::Method) -> &'static str {
    match method {
        leptos_router::Method::Get => "GET",
        leptos_router::Method::Post => "POST",
        leptos_router::Method::Put => "PUT",
        leptos_router::Method::Delete => "DELETE",
        leptos_router::Method::Patch => "PATCH",
    }
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
    let policy = policy.compile().map(Arc::new);
    move || {
        if let Some(options) = use_context::<ResponseOptions>()
            && let Some(policy) = policy.as_deref().and_then(Compiled::header)
        {
            options.insert_header(header::CONTENT_SECURITY_POLICY, policy);
        }
        // Where Leptos asks the application for its routes there is no request
        let of_request = with_context(|parts: &Parts| parts.extensions.get::<Scope>().cloned());
        let scope = of_request.flatten();
        let scope = scope.unwrap_or_else(|| Scope::new(Arc::clone(&site), Way::Page));
        provide_context(scope.clone());
        context::server::start_global(&scope);
    }
}

/// What every page and file goes through: no effects for other sites, a bound on the time until
/// its first byte and from one piece to the next, a panic that ends one answer and not the
/// connection, the session, and the headers that they share.
async fn protect(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response<Body> {
    let mut response = match admit(&site, request).await {
        Ok((request, scope)) => {
            let mut response = render(&site, request, next).await;
            if !response.status().is_server_error() {
                match bounded(&site, "session", scope.identity().commit(&scope)).await {
                    Ok(commit) => answer::commit(&mut response, commit),
                    Err(_) => {
                        response = failure(
                            StatusCode::SERVICE_UNAVAILABLE,
                            "Sessions are out of order at the moment. Try again later.",
                        );
                    }
                }
            }
            response
        }
        Err(error) => answer::error(&error),
    };
    let headers = response.headers_mut();
    security::protect(headers);
    // What was rendered for one visitor is nobody else's
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("private, no-cache"));
    response
}

/// Decides on a request for a page, or for one of Leptos's own server functions, and prepares what
/// belongs to it.
async fn admit(site: &Arc<Site>, request: Request) -> Result<(Request, Scope), Error> {
    let (parts, body) = request.into_parts();
    let expected = Expected::of(&parts.headers);
    let admitted = async {
        let mut parts = site.cross_site.admit(parts, &site.proxies)?;
        let scope = Scope::new(Arc::clone(site), Way::Page);
        bearer::present(&scope, &parts.headers).await?;
        parts.extensions.insert(scope.clone());
        Ok((parts, scope))
    };
    match bounded(site, "page", admitted).await {
        Ok((parts, scope)) => Ok((Request::from_parts(parts, body), scope)),
        Err(error) => {
            body::discard(expected, body).await;
            Err(error)
        }
    }
}

async fn render(site: &Site, request: Request, next: Next) -> Response<Body> {
    let work = AssertUnwindSafe(next.run(request)).catch_unwind();
    match tokio::time::timeout(site.request_timeout, work).await {
        // Nor may a piece of a streamed page take longer
        Ok(Ok(response)) => {
            response.map(|body| Body::new(TimeoutBody::new(site.request_timeout, body)))
        }
        Ok(Err(panic)) => {
            let text = panic_text(&*panic);
            tracing::error!(panic = text, "rendering a page panicked");
            failure(
                StatusCode::INTERNAL_SERVER_ERROR,
                "Something went wrong on the server.",
            )
        }
        Err(_) => failure(
            StatusCode::SERVICE_UNAVAILABLE,
            "The page took too long. Try again later.",
        ),
    }
}

/// What is said where the application itself can't.
fn failure(status: StatusCode, text: &'static str) -> Response<Body> {
    (status, text).into_response()
}

/// A request without a body, twice: for the file and, if there is none, for the page.
fn copy(request: Request) -> (Request, Request) {
    let (parts, _) = request.into_parts();
    (
        Request::from_parts(parts.clone(), Body::empty()),
        Request::from_parts(parts, Body::empty()),
    )
}
