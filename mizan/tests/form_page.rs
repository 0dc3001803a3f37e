//! Forms without JavaScript: what a page that is posted to does, and what bad input gets.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

#[path = "support/served.rs"]
mod served;
mod support;
#[path = "support/users.rs"]
mod users;

use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{Request, header},
    routing::post as post_route,
};
use leptos::{config::LeptosOptions, prelude::*};
use leptos_router::{
    SsrMode,
    components::{Route, Router as Routed, Routes},
    path,
};
use mizan::{
    __private::{FORM, KEY, Posted, action, key, posted},
    Error, Mizan,
    form::Report,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use served::Served;
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};
use support::{Answer, building, get, options, send};
use users::{Account, Accounts, session_of};

/// What was submitted.
#[derive(Clone, Default)]
struct Letters(Arc<Mutex<Vec<String>>>);

impl Letters {
    fn add(letter: &str) {
        let Self(letters) = mizan::state();
        letters.lock().unwrap().push(letter.to_owned());
    }

    fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

#[mizan::context(live)]
struct InboxContext {
    to: String,
}

#[mizan::client(context = InboxContext)]
async fn inbox(to: String) -> mizan::Result<String> {
    let letters: Letters = mizan::state();
    Ok(format!("{} for {to}", letters.count()))
}

#[mizan::choices]
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
enum Topic {
    Praise,
    #[choice(value = "bug")]
    Complaint,
}

#[mizan::form]
struct ItemForm {
    #[field(length(max = 20))]
    text: String,
    #[field(widget = "password")]
    code: Option<String>,
}

#[mizan::form]
struct ContactForm {
    #[field(length(max = 100))]
    name: String,
    #[field(email)]
    email: String,
    #[field(widget = "password")]
    password: Option<String>,
    #[field(widget = "textarea", length(max = 2000))]
    message: String,
    topic: Option<Topic>,
    tags: Vec<Topic>,
    #[field(widget = "hidden", default = 1)]
    version: u32,
    #[field(length(max = 5))]
    items: Vec<ItemForm>,
}

#[mizan::form_handler(affects = InboxContext(to = name))]
impl FormHandler for ContactForm {
    type Output = String;

    async fn check(&self, report: &mut Report) -> mizan::Result<()> {
        tokio::task::yield_now().await;
        if self.email == "taken@example.com" {
            report.field("email", "is taken");
        }
        if self.version != 1 {
            report.form("the form has changed: load the page again");
        }
        Ok(())
    }

    async fn submit(self) -> mizan::Result<String> {
        mizan::cookies().set(("tried", "yes"));
        mizan::session().insert("name", &self.name).await?;
        match &*self.message {
            "nobody" => return Err(Error::not_found("there is nobody of that name")),
            "redirect and fail" => {
                mizan::redirect("/elsewhere");
                return Err(Error::conflict("not now"));
            }
            "redirect" => mizan::redirect("/thanks?for=this"),
            "panic" => panic!("a secret panic text"),
            _ => {}
        }
        Letters::add(&self.message);
        Ok(self.message)
    }
}

macro_rules! notes {
    ($($form:ident ($($option:tt)*);)*) => {
        $(
            #[mizan::form]
            struct $form {
                text: String,
            }

            #[mizan::form_handler($($option)*)]
            impl FormHandler for $form {
                type Output = ();

                async fn submit(self) -> mizan::Result<()> {
                    Letters::add(&self.text);
                    Ok(())
                }
            }
        )*
    };
}

notes! {
    MemberForm (auth);
    StaffForm (auth = "staff");
    SeldomForm (rate = "2/day");
}

#[mizan::form]
struct NameForm {
    name: String,
    then: Option<String>,
}

#[mizan::form_handler]
impl FormHandler for NameForm {
    type Output = ();

    async fn submit(self) -> mizan::Result<()> {
        let account = mizan::auth::authenticate::<Accounts>(self.name).await?;
        let account = account.ok_or_else(|| Error::validation("nobody has that name"))?;
        mizan::auth::login(&account).await?;
        match self.then {
            Some(then) => Err(Error::conflict(then)),
            None => Ok(()),
        }
    }
}

/// What a page may do that a form is on.
#[mizan::client(auth)]
async fn secret() -> mizan::Result<String> {
    tokio::task::yield_now().await;
    let account = mizan::current_user::<Account>().await?;
    Ok(format!(
        "for {}",
        account.map(|account| account.name).unwrap_or_default()
    ))
}

#[mizan::client(context = "global")]
async fn greeting() -> mizan::Result<String> {
    tokio::task::yield_now().await;
    let account = mizan::current_user::<Account>().await?;
    let name = account.map_or_else(|| "visitor".to_owned(), |account| account.name);
    let tried = mizan::cookies().get("tried").is_some();
    Ok(format!("Hello {name}, tried {tried}"))
}

#[component]
fn App() -> impl IntoView {
    view! {
        <Routed>
            <Routes fallback=Nowhere>
                <Route path=path!("/contact") view=Contact ssr=SsrMode::Async/>
                <Route path=path!("/streamed") view=Contact ssr=SsrMode::OutOfOrder/>
                <Route path=path!("/in-order/:to") view=Contact ssr=SsrMode::InOrder/>
                <Route path=path!("/blocked") view=Contact ssr=SsrMode::PartiallyBlocked/>
                <Route path=path!("/notes") view=Notes/>
                <Route path=path!("/thanks") view=|| view! { <p>"Thanks"</p><Shown name="contact"/> }/>
                <Route path=path!("/shared") view=Contact/>
                <Route path=path!("/own") view=Contact/>
                <Route path=path!("/panic") view=Panics/>
                <Route path=path!("/moved") view=Moved ssr=SsrMode::Async/>
            </Routes>
        </Routed>
    }
}

#[component]
fn Nowhere() -> impl IntoView {
    view! { <p>"no such page"</p><Shown name="contact"/> }
}

#[component]
fn Contact() -> impl IntoView {
    let secret = Resource::new(|| (), |()| secret());
    let greeting = use_greeting();
    let inbox = || view! { <Inbox/> };
    view! {
        <Shown name="contact"/>
        <Suspense>
            <p id="greeting">{move || greeting.get()}</p>
            <ErrorBoundary fallback=|errors| view! { <p id="secret">{move || said(&errors.get())}</p> }>
                <p id="secret">{move || secret.get()}</p>
            </ErrorBoundary>
        </Suspense>
        <InboxContextProvider to="Ada">{inbox()}</InboxContextProvider>
    }
}

fn said(errors: &Errors) -> String {
    errors.iter().map(|(_, error)| error.to_string()).collect()
}

#[component]
fn Inbox() -> impl IntoView {
    let inbox = use_inbox();
    view! { <Suspense><p id="inbox">{move || inbox.get()}</p></Suspense> }
}

#[component]
fn Notes() -> impl IntoView {
    ["member", "staff", "seldom", "name"].map(|name| view! { <Shown name/> })
}

#[component]
fn Panics() -> impl IntoView {
    assert!(posted("contact").is_none(), "a secret panic text");
}

#[component]
fn Moved() -> impl IntoView {
    if posted("contact").is_some() {
        mizan::redirect("/thanks");
    }
}

/// A form as far as it matters here: what it was sent, and what came of it.
#[component]
fn Shown(name: &'static str) -> impl IntoView {
    let Posted {
        pairs,
        report,
        error,
        done,
        ..
    } = posted(name).unwrap_or_default();
    let fields = report
        .fields()
        .clone()
        .into_iter()
        .map(|(field, messages)| {
            view! { <p class="wrong">{format!("{field}: {}", messages.join("; "))}</p> }
        });
    view! {
        <form method="post" action=action(name) id=name>
            <input type="hidden" name=FORM value=name/>
            <input type="hidden" name=KEY value=key()/>
            {pairs.into_iter().map(|(name, value)| view! { <input name=name value=value/> }).collect_view()}
            {fields.collect_view()}
            <p role="alert">{report.of_form().join("; ")} {error.map(|error| error.to_string())}</p>
            <p role="status">{done.then_some("It was sent")}</p>
        </form>
    }
}

fn shell(_: LeptosOptions) -> impl IntoView {
    view! { <!DOCTYPE html><html lang="en"><head></head><body><App/></body></html> }
}

#[mizan::client(route = "/shared", methods = [POST])]
async fn shared() -> String {
    "a route".to_owned()
}

fn site() -> (Router, Letters) {
    let letters = Letters::default();
    let app = Mizan::new(options())
        .users(Accounts::new())
        .provide(letters.clone());
    let own = Router::new().route("/own", post_route(async || "the application's own"));
    (building(|| app.router(App, shell)).merge(own), letters)
}

const FORM_TYPE: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// What a browser says beside.
const BROWSER: [(&str, &str); 4] = [
    FORM_TYPE,
    ("accept", "text/html,application/xhtml+xml,*/*;q=0.8"),
    ("origin", "http://localhost"),
    ("host", "localhost"),
];

fn request(path: &str, body: impl Into<Body>, headers: &[(&str, &str)]) -> Request<Body> {
    let mut request = Request::post(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let address = SocketAddr::from(([192, 0, 2, 1], 1));
    request
        .extension(ConnectInfo(address))
        .body(body.into())
        .unwrap()
}

async fn post(app: &Router, path: &str, body: &str) -> Answer {
    send(app, request(path, body.to_owned(), &BROWSER)).await
}

async fn post_as(app: &Router, path: &str, body: &str, cookie: &str) -> Answer {
    let headers = [&BROWSER[..], &[("cookie", cookie)]].concat();
    send(app, request(path, body.to_owned(), &headers)).await
}

async fn get_as(app: &Router, path: &str, cookie: &str) -> Answer {
    let request = Request::get(path).header(header::COOKIE, cookie);
    send(app, request.body(Body::empty()).unwrap()).await
}

/// A letter that is in order.
const LETTER: &str =
    "mizan-form=contact&mizan-key=k1&name=Ada&email=ada%40example.com&message=Hello&version=1";

/// The same with something else in place of a field.
fn letter(name: &str, value: &str) -> String {
    let value: String = form_urlencoded(value);
    let pairs = LETTER
        .split('&')
        .filter(|pair| !pair.starts_with(&format!("{name}=")));
    let pairs: Vec<_> = pairs.collect();
    format!("{}&{name}={value}", pairs.join("&"))
}

fn form_urlencoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

/// The cookies that an answer sets, by their names.
fn set_cookies(answer: &Answer) -> Vec<(String, String)> {
    let lines = answer.headers.get_all(header::SET_COOKIE).iter();
    let pairs = lines.map(|line| {
        let (name, rest) = line.to_str().unwrap().split_once('=').unwrap();
        (name.to_owned(), rest.to_owned())
    });
    pairs.collect()
}

fn set_cookie(answer: &Answer, name: &str) -> Option<String> {
    let mut cookies = set_cookies(answer).into_iter();
    let found = cookies
        .find(|(known, _)| known == name)
        .map(|(_, rest)| rest);
    assert!(cookies.all(|(other, _)| other != name), "two of {name}");
    found
}

/// What the page carries of the form.
fn carried(html: &str) -> Value {
    const START: &str = "__RESOLVED_RESOURCES[1073741823] = ";
    let Some(at) = html.find(START) else {
        return Value::Null;
    };
    let script = &html[at + START.len()..];
    let literal = &script[..script.find("\";").unwrap() + 1];
    let text: String = serde_json::from_str(&literal.replace("\\'", "'")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn shows(page: &Answer, text: &str) -> bool {
    page.text.replace("<!>", "").contains(text)
}

#[tokio::test]
async fn a_form_that_is_taken_sends_the_browser_back_to_its_page() {
    let (app, letters) = site();
    for path in [
        "/contact",
        "/streamed?to=ada",
        "/in-order/ada?x=%2F",
        "/blocked",
    ] {
        let answer = post(&app, path, &letter("mizan-key", path)).await;
        assert_eq!(answer.status, 303, "{path}: {}", answer.text);
        assert_eq!(answer.header(header::LOCATION), path);
        assert_eq!(answer.header(header::CACHE_CONTROL), "no-store");
        assert_eq!(answer.header("mizan-invalidate"), r#"inbox;to="Ada""#);
        assert_eq!(answer.header(header::X_CONTENT_TYPE_OPTIONS), "nosniff");
        assert_eq!(answer.text, "");
        assert!(set_cookie(&answer, "tried").unwrap().starts_with("yes"));
        assert!(set_cookie(&answer, "session").is_some());
        assert_eq!(letters.take(), ["Hello"], "{path}");
        // Loading the page again asks for it only
        assert_eq!(get(&app, path).await.status, 200);
        assert_eq!(letters.count(), 0);
    }
}

#[tokio::test]
async fn that_it_was_taken_is_told_to_the_next_page_once() {
    let (app, _) = site();
    let answer = post(&app, "/contact", LETTER).await;
    let cookie = set_cookie(&answer, "mizan-done").unwrap();
    let expected = "contact; HttpOnly; SameSite=Lax; Path=/; Max-Age=60";
    assert_eq!(cookie, expected);
    for path in ["/contact", "/streamed", "/in-order/ada", "/nowhere"] {
        let page = get_as(&app, path, "mizan-done=contact").await;
        assert!(shows(&page, "It was sent"), "{path}: {}", page.text);
        assert_eq!(
            carried(&page.text),
            json!({ "form": "contact", "pairs": [] })
        );
        assert_eq!(page.header(header::CACHE_CONTROL), "no-store");
        let removal = set_cookie(&page, "mizan-done").unwrap();
        assert!(removal.contains("Max-Age=0"), "{removal}");
    }
    let page = get(&app, "/contact").await;
    assert!(!shows(&page, "It was sent"));
    assert_eq!(page.header(header::CACHE_CONTROL), "private, no-cache");
    assert_eq!(carried(&page.text), Value::Null);
    // Nor of a form that there is not, nor on a page of another one
    let page = get_as(&app, "/contact", "mizan-done=<script>").await;
    assert_eq!(
        (set_cookie(&page, "mizan-done"), carried(&page.text)),
        (None, Value::Null)
    );
    let page = get_as(&app, "/notes", "mizan-done=contact").await;
    assert!(!shows(&page, "It was sent"));
}

#[tokio::test]
async fn a_form_that_is_sent_twice_runs_once() {
    let (app, letters) = site();
    let one = request("/contact", LETTER, &BROWSER);
    let two = request("/contact", LETTER, &BROWSER);
    let (one, two) = tokio::join!(send(&app, one), send(&app, two));
    let three = post(&app, "/contact", LETTER).await;
    for answer in [one, two, three] {
        assert_eq!(answer.status, 303);
        assert_eq!(answer.header(header::LOCATION), "/contact");
        assert!(set_cookie(&answer, "mizan-done").is_some());
    }
    assert_eq!(letters.take(), ["Hello"]);
    // Who goes back and writes another letter sends the same key
    assert_eq!(
        post(&app, "/contact", &letter("message", "Again"))
            .await
            .status,
        303
    );
    assert_eq!(
        post(&app, "/contact", &letter("mizan-key", "k2"))
            .await
            .status,
        303
    );
    let without = LETTER.replace("mizan-key=k1&", "");
    for _ in 0..2 {
        assert_eq!(post(&app, "/contact", &without).await.status, 303);
    }
    assert_eq!(letters.take(), ["Again", "Hello", "Hello", "Hello"]);
    // What failed is tried again
    let bad = letter("email", "taken@example.com");
    for _ in 0..2 {
        assert_eq!(post(&app, "/contact", &bad).await.status, 422);
    }
}

#[tokio::test]
async fn whoever_goes_away_has_sent_it_all_the_same() {
    let (app, letters) = site();
    let sending = tokio::spawn(async move { post(&app, "/contact", LETTER).await });
    tokio::task::yield_now().await;
    sending.abort();
    let arrived = async {
        while letters.count() == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), arrived)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_form_that_fails_comes_back_as_it_was_filled_in() {
    let (app, letters) = site();
    let body = letter("email", "nothing")
        + "&password=hunter2&items.0.text=one&items.0.code=1234&tags=bug&tags=praise";
    for path in [
        "/contact",
        "/streamed",
        "/in-order/ada",
        "/blocked",
        "/nowhere",
    ] {
        let page = post(&app, path, &body).await;
        assert_eq!(page.status, 422, "{path}");
        assert!(
            page.header(header::CONTENT_TYPE).starts_with("text/html"),
            "{path}"
        );
        assert_eq!(page.header(header::CACHE_CONTROL), "no-store");
        assert_ne!(page.header(header::CONTENT_SECURITY_POLICY), "");
        assert!(
            shows(&page, "email: must be an e-mail address"),
            "{path}: {}",
            page.text
        );
        for value in [
            r#"name="name" value="Ada""#,
            r#"name="email" value="nothing""#,
            r#"name="items.0.text" value="one""#,
            r#"name="tags" value="bug""#,
            r#"name="tags" value="praise""#,
        ] {
            assert!(shows(&page, value), "{path}: {value}");
        }
        assert!(
            !page.text.contains("hunter2") && !page.text.contains("1234"),
            "{path}"
        );
        let expected = json!({
            "form": "contact",
            "pairs": [
                "name", "Ada", "message", "Hello", "version", "1", "email", "nothing",
                "items.0.text", "one", "tags", "bug", "tags", "praise",
            ],
            "error": {
                "code": "VALIDATION_ERROR",
                "message": "`email`: must be an e-mail address",
                "details": { "fields": { "email": ["must be an e-mail address"] } },
            },
        });
        assert_eq!(carried(&page.text), expected, "{path}");
    }
    assert_eq!(letters.count(), 0);
}

#[tokio::test]
async fn the_server_s_own_rules_and_errors_come_back_too() {
    let (app, letters) = site();
    for (field, value, status, text) in [
        ("email", "taken@example.com", 422, "email: is taken"),
        (
            "version",
            "2",
            422,
            "the form has changed: load the page again",
        ),
        ("message", "nobody", 404, "there is nobody of that name"),
        ("message", "redirect and fail", 409, "not now"),
        (
            "message",
            "panic",
            500,
            "something went wrong on the server",
        ),
    ] {
        let page = post(&app, "/contact", &letter(field, value)).await;
        assert_eq!(page.status, status, "{value}");
        assert!(shows(&page, text), "{value}: {}", page.text);
        assert!(shows(&page, r#"name="name" value="Ada""#), "{value}");
        assert!(!page.text.contains("secret panic"), "{value}");
        assert_eq!(page.header(header::LOCATION), "", "{value}");
        assert_eq!(page.header("mizan-invalidate"), "", "{value}");
        assert_eq!(set_cookie(&page, "mizan-done"), None);
        // What was said of the answer before is said with the page, and seen by it
        let has_tried = field == "message";
        assert_eq!(set_cookie(&page, "tried").is_some(), has_tried, "{value}");
        assert!(shows(&page, &format!("tried {has_tried}")), "{value}");
        let keeps = has_tried && status < 500;
        assert_eq!(set_cookie(&page, "session").is_some(), keeps, "{value}");
    }
    assert_eq!(letters.count(), 0);
}

#[tokio::test]
async fn html_in_every_value_is_text() {
    let (app, _) = site();
    let html = r#"</script><img src=x onerror="alert(1)"><!--&lt;'"#;
    let body = format!(
        "mizan-form=contact&<b>={0}&name={0}&email={0}&message={0}&version={0}&topic={0}&tags={0}&items.0.text={0}&items.0.{0}={0}",
        form_urlencoded(html)
    );
    for path in ["/contact", "/streamed", "/in-order/ada", "/nowhere"] {
        let page = post(&app, path, &body).await;
        assert_eq!(page.status, 422);
        assert!(!page.text.contains("<img"), "{path}: {}", page.text);
        assert!(!page.text.contains("</script><img"), "{path}");
        assert!(!page.text.contains("<b>"), "{path}");
        let value = r#"value="&lt;/script&gt;&lt;img src=x onerror=&quot;alert(1)&quot;&gt;&lt;!--&amp;lt;'""#;
        assert_eq!(page.text.matches(value).count(), 7, "{path}: {}", page.text);
        let pairs = carried(&page.text)["pairs"].clone();
        assert_eq!((&pairs[0], &pairs[1]), (&json!("name"), &json!(html)));
    }
}

#[tokio::test]
async fn bad_fields_are_named() {
    let (app, letters) = site();
    let long = "x".repeat(101);
    for (body, message) in [
        (
            letter("version", "-1"),
            "version: must be a whole number from 0 to 4294967295",
        ),
        (letter("version", ""), "version: is required"),
        (letter("topic", "spam"), "topic: is not one of the choices"),
        (letter("tags", "spam"), "tags: is not one of the choices"),
        (
            letter("name", &long),
            "name: must have at most 100 characters",
        ),
        (letter("message", ""), "message: is required"),
        (
            letter("message", &"x".repeat(2001)),
            "message: must have at most 2000 characters",
        ),
        (
            format!("{LETTER}&name=Bob"),
            "name: is given more than once",
        ),
        (
            format!("{LETTER}&is_admin=on"),
            "is_admin: is not a field of this form",
        ),
        (
            format!("{LETTER}&items.0.by=x"),
            "items.0.by: is not a field of this form",
        ),
        (
            format!("{LETTER}&items.x.text=x"),
            "items.x: is not a field of this form",
        ),
        (
            format!("{LETTER}&name.first=x"),
            "name.first: is given as a value and as a group",
        ),
    ] {
        let page = post(&app, "/contact", &body).await;
        assert_eq!(page.status, 422, "{message}");
        assert!(shows(&page, message), "{message}: {}", page.text);
        assert!(
            !shows(&page, r#"name="is_admin""#),
            "what is no field does not come back"
        );
    }
    let rows: String = (0..10_000)
        .map(|row| format!("&items.{row}.text=x"))
        .collect();
    let page = post(&app, "/contact", &format!("{LETTER}{rows}")).await;
    assert_eq!(page.status, 422);
    assert!(
        shows(&page, "the form has more than 1000 values"),
        "{}",
        page.text
    );
    assert!(page.text.matches("<input").count() < 1100);
    let nothing = post(&app, "/contact", "mizan-form=contact").await;
    for name in ["name", "email", "message", "version"] {
        assert!(
            shows(&nothing, &format!("{name}: is required")),
            "{}",
            nothing.text
        );
    }
    assert_eq!(letters.count(), 0);
}

#[tokio::test]
async fn a_post_that_is_none_of_a_form_is_an_error() {
    let (app, letters) = site();
    let huge = letter("message", &"x".repeat(1024 * 1024));
    let multipart = "multipart/form-data; boundary=x";
    let latin = "application/x-www-form-urlencoded; charset=latin1";
    for (what, content_type, body, status, code) in [
        (
            "no form",
            FORM_TYPE.1,
            "name=Ada",
            405,
            "METHOD_NOT_ALLOWED",
        ),
        ("nothing", FORM_TYPE.1, "", 405, "METHOD_NOT_ALLOWED"),
        (
            "an unknown form",
            FORM_TYPE.1,
            "mizan-form=other",
            404,
            "NOT_FOUND",
        ),
        (
            "an endpoint",
            FORM_TYPE.1,
            "mizan-form=contact.submit",
            404,
            "NOT_FOUND",
        ),
        (
            "two forms",
            FORM_TYPE.1,
            "mizan-form=contact&mizan-form=name",
            422,
            "VALIDATION_ERROR",
        ),
        (
            "two keys",
            FORM_TYPE.1,
            &format!("{LETTER}&mizan-key=x"),
            422,
            "VALIDATION_ERROR",
        ),
        (
            "not UTF-8",
            FORM_TYPE.1,
            &format!("{LETTER}&name=%ff"),
            400,
            "BAD_REQUEST",
        ),
        ("too large", FORM_TYPE.1, &huge, 413, "PAYLOAD_TOO_LARGE"),
        (
            "JSON",
            "application/json",
            "{}",
            415,
            "UNSUPPORTED_MEDIA_TYPE",
        ),
        (
            "multipart",
            multipart,
            "--x--",
            415,
            "UNSUPPORTED_MEDIA_TYPE",
        ),
        ("text", "text/plain", LETTER, 415, "UNSUPPORTED_MEDIA_TYPE"),
        (
            "another charset",
            latin,
            LETTER,
            415,
            "UNSUPPORTED_MEDIA_TYPE",
        ),
    ] {
        for path in ["/contact", "/nowhere"] {
            let request = request(path, body.to_owned(), &[("content-type", content_type)]);
            let answer = send(&app, request).await;
            assert_eq!(
                (answer.status.as_u16(), answer.code().as_str()),
                (status, code),
                "{what}"
            );
            let allowed = if status == 405 {
                "GET, HEAD"
            } else {
                answer.header(header::ALLOW)
            };
            assert_eq!(answer.header(header::ALLOW), allowed);
        }
    }
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        let request = Request::builder().method(method).uri("/contact");
        let answer = send(&app, request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, 405, "{method}");
        assert_eq!(answer.header(header::ALLOW), "GET, HEAD");
    }
    assert_eq!(letters.count(), 0);
}

#[tokio::test]
async fn other_sites_post_nothing() {
    let (app, letters) = site();
    for headers in [
        [
            FORM_TYPE,
            ("host", "localhost"),
            ("sec-fetch-site", "cross-site"),
        ],
        [
            FORM_TYPE,
            ("host", "localhost"),
            ("sec-fetch-site", "same-site"),
        ],
        [
            FORM_TYPE,
            ("host", "localhost"),
            ("origin", "https://evil.example"),
        ],
        [FORM_TYPE, ("host", "localhost"), ("origin", "null")],
    ] {
        for path in ["/contact", "/nowhere"] {
            let answer = send(&app, request(path, LETTER, &headers)).await;
            assert_eq!(
                (answer.status.as_u16(), answer.code().as_str()),
                (403, "FORBIDDEN")
            );
            assert!(!answer.headers.contains_key(header::SET_COOKIE));
        }
    }
    assert_eq!(letters.count(), 0);
    // Nor is a page of another site where one is sent
    for path in [
        "//evil.example/",
        "//evil.example/%2e%2e",
        "/\\evil.example",
    ] {
        let answer = post(&app, path, &letter("mizan-key", path)).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header(header::LOCATION)),
            (303, "/"),
            "{path}"
        );
        let page = post(&app, path, &letter("email", "x")).await;
        assert!(shows(&page, r##"action="/#contact""##), "{}", page.text);
    }
}

#[tokio::test]
async fn guards_hold() {
    let (app, letters) = site();
    let (user, staff) = (
        session_of(&app, "user").await,
        session_of(&app, "staff").await,
    );
    for (form, cookie, status) in [
        ("member", "", 401),
        ("member", &*user, 303),
        ("staff", "", 401),
        ("staff", &*user, 403),
        ("staff", &*staff, 303),
        // Who may not gets no word on what they have filled in
        ("staff&text=&other=x", &*user, 403),
    ] {
        let body = format!("mizan-form={form}&text=Note");
        let answer = post_as(&app, "/notes", &body, cookie).await;
        assert_eq!(answer.status, status, "{form} {cookie}");
        assert_eq!(
            letters.take().len(),
            usize::from(status == 303),
            "{form} {cookie}"
        );
        assert!(!shows(&answer, "wrong"), "{}", answer.text);
        if status != 303 {
            assert!(shows(&answer, r#"name="text" value="Note""#));
            assert_ne!(carried(&answer.text)["error"]["code"], "VALIDATION_ERROR");
        }
    }
}

#[tokio::test]
async fn what_a_form_was_let_in_for_lets_nothing_else_in() {
    let (app, _) = site();
    let user = session_of(&app, "user").await;
    // Nothing of the form runs: it can't be read. The page calls what is for members only
    for path in ["/contact", "/streamed", "/in-order/ada", "/blocked"] {
        let page = post(&app, path, "mizan-form=contact").await;
        assert_eq!(page.status, 422);
        assert!(shows(&page, "sign in first"), "{path}: {}", page.text);
        assert!(!shows(&page, "for user"), "{path}");
        let page = post_as(&app, path, "mizan-form=contact", &user).await;
        assert!(shows(&page, "for user"), "{path}: {}", page.text);
    }
}

#[tokio::test]
async fn a_form_that_is_sent_too_often_waits() {
    let (app, letters) = site();
    for status in [303, 303, 429] {
        let answer = post(&app, "/notes", "mizan-form=seldom&text=Note").await;
        assert_eq!(answer.status, status);
        assert_eq!(
            answer.headers.contains_key(header::RETRY_AFTER),
            status == 429
        );
        if status == 429 {
            assert!(shows(&answer, "too many requests"), "{}", answer.text);
            assert!(shows(&answer, r#"value="Note""#));
        }
    }
    assert_eq!(letters.take().len(), 2);
}

#[tokio::test]
async fn a_form_signs_in() {
    let (app, _) = site();
    let answer = post(&app, "/notes", "mizan-form=name&name=staff").await;
    assert_eq!(answer.status, 303);
    let session = set_cookie(&answer, "session").unwrap();
    let session = format!("session={}", session.split(';').next().unwrap());
    let page = get_as(&app, "/contact", &session).await;
    assert!(
        shows(&page, "Hello staff") && shows(&page, "for staff"),
        "{}",
        page.text
    );
    let page = post(&app, "/notes", "mizan-form=name&name=nobody").await;
    assert_eq!(
        (page.status.as_u16(), set_cookie(&page, "session")),
        (422, None)
    );
    assert!(shows(&page, "nobody has that name"));
    // Whoever they are by then, the page is theirs
    let page = post(&app, "/contact", "mizan-form=name&name=user&then=later").await;
    assert_eq!(page.status, 409);
    assert!(
        shows(&page, "Hello user") && shows(&page, "for user"),
        "{}",
        page.text
    );
    assert!(set_cookie(&page, "session").is_some());
}

#[tokio::test]
async fn a_handler_says_where_to_go() {
    let (app, letters) = site();
    let answer = post(&app, "/contact", &letter("message", "redirect")).await;
    assert_eq!(answer.status, 303);
    assert_eq!(answer.header(header::LOCATION), "/thanks?for=this");
    assert!(!answer.headers.contains_key("serverfnredirect"));
    assert_eq!(letters.take(), ["redirect"]);
    let page = get_as(&app, "/thanks", "mizan-done=contact").await;
    assert!(shows(&page, "Thanks") && shows(&page, "It was sent"));
    // So does a page that is rendered for a form that failed
    let page = post(&app, "/moved", &letter("email", "x")).await;
    assert_eq!(
        (page.status.as_u16(), page.header(header::LOCATION)),
        (302, "/thanks")
    );
    let page = post(&app, "/panic", &letter("email", "x")).await;
    assert_eq!(page.status, 500);
    assert!(!page.text.contains("secret"));
}

#[tokio::test]
async fn the_application_s_own_handlers_come_first() {
    let (app, letters) = site();
    assert_eq!(
        post(&app, "/own", LETTER).await.text,
        "the application's own"
    );
    assert_eq!(post(&app, "/shared", "").await.text, "a route");
    assert_eq!(letters.count(), 0);
    for path in ["/own", "/shared"] {
        assert_eq!(get(&app, path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn what_it_makes_stale_is_told() {
    let (app, _) = site();
    let served = Served::start(app.clone()).await;
    let read = || async { get(&app, "/api/mizan/ctx/inbox?to=Ada").await.json() };
    let followed = async {
        while read().await["version"].is_null() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), followed)
        .await
        .unwrap();
    let before = read().await;
    assert_eq!(before["data"]["inbox"], "0 for Ada");
    let mut reader = served.connect("").await;
    let mount = json!({
        "op": "mount", "contexts": [r#"inbox;to="Ada""#], "versions": [before["version"]],
    });
    reader.send(mount).await;
    assert_eq!(reader.next().await["op"], "mounted");
    // A form that fails ends nothing
    assert_eq!(
        post(&app, "/contact", &letter("email", "x")).await.status,
        422
    );
    assert_eq!(post(&app, "/contact", LETTER).await.status, 303);
    let told = reader.next().await;
    assert_eq!(
        (&told["op"], &told["contexts"]),
        (&json!("invalidate"), &json!([r#"inbox;to="Ada""#]))
    );
    assert_eq!(read().await["data"]["inbox"], "1 for Ada");
    assert!(shows(&get(&app, "/contact").await, "1 for Ada"));
    drop(reader);
    served.stop().await;
}

/// A page that waits for something is rendered after a post as it is without one, on all threads.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_page_that_waits_is_rendered_after_a_post_too() {
    let (app, _) = site();
    let user = session_of(&app, "user").await;
    let bad = letter("email", "x");
    for round in 0..50 {
        for path in ["/contact", "/streamed", "/in-order/ada", "/blocked"] {
            for cookie in ["", &*user] {
                let work = post_as(&app, path, &bad, cookie);
                let page = tokio::time::timeout(Duration::from_secs(5), work).await;
                let page = page.unwrap_or_else(|_| panic!("{path} hangs in round {round}"));
                assert_eq!(page.status, 422, "{path}: {}", page.text);
                assert!(shows(&page, "Hello"), "{path}: {}", page.text);
                let work = get_as(&app, path, cookie);
                let page = tokio::time::timeout(Duration::from_secs(5), work).await;
                let page = page.unwrap_or_else(|_| panic!("{path} hangs in round {round}"));
                assert_eq!(page.status, 200);
            }
        }
    }
}
