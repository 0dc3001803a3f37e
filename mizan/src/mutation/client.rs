//! Calls from the browser, and what their answers say of contexts.

pub(crate) use crate::Call as Callable;

use crate::{
    Error, Query, Result,
    browser::{self, Request, Response, Session},
    call::build,
    context::{
        client::{Answered, Bundle, Merge, Overlay, Page, Refreshed, Target},
        wire::{BUILD, MOUNTED},
    },
    json::Entries,
};
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
    let result = exchange(C::PATH, build::<C>(), body, overlays).await?;
    serde_json::from_str(result.get()).map_err(browser::unreadable)
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

/// Sends a call, applies what the answer says of contexts, and returns its result.
async fn exchange(
    path: &str,
    build: String,
    body: String,
    overlays: Vec<Overlay>,
) -> Result<Box<RawValue>> {
    let page = Page::current();
    let since = page.now();
    let mut headers = vec![(BUILD, build)];
    if let Some(mounted) = page.mounted() {
        headers.push((MOUNTED, mounted));
    }
    let request = Request {
        path: path.to_owned(),
        body: Some(body),
        headers,
    };
    let response = browser::send(request).await?;
    let mut parts = serde_json::from_str(&response.text).unwrap_or_default();
    let revisions: Vec<_> = overlays.iter().map(Overlay::revision).collect();
    apply(&page, response.session, &mut parts, since);
    let result = result(response, &mut parts)?;
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

fn result(response: Response, parts: &mut Entries) -> Result<Box<RawValue>> {
    let status = response.status;
    response.success()?;
    let result = parts.take("result");
    result.ok_or_else(|| browser::not_ours(status))
}

/// Hands the parts of an answer to the page. One that can't be read is left out: what the page
/// shows may then be out of date, and the call itself is done.
fn apply(page: &Page, session: Session, parts: &mut Entries, since: u64) {
    let merges = each(parts, "merge", |part| {
        Some(Merge {
            target: Target::take_from(part).ok()?,
            member: part.take_text("member").ok()?,
            value: part.take("value")?,
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
