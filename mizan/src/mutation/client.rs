//! Calls from the browser, and what their answers say of contexts.

pub(crate) use crate::Call as Callable;

use crate::{
    Error, Query, Result,
    browser::{self, Request, Session},
    call::{build, wire::KEY},
    channel::client::call as socket,
    context::{
        client::{Answered, Bundle, Merge, Overlay, Page, Refreshed, Target},
        wire::{BUILD, MOUNTED},
    },
    json::Entries,
};
use futures::{FutureExt, future::BoxFuture};
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use std::sync::Arc;

/// Calls the function `C`: one `POST` with JSON.
///
/// # Errors
///
/// What the function answered, or NETWORK when no answer of the server's arrived.
pub(crate) async fn call<C: Callable>(arguments: &C, overlays: Vec<Overlay>) -> Result<C::Output> {
    let body = serde_json::to_string(arguments).map_err(Error::internal)?;
    // Known when this is compiled: without such a function there is no code for it
    let (over, target): (Over, _) = if C::OVER_SOCKET {
        (over_socket, C::NAME)
    } else {
        (over_http, C::PATH)
    };
    let sent = Sent {
        target,
        build: Some(build::<C>()),
        key: None,
        mounted: None,
        body,
    };
    let result = exchange(over, sent, overlays).await?;
    serde_json::from_str(result.get()).map_err(browser::unreadable)
}

/// Calls what is no function, but an endpoint like one: a form's. The same key makes it the same
/// call.
///
/// # Errors
///
/// What was answered, or NETWORK when no answer of the server's arrived.
pub(crate) async fn post(
    path: &'static str,
    body: String,
    key: Option<String>,
) -> Result<Box<RawValue>> {
    let sent = Sent {
        target: path,
        build: None,
        key,
        mounted: None,
        body,
    };
    exchange(over_http, sent, Vec::new()).await
}

/// Runs a call of a mutation's handle.
pub(crate) async fn run<C: Callable>(arguments: C, changes: &[Change<C>]) -> Result<C::Output> {
    let arguments = Arc::new(arguments);
    let overlays = changes
        .iter()
        .filter_map(|change| change(&arguments))
        .collect();
    call(&*arguments, overlays).await
}

/// What is done to a value before the answer is there.
pub(crate) type Change<C> = Arc<dyn Fn(&Arc<C>) -> Option<Overlay> + Send + Sync>;

pub(crate) fn change<C, T>(
    query: Query<T>,
    change: impl Fn(&mut T, &C) + Send + Sync + 'static,
) -> Change<C>
where
    C: Callable,
    T: DeserializeOwned + Clone + Send + Sync + 'static,
{
    let change = Arc::new(change);
    Arc::new(move |arguments| {
        let (change, arguments) = (Arc::clone(&change), Arc::clone(arguments));
        query.lay(move |value| change(value, &arguments))
    })
}

pub(crate) fn spawn(call: impl Future<Output = ()> + 'static) {
    leptos::task::spawn_local(call);
}

/// What is sent.
struct Sent {
    /// Where to: a path, or a function's name.
    target: &'static str,
    /// Which build of the function the page knows.
    build: Option<String>,
    /// What makes it the same call as another with it.
    key: Option<String>,
    mounted: Option<String>,
    body: String,
}

/// What came back.
struct Answer {
    session: Session,
    parts: Entries,
    /// What stands in place of a result.
    error: Option<Error>,
    status: u16,
}

type Over = fn(Sent) -> BoxFuture<'static, Result<Answer>>;

fn over_http(sent: Sent) -> BoxFuture<'static, Result<Answer>> {
    async {
        let headers = [
            (BUILD, sent.build),
            (MOUNTED, sent.mounted),
            (KEY, sent.key),
        ];
        let headers = headers.into_iter();
        let request = Request {
            path: sent.target.to_owned(),
            body: Some(sent.body),
            headers: headers
                .filter_map(|(name, value)| Some((name, value?)))
                .collect(),
        };
        let response = browser::send(request).await?;
        Ok(Answer {
            session: response.session,
            parts: serde_json::from_str(&response.text).unwrap_or_default(),
            status: response.status,
            error: response.success().err(),
        })
    }
    .boxed()
}

fn over_socket(sent: Sent) -> BoxFuture<'static, Result<Answer>> {
    async move {
        let Sent {
            target,
            build,
            mounted,
            body,
            ..
        } = sent;
        let build = build.unwrap_or_default();
        let mut parts = socket::call(target, &build, mounted, &body).await?;
        let error = parts.take("error");
        Ok(Answer {
            session: Session::Same,
            error: error
                .map(|error| serde_json::from_str(error.get()).unwrap_or_else(browser::unreadable)),
            parts,
            status: 200,
        })
    }
    .boxed()
}

/// Sends a call, applies what the answer says of contexts, and returns its result.
async fn exchange(over: Over, mut sent: Sent, overlays: Vec<Overlay>) -> Result<Box<RawValue>> {
    let page = Page::current();
    let since = page.now();
    let _calling = page.calls();
    sent.mounted = page.mounted();
    let Answer {
        session,
        mut parts,
        error,
        status,
    } = over(sent).await?;
    let revisions: Vec<_> = overlays.iter().map(Overlay::revision).collect();
    apply(&page, session, &mut parts, since);
    if let Some(error) = error {
        return Err(error);
    }
    let result = parts.take("result");
    let result = result.ok_or_else(|| browser::not_ours(status))?;
    // All of them before the first is lifted, which may count as news itself
    let news: Vec<_> = overlays
        .iter()
        .zip(revisions)
        .map(|(overlay, revision)| overlay.revision() != revision)
        .collect();
    for (overlay, news) in overlays.into_iter().zip(news) {
        overlay.settle(news);
    }
    Ok(result)
}

/// Hands the parts of an answer to the page. One that can't be read is left out: what the page
/// shows may then be out of date, and the call itself is done.
fn apply(page: &Page, session: Session, parts: &mut Entries, since: u64) {
    let merges = each(parts, "merge", |part| {
        Some(Merge {
            target: Target::take_from(part).ok()?,
            member: part.take_text("member").ok()?,
            value: part.take("value")?,
            version: part.take("version"),
        })
    });
    let refreshed = each(parts, "refreshed", |part| {
        Some(Refreshed {
            target: Target::take_from(part).ok()?,
            bundle: Bundle::take_from(part).ok()?,
        })
    });
    let stale = each(parts, "invalidate", |part| Target::take_from(part).ok());
    let answered = Answered {
        session,
        merges,
        refreshed,
        stale,
    };
    page.apply(answered, since);
}

fn each<T>(parts: &mut Entries, name: &str, read: impl FnMut(&mut Entries) -> Option<T>) -> Vec<T> {
    let mut list = parts.take_list(name);
    list.iter_mut().filter_map(read).collect()
}
