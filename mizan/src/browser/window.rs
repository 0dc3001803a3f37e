//! A real browser.

use super::{Heard, Request, Response, Session, Wake};
use crate::text::concat;
use crate::{
    Error, Result,
    auth::wire::SESSION,
    call::wire::{JSON, PREFIX},
    context::wire::{FIRST_SLOT, POSTED_SLOT},
};
use gloo_net::http::RequestBuilder;
use js_sys::RegExp;
use leptos::prelude::{
    TimeoutHandle, set_timeout_with_handle, window, window_event_listener_untyped,
};
use send_wrapper::SendWrapper;
use server_fn::redirect::{REDIRECT_HEADER, call_redirect_hook};
use std::time::Duration;
use wasm_bindgen::{JsCast, JsValue, closure::Closure};
use web_sys::{
    AbortController, AbortSignal, BroadcastChannel, Event, HtmlElement, HtmlFormElement,
    HtmlInputElement, MessageEvent, RequestCache, Url, WebSocket,
};

/// Sends a request; dropping the future aborts it. A redirect that comes back is followed by the
/// router.
///
/// # Errors
///
/// NETWORK when no answer arrived.
pub(crate) async fn send(request: Request) -> Result<Response> {
    SendWrapper::new(async move {
        let abort = AbortOnDrop::new();
        let mut builder = RequestBuilder::new(&request.path)
            .header("Accept", JSON)
            // What the browser has kept may have been made stale since
            .cache(RequestCache::NoCache)
            .abort_signal(abort.signal().as_ref());
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        let request = match request.body {
            Some(body) => builder
                .method(http::Method::POST)
                .header("Content-Type", JSON)
                .body(body),
            None => builder.build(),
        };
        let response = request.map_err(network)?.send().await.map_err(network)?;
        let text = response.text().await.map_err(network)?;
        let (status, headers) = (response.status(), response.headers());
        if status < 400
            && headers.has(REDIRECT_HEADER)
            && let Some(location) = headers.get("Location")
        {
            call_redirect_hook(&location);
        }
        let session = Session::read(headers.get(SESSION).as_deref());
        let retry_after = headers.get("Retry-After");
        Ok(Response {
            status,
            text,
            retry_after: retry_after.and_then(|seconds| seconds.parse().ok()),
            session,
        })
    })
    .await
}

fn network(_: gloo_net::Error) -> Error {
    Error::network("the server can't be reached")
}

/// Ends the request when the page no longer waits for it.
struct AbortOnDrop(Option<AbortController>);

impl AbortOnDrop {
    fn new() -> Self {
        Self(AbortController::new().ok())
    }

    fn signal(&self) -> Option<AbortSignal> {
        self.0.as_ref().map(AbortController::signal)
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        if let Some(controller) = &self.0 {
            controller.abort();
        }
    }
}

/// Reads what the server put into the page: the slots from the first one on.
///
/// Not through Leptos's shared context, which answers only while the page is being hydrated: a
/// hook may be called for the first time after a navigation.
pub(crate) fn page_data() -> Vec<String> {
    // The first is the global context's, which may have no members
    let provided = (FIRST_SLOT + 1..).map_while(slot);
    slot(FIRST_SLOT).into_iter().chain(provided).collect()
}

/// Reads what the page was sent for a form.
pub(crate) fn posted() -> Option<String> {
    slot(POSTED_SLOT)
}

fn slot(slot: usize) -> Option<String> {
    let name = JsValue::from_str("__RESOLVED_RESOURCES");
    let slots = js_sys::Reflect::get(&js_sys::global(), &name).ok()?;
    if !slots.is_object() {
        return None;
    }
    js_sys::Reflect::get_u32(&slots, slot as u32)
        .ok()?
        .as_string()
}

/// The path and query of the page.
pub(crate) fn address() -> String {
    let location = window().location();
    let (path, query) = (location.pathname(), location.search());
    path.unwrap_or_default() + &query.unwrap_or_default()
}

/// Milliseconds since some moment of the past.
pub(crate) fn now() -> f64 {
    js_sys::Date::now()
}

/// Runs something later, unless it is dropped before.
pub(crate) struct Timer(Option<TimeoutHandle>);

impl Timer {
    pub(crate) fn new(after: Duration, run: impl FnOnce() + 'static) -> Self {
        Self::of(after, Box::new(run))
    }

    /// Boxed, so that the code around it exists once.
    fn of(after: Duration, run: Box<dyn FnOnce()>) -> Self {
        // What a browser can wait for: 24 days
        const LONGEST: Duration = Duration::from_millis(i32::MAX as u64);
        Self(set_timeout_with_handle(run, after.min(LONGEST)).ok())
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        if let Some(handle) = self.0.take() {
            handle.clear();
        }
    }
}

/// Calls `run` whenever the page is looked at again or the network is back, as long as the page
/// lives.
pub(crate) fn on_wake(run: impl Fn(Wake) + Clone + 'static) {
    let visible = || {
        let document = window().document();
        document.is_some_and(|document| !document.hidden())
    };
    let focus = run.clone();
    for event in ["focus", "visibilitychange"] {
        let focus = focus.clone();
        drop(window_event_listener_untyped(event, move |_| {
            if visible() {
                focus(Wake::Focus);
            }
        }));
    }
    drop(window_event_listener_untyped("online", move |_| {
        run(Wake::Reconnect);
    }));
}

/// Tells the developer, on the console.
pub(crate) fn complain(text: &str) {
    leptos::leptos_dom::logging::console_error(text);
}

/// A part of a wait, from 0 to 1, so that not everybody comes back at once.
pub(crate) fn jitter() -> f64 {
    js_sys::Math::random()
}

thread_local! {
    /// To the other tabs of the site. Lives as long as the page.
    static TABS: Option<BroadcastChannel> = BroadcastChannel::new("mizan").ok();
}

/// Tells the other tabs that the visitor has signed in or out.
pub(crate) fn announce() {
    TABS.with(|tabs| {
        if let Some(tabs) = tabs {
            // A tab that can't tell is as one that is closed
            let _ = tabs.post_message(&JsValue::NULL);
        }
    });
}

/// Calls `run` when another tab says so.
pub(crate) fn on_announcement(run: impl Fn() + 'static) {
    // The type of closure that Leptos has for every event: its code is there already
    let run = Closure::<dyn FnMut(Event)>::new(move |_| run()).into_js_value();
    TABS.with(|tabs| {
        if let Some(tabs) = tabs {
            tabs.set_onmessage(Some(run.unchecked_ref()));
        }
    });
}

/// Whether a text has letters and digits only, of any script: the tables of these are the browser's.
pub(crate) fn is_alphanumeric(text: &str) -> bool {
    RegExp::new(r"^[\p{Alphabetic}\p{N}]*$", "u").test(text)
}

/// Whether a text is an address of the web.
pub(crate) fn is_url(text: &str) -> bool {
    Url::new(text).is_ok_and(|url| matches!(&*url.protocol(), "http:" | "https:"))
}

/// Moves the focus to the first field of a form that has one of these names. What has no element of
/// a name has one with an id: a list of rows.
pub(crate) fn focus(form: &str, names: &[String]) {
    let Some(document) = window().document() else {
        return;
    };
    let by_id = |name: &str| document.get_element_by_id(&concat(&[form, "-", name]));
    let Some(element) = by_id("form") else { return };
    let fields = element.unchecked_into::<HtmlFormElement>().elements();
    let fields = (0..fields.length()).filter_map(|index| fields.item(index));
    let mut fields = fields.map(JsCast::unchecked_into::<HtmlInputElement>);
    let found = fields.find(|field| field.type_() != "hidden" && names.contains(&field.name()));
    let found = found.map(JsCast::unchecked_into::<HtmlElement>);
    let other = || names.iter().find_map(|name| by_id(&name.replace('.', "-")));
    if let Some(found) = found.or_else(|| other().map(JsCast::unchecked_into)) {
        let _ = found.focus();
    }
}

/// A text that nobody can guess.
pub(crate) fn random() -> String {
    let mut bytes = [0; 16];
    let crypto = window().crypto();
    // A browser without it has no WebAssembly either
    let _ = crypto.map(|crypto| crypto.get_random_values_with_u8_array(&mut bytes));
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}

/// What is heard of a WebSocket. An `error` is left out: a `close` follows it.
const SOCKET_EVENTS: [&str; 3] = ["open", "message", "close"];

/// A WebSocket to the server. Dropped, it is closed, and not heard of any more.
///
/// The browser's own, and not gloo's: what happens is told by callbacks, so a stream and its queue
/// would be code that does nothing.
pub(crate) struct Connection {
    socket: WebSocket,
    /// Owned by the browser, which frees it when nothing refers to it any more: it may be what
    /// drops the connection.
    listener: JsValue,
}

impl Connection {
    /// Opens one, and tells what happens to it; `None` where the browser does not want to.
    pub(crate) fn open(heard: impl Fn(Heard) + 'static) -> Option<Self> {
        // `http` becomes `ws`, and `https` becomes `wss`
        let origin = window().location().origin().ok()?;
        let url = format!("ws{}{PREFIX}/ws", origin.strip_prefix("http")?);
        let socket = WebSocket::new(&url).ok()?;
        // The type of closure that Leptos has for every event: its code is there already
        let listener = Closure::<dyn FnMut(Event)>::new(move |event: Event| {
            match &*event.type_() {
                "open" => heard(Heard::Opened),
                "message" => {
                    let message = event.unchecked_into::<MessageEvent>();
                    // One that is no text is none of the server's
                    if let Some(text) = message.data().as_string() {
                        heard(Heard::Text(text));
                    }
                }
                _ => heard(Heard::Closed),
            }
        });
        let listener = listener.into_js_value();
        for event in SOCKET_EVENTS {
            let _ = socket.add_event_listener_with_callback(event, listener.unchecked_ref());
        }
        Some(Self { socket, listener })
    }

    /// Sends a text, if the connection is there still.
    pub(crate) fn send(&self, text: &str) {
        // Where it can't, the end of the connection is on its way here
        let _ = self.socket.send_with_str(text);
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        for event in SOCKET_EVENTS {
            let listener = self.listener.unchecked_ref();
            let _ = self
                .socket
                .remove_event_listener_with_callback(event, listener);
        }
        let _ = self.socket.close();
    }
}
