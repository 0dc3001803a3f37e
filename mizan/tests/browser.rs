//! The browser's half, in a browser: what it takes out of the page, and what it fetches.
//!
//! There is no server here: `fetch` is replaced by a function of the test's.

#![cfg(target_arch = "wasm32")]
#![allow(
    clippy::unwrap_used,
    reason = "clippy knows `#[test]`, and not `#[wasm_bindgen_test]`"
)]

use leptos::{mount::mount_to, prelude::*};
use mizan::{Code, Error};
use std::time::Duration;
use wasm_bindgen::{JsCast, JsValue, prelude::wasm_bindgen};
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};

wasm_bindgen_test_configure!(run_in_browser);

// There is no axum here: what a route returns is the server's affair
#[mizan::client(route = "/profile/{id}", methods = [GET, POST])]
pub async fn profile(id: i64, tab: Option<String>) -> impl IntoResponse {
    Html(format!("{id} {tab:?}"))
}

#[wasm_bindgen_test]
fn a_route_is_its_url() {
    let tab = Some("a b".to_owned());
    assert_eq!(Profile { id: -5, tab }.url(), "/profile/-5?tab=a%20b");
    assert_eq!(Profile { id: 5, tab: None }.url(), "/profile/5");
    assert_eq!(Profile::action(5), "/profile/5");
}

#[wasm_bindgen(inline_js = r#"
export function answer_with(answers) {
  // Each answer: [path, status, body, headers, delay]; a path is matched by its end
  globalThis.__asked = [];
  globalThis.fetch = async (request) => {
    const sent = request.method === "POST" ? await request.clone().text() : "";
    const path = new URL(request.url).pathname;
    const entry = { method: request.method, path, type: request.headers.get("content-type"), sent, aborted: false };
    globalThis.__asked.push(entry);
    const at = answers.findIndex((answer) => path.endsWith(answer[0]));
    if (at < 0) throw new TypeError("network down");
    const [, status, body, headers, delay] = answers.splice(at, 1)[0];
    await new Promise((resolve, reject) => {
      setTimeout(resolve, delay ?? 0);
      request.signal.addEventListener("abort", () => { entry.aborted = true; reject(new DOMException("", "AbortError")); });
    });
    return new Response(body, { status, headers });
  };
}
export function asked() { return JSON.stringify(globalThis.__asked); }
export function page_has(slot, text) {
  globalThis.__RESOLVED_RESOURCES ??= [];
  globalThis.__RESOLVED_RESOURCES[slot] = text;
}
export function page_has_nothing() { delete globalThis.__RESOLVED_RESOURCES; }
export function sockets_are_ours() {
  globalThis.__sockets = [];
  globalThis.WebSocket = class extends EventTarget {
    constructor(url) {
      super();
      Object.assign(this, { url, sent: [], listeners: 0, closed: false });
      globalThis.__sockets.push(this);
    }
    addEventListener(...listener) { this.listeners++; super.addEventListener(...listener); }
    removeEventListener(...listener) { this.listeners--; super.removeEventListener(...listener); }
    send(text) { this.sent.push(text); }
    close() { this.closed = true; }
  };
}
export function sockets() { return JSON.stringify(globalThis.__sockets); }
export function happens(socket, event, data) {
  const happening = event === "message" ? new MessageEvent(event, { data }) : new Event(event);
  globalThis.__sockets[socket].dispatchEvent(happening);
}
"#)]
extern "C" {
    fn answer_with(answers: JsValue);
    fn asked() -> String;
    fn page_has(slot: u32, text: &str);
    fn page_has_nothing();
    fn sockets_are_ours();
    fn sockets() -> String;
    fn happens(socket: usize, event: &str, data: &JsValue);
}

#[mizan::client]
async fn echo(text: String) -> mizan::Result<Vec<String>> {
    Ok(vec![text])
}

#[mizan::client(context = "global")]
async fn greeting() -> mizan::Result<String> {
    Ok(String::new())
}

#[mizan::client(context = "global")]
async fn number() -> mizan::Result<i32> {
    Ok(0)
}

const SLOT: u32 = 1 << 30;

/// Sets what `fetch` answers, one row for each request.
fn server(answers: &str) {
    answer_with(js_sys::JSON::parse(answers).unwrap());
}

/// The requests so far, as `METHOD path`.
fn requests() -> Vec<String> {
    let entries: Vec<serde_json::Value> = serde_json::from_str(&asked()).unwrap();
    let text =
        |entry: &serde_json::Value, name: &str| entry[name].as_str().unwrap_or("").to_owned();
    entries
        .iter()
        .map(|entry| format!("{} {}", text(entry, "method"), text(entry, "path")))
        .collect()
}

async fn sleep(milliseconds: u64) {
    let (sender, receiver) = futures::channel::oneshot::channel();
    set_timeout(
        move || {
            _ = sender.send(());
        },
        Duration::from_millis(milliseconds),
    );
    receiver.await.unwrap();
}

/// An element of its own for each test, and what is mounted into it.
fn mount<V: IntoView + 'static>(
    view: impl FnOnce() -> V + 'static,
) -> (web_sys::HtmlElement, impl Drop) {
    let element = document()
        .create_element("div")
        .unwrap()
        .unchecked_into::<web_sys::HtmlElement>();
    document().body().unwrap().append_child(&element).unwrap();
    let handle = mount_to(element.clone(), view);
    (element, handle)
}

#[wasm_bindgen_test]
async fn a_call_is_one_post_with_json() {
    server(r#"[["call/echo", 200, "{\"result\":[\"a\",\"b\"],\"unknown\":1}", {}]]"#);
    assert_eq!(
        echo("hé \u{2028}".to_owned()).await,
        Ok(vec!["a".to_owned(), "b".to_owned()])
    );
    let entries: serde_json::Value = serde_json::from_str(&asked()).unwrap();
    assert_eq!(entries[0]["method"], "POST");
    assert_eq!(entries[0]["path"], "/api/mizan/call/echo");
    assert_eq!(entries[0]["type"], "application/json");
    assert_eq!(entries[0]["sent"], "{\"text\":\"hé \u{2028}\"}");
}

#[wasm_bindgen_test]
async fn every_failure_of_a_call_is_an_error_with_a_code() {
    for (answer, code, message) in [
        (
            r#"["echo", 404, "{\"error\":{\"code\":\"NOT_FOUND\",\"message\":\"no\"}}", {}]"#,
            Code::NotFound,
            "no",
        ),
        (
            r#"["echo", 502, "<html>Bad Gateway", {}]"#,
            Code::Unavailable,
            "try again later",
        ),
        (
            r#"["echo", 404, "<html>", {}]"#,
            Code::Network,
            "the answer is not the server's (status 404)",
        ),
        (
            r#"["echo", 200, "{\"result\":{}}", {}]"#,
            Code::OutdatedClient,
            "the server's answer can't be read: reload the page",
        ),
        (
            r#"["other", 200, "", {}]"#,
            Code::Network,
            "the server can't be reached",
        ),
    ] {
        server(&format!("[{answer}]"));
        assert_eq!(echo(String::new()).await, Err(Error::new(code, message)));
    }
}

#[wasm_bindgen_test]
async fn what_the_page_carries_is_there_at_once_and_not_fetched() {
    server("[]");
    page_has(
        SLOT,
        r#"{"context":"global","params":{},"data":{"greeting":"hi </script>"},"errors":{"number":{"code":"FORBIDDEN","message":"no"}}}"#,
    );
    let (element, _handle) = mount(|| {
        let (greeting, again, number) = (use_greeting(), use_greeting(), use_number());
        assert_eq!(
            greeting.get_untracked(),
            Some(Ok("hi </script>".to_owned())),
            "before anything is rendered"
        );
        assert_eq!(number.get_untracked(), Some(Err(Error::forbidden("no"))));
        view! { <p>{move || greeting.get()} {move || again.get()}</p> }
    });
    assert_eq!(element.text_content().unwrap(), "hi </script>hi </script>");
    sleep(20).await;
    assert_eq!(requests(), [""; 0]);
    page_has_nothing();
}

#[wasm_bindgen_test]
async fn what_it_does_not_carry_is_one_request_for_all() {
    page_has_nothing();
    server(r#"[["ctx/global", 200, "{\"data\":{\"greeting\":\"hi\",\"number\":7}}", {}, 30]]"#);
    let (element, _handle) = mount(|| {
        let (greeting, again, number) = (use_greeting(), use_greeting(), use_number());
        view! {
            <Suspense fallback=|| "wait">
                {move || greeting.get()} {move || again.get()}
                {move || Suspend::new(async move { number.await })}
            </Suspense>
        }
    });
    sleep(5).await;
    assert_eq!(element.text_content().unwrap(), "wait");
    sleep(80).await;
    assert_eq!(element.text_content().unwrap(), "hihi7");
    assert_eq!(requests(), ["GET /api/mizan/ctx/global"]);
}

#[wasm_bindgen_test]
async fn a_refetch_replaces_the_values_and_a_failed_one_keeps_them() {
    page_has(
        SLOT,
        r#"{"context":"global","params":{},"data":{"greeting":"old","number":1}}"#,
    );
    server(r#"[["ctx/global", 200, "{\"data\":{\"greeting\":\"new\",\"number\":2}}", {}, 10]]"#);
    let (_element, handle) = mount(|| {
        let (greeting, number) = (use_greeting(), use_number());
        provide_context((greeting, number));
        leptos::task::spawn_local(async move {
            assert!(!greeting.is_fetching());
            greeting.refetch();
            assert!(
                greeting.is_fetching() && number.is_fetching(),
                "one request for both"
            );
            assert_eq!(
                greeting.get_untracked(),
                Some(Ok("old".to_owned())),
                "kept until the new one is there"
            );
            sleep(60).await;
            assert_eq!(greeting.get_untracked(), Some(Ok("new".to_owned())));
            assert_eq!(number.get_untracked(), Some(Ok(2)));

            number.refetch(); // nobody answers any more
            assert!(number.is_fetching());
            sleep(7_500).await; // tried three times more
            assert_eq!(number.get_untracked(), Some(Ok(2)));
            assert_eq!(
                number.error().map(|error| error.code()),
                Some(Code::Network)
            );
            assert!(!number.is_fetching());
            DONE.with(|done| done.set(true));
        });
    });
    sleep(8_000).await;
    assert!(
        DONE.with(std::cell::Cell::take),
        "the steps above came to their end"
    );
    drop(handle);
    page_has_nothing();
}

thread_local! {
    static DONE: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

#[wasm_bindgen_test]
async fn a_late_answer_never_replaces_a_newer_one() {
    page_has(
        SLOT,
        r#"{"context":"global","params":{},"data":{"greeting":"old"}}"#,
    );
    server(
        r#"[["ctx/global", 200, "{\"data\":{\"greeting\":\"first, and late\"}}", {}, 80],
            ["ctx/global", 200, "{\"data\":{\"greeting\":\"second\"}}", {}, 10]]"#,
    );
    let (element, _handle) = mount(|| {
        let greeting = use_greeting();
        greeting.refetch();
        set_timeout(move || greeting.refetch(), Duration::from_millis(5));
        view! { <p>{move || greeting.get()}</p> }
    });
    sleep(200).await;
    assert_eq!(element.text_content().unwrap(), "second");
    let entries: serde_json::Value = serde_json::from_str(&asked()).unwrap();
    assert_eq!(
        entries[0]["aborted"], true,
        "and the first request was given up"
    );
    page_has_nothing();
}

#[wasm_bindgen_test]
async fn a_value_can_be_set_and_changed_in_place() {
    page_has(
        SLOT,
        r#"{"context":"global","params":{},"data":{"number":1}}"#,
    );
    server("[]");
    let (element, _handle) = mount(|| {
        let (number, other) = (use_number(), use_number());
        set_timeout(
            move || {
                number.set(5);
                other.update(|number| *number += 1);
            },
            Duration::from_millis(1),
        );
        view! { <p>{move || number.get()} " " {move || other.get()}</p> }
    });
    sleep(40).await;
    assert_eq!(
        element.text_content().unwrap(),
        "6 6",
        "all handles share it"
    );
    assert_eq!(requests(), [""; 0]);
    page_has_nothing();
}

#[wasm_bindgen_test]
async fn a_redirect_is_followed_by_the_router() {
    thread_local! {
        static GONE: std::cell::RefCell<Vec<String>> = const { std::cell::RefCell::new(Vec::new()) };
    }
    let _ = leptos::server_fn::redirect::set_redirect_hook(|to| {
        GONE.with(|gone| gone.borrow_mut().push(to.to_owned()));
    });
    server(r#"[["echo", 200, "{\"result\":[]}", {"serverfnredirect": "", "location": "/next"}]]"#);
    echo(String::new()).await.unwrap();
    assert_eq!(GONE.with(std::cell::RefCell::take), ["/next"]);
}

#[wasm_bindgen_test]
async fn a_value_that_is_written_before_the_first_answer_does_no_harm() {
    page_has_nothing();
    server(
        r#"[["ctx/global", 200, "{\"data\":{\"greeting\":\"fetched\",\"number\":1}}", {}, 30]]"#,
    );
    let (element, _mounted) = mount(|| {
        let (greeting, number) = (use_greeting(), use_number());
        greeting.update(|_| unreachable!("there is nothing to change"));
        number.set(7);
        view! {
            <Suspense fallback=|| "…">
                <p>{move || Suspend::new(async move { greeting.await.ok() })}</p>
                <p>{move || Suspend::new(async move { number.await.ok() })}</p>
            </Suspense>
        }
    });
    sleep(80).await;
    assert_eq!(element.inner_text().trim().replace('\n', ""), "fetched1");
}

#[mizan::channel]
struct ChatChannel {
    room: String,
}

#[mizan::channel_handler]
impl Channel for ChatChannel {
    type ClientMessage = String;
    type ServerMessage = String;

    async fn authorize(&self, _: &ChannelContext) -> mizan::Result<bool> {
        Ok(true)
    }
}

#[wasm_bindgen_test]
async fn a_channel_goes_over_a_socket_and_over_another_one_when_that_is_gone() {
    page_has_nothing();
    server("[]");
    sockets_are_ours();
    let all = || serde_json::from_str::<Vec<serde_json::Value>>(&sockets()).unwrap();
    let says = |socket, text: &str| happens(socket, "message", &JsValue::from_str(text));
    let (element, mounted) = mount(|| {
        let chat = use_chat_channel("lobby".to_owned());
        view! {
            <p>{move || format!("{:?}", chat.status())} " " {move || chat.messages().join(", ")}</p>
            <button on:click=move |_| chat.send(&"hi".to_owned())>"Say hi"</button>
        }
    });
    let text = || element.query_selector("p").unwrap().unwrap().text_content();
    sleep(20).await;
    let url = all()[0]["url"].as_str().unwrap().to_owned();
    assert!(
        url.starts_with("ws://") && url.ends_with("/api/mizan/ws"),
        "{url}"
    );
    assert_eq!(
        all()[0]["sent"],
        serde_json::json!([]),
        "it is not open yet"
    );
    happens(0, "open", &JsValue::NULL);
    assert!(
        all()[0]["sent"][0]
            .as_str()
            .unwrap()
            .contains(r#""room":"lobby""#)
    );
    says(
        0,
        r#"{"op":"joined","id":1,"epoch":"e","offset":0,"recovered":false}"#,
    );
    says(0, r#"{"op":"message","id":1,"offset":1,"message":"one"}"#);
    // What is none of the server's does no harm
    says(0, "{");
    happens(0, "message", &js_sys::Uint8Array::new_with_length(4));
    sleep(20).await;
    assert_eq!(text().unwrap(), "Joined one");
    let button = element.query_selector("button").unwrap().unwrap();
    button.unchecked_into::<web_sys::HtmlElement>().click();
    assert_eq!(all()[0]["sent"].as_array().unwrap().len(), 2);

    // As a browser tells that a connection is lost
    happens(0, "error", &JsValue::NULL);
    happens(0, "close", &JsValue::NULL);
    sleep(5).await;
    assert_eq!(text().unwrap(), "Reconnecting one");
    assert_eq!(all()[0]["listeners"], 0, "nobody hears it any more");
    sleep(600).await;
    assert_eq!(all().len(), 2, "and there is one other");
    happens(1, "open", &JsValue::NULL);
    says(
        1,
        r#"{"op":"joined","id":1,"epoch":"e","offset":1,"recovered":true}"#,
    );
    let sent = all()[1]["sent"].to_string();
    assert!(sent.contains("since") && sent.contains("again"), "{sent}");
    says(1, r#"{"op":"message","id":1,"offset":2,"message":"two"}"#);
    sleep(20).await;
    assert_eq!(text().unwrap(), "Joined one, two");

    drop(mounted);
    assert_eq!(all()[1]["closed"], false, "the next page may need it");
    sleep(5_200).await;
    assert_eq!(all()[1]["closed"], true);
    assert_eq!(all()[1]["listeners"], 0);
    assert_eq!(all().len(), 2);
}
