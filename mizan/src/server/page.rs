//! Pages: the application's routes rendered on the server, and the files beside them.

use super::{
    RegistryError, Site, answer,
    asset::Assets,
    body::{self, Expected},
    call::bounded,
    posted::{Posts, Render},
    security::{self, Compiled},
};
use crate::{
    Error,
    auth::bearer,
    call::server::panic_text,
    context, form,
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
    routing::{MethodRouter, post},
};
use futures::{FutureExt, future::BoxFuture};
use leptos::{
    IntoView,
    config::{Env, LeptosOptions},
    prelude::{provide_context, use_context, with_context},
};
use leptos_axum::{AxumRouteListing, LeptosRoutes, ResponseOptions, generate_route_list};
use leptos_router::SsrMode;
use server_fn::axum::server_fn_paths;
use std::{
    collections::{BTreeSet, HashSet},
    future::Future,
    panic::AssertUnwindSafe,
    sync::Arc,
};
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
    let not_found: Render = Arc::new(not_found);
    let again = rendering(&options, routes.clone(), prepare.clone(), document.clone());
    let posts = Posts::new(&site, again);
    let paths: BTreeSet<_> = routes.iter().map(|route| route.path().to_owned()).collect();
    let mut pages = Router::new()
        .leptos_routes_with_context(&options, routes, prepare, document)
        .layer(from_fn_with_state(Arc::clone(&site), protect));
    for path in paths {
        if let Some(posted) = posted_to(&path, &site, &posts) {
            pages = pages.route(&path, posted);
        }
    }
    Ok(pages
        .fallback(fallback(site, not_found))
        .with_state(options))
}

/// Renders a page that was posted to.
fn rendering<ShellView: IntoView + 'static>(
    options: &LeptosOptions,
    routes: Vec<AxumRouteListing>,
    prepare: impl Fn() + Clone + Send + Sync + 'static,
    document: impl Fn() -> ShellView + Clone + Send + Sync + 'static,
) -> Render {
    let state = options.clone();
    // What Leptos gives to a page that is asked for
    let prepare = move || {
        provide_context(leptos_router::Method::Get);
        provide_context(state.clone());
        prepare();
    };
    let render = leptos_axum::render_route_with_context(routes, prepare, document);
    let state = options.clone();
    Arc::new(move |request| render(State(state.clone()), request))
}

/// What a page does with other methods than those that it is asked for with.
///
/// A fallback: an application may have a handler of its own for POST. One of Mizan's own has a
/// fallback itself.
fn posted_to(path: &str, site: &Site, posts: &Posts) -> Option<MethodRouter<LeptosOptions>> {
    let posts = posts.clone();
    let posted = move |request| posts.answer(request);
    let mut here = site
        .routes
        .iter()
        .filter(|route| route.path == path)
        .peekable();
    if here.peek().is_none() {
        return Some(MethodRouter::new().fallback(posted));
    }
    let is_taken = here.any(|route| route.methods.contains(&"POST"));
    (!is_taken).then(|| post(posted))
}

/// What stands at no path: a file, or the application's "not found".
fn fallback(
    site: Arc<Site>,
    not_found: Render,
) -> impl Fn(Request) -> BoxFuture<'static, Response<Body>> + Clone + Send + Sync {
    let assets = Assets::new(&site.options);
    let posts = Posts::new(&site, Arc::clone(&not_found));
    move |request| {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return posts.clone().answer(request).boxed();
        }
        let (site, assets) = (Arc::clone(&site), assets.clone());
        let not_found = Arc::clone(&not_found);
        async move {
            let found = |request, _| rendered(&site, file_or_page(request, assets, not_found));
            protected(&site, Way::Page, request, found).await
        }
        .boxed()
    }
}

async fn file_or_page(request: Request, assets: Assets, not_found: Render) -> Response<Body> {
    let (request, copy) = copy(request);
    if let Some(file) = assets.serve(request).await {
        return file;
    }
    let mut page = not_found(copy).await;
    if page.status() == StatusCode::OK {
        *page.status_mut() = StatusCode::NOT_FOUND;
    }
    page
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
        form::server::start_page(&scope);
        context::server::start_global(&scope);
    }
}

/// What every page and file goes through: no effects for other sites, a bound on the time until
/// its first byte and from one piece to the next, a panic that ends one answer and not the
/// connection, the session, and the headers that they share.
async fn protect(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response<Body> {
    let run = |request, _| rendered(&site, next.run(request));
    protected(&site, Way::Page, request, run).await
}

/// The same around anything that answers with a page.
pub(super) async fn protected<F: Future<Output = Response<Body>>>(
    site: &Arc<Site>,
    way: Way,
    request: Request,
    run: impl FnOnce(Request, Scope) -> F,
) -> Response<Body> {
    let mut response = match admit(site, way, request).await {
        Ok((request, scope)) => {
            let mut response = run(request, scope.clone()).await;
            // Who has signed out has, whatever came after it
            if !response.status().is_server_error() || scope.identity().has_changed() {
                match bounded(site, "session", scope.identity().commit(&scope)).await {
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
async fn admit(site: &Arc<Site>, way: Way, request: Request) -> Result<(Request, Scope), Error> {
    let (parts, body) = request.into_parts();
    let expected = Expected::of(&parts.headers);
    let admitted = async {
        let mut parts = site.cross_site.admit(parts, &site.proxies)?;
        let scope = Scope::new(Arc::clone(site), way);
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

/// Renders a page, in the time that there is for it.
pub(super) async fn rendered(
    site: &Site,
    page: impl Future<Output = Response<Body>>,
) -> Response<Body> {
    let work = AssertUnwindSafe(page).catch_unwind();
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
