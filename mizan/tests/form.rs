//! Forms over HTTP: what they are asked, what they answer, and what bad input gets.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod support;

use axum::{
    Router,
    body::Body,
    http::{Request, header},
};
use mizan::{Error, Mizan, form::Report};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use support::{Answer, call, call_as, options, send};

/// What was submitted.
#[derive(Clone, Default)]
struct Letters(Arc<Mutex<Vec<String>>>);

impl Letters {
    fn add(&self, letter: String) {
        self.0.lock().unwrap().push(letter);
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

#[mizan::context]
struct InboxContext {
    to: String,
}

#[mizan::client(context = InboxContext)]
async fn inbox(to: String) -> mizan::Result<String> {
    let letters: Letters = mizan::state();
    let letters = letters.0.lock().unwrap();
    Ok(format!("{} for {to}", letters.len()))
}

#[mizan::choices]
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
enum Topic {
    Praise,
    #[choice(label = "Something is wrong", value = "bug")]
    Complaint,
}

#[mizan::form]
struct ItemForm {
    #[field(length(max = 20))]
    text: String,
    done: bool,
}

#[mizan::form(title = "Contact us", submit_label = "Send", live_validation)]
struct ContactForm {
    #[field(length(max = 100), help = "As we are to call you")]
    name: String,
    #[field(email)]
    email: String,
    #[field(widget = "textarea", length(min = 3))]
    message: String,
    #[field(range(min = 0, max = 150))]
    age: Option<u8>,
    topic: Option<Topic>,
    tags: Vec<Topic>,
    #[field(widget = "hidden", default = 1)]
    version: u32,
    #[field(length(max = 5))]
    items: Vec<ItemForm>,
}

#[derive(Serialize, Deserialize)]
struct Sent {
    message: String,
    items: Vec<String>,
}

#[mizan::form_handler(affects = InboxContext(to = name))]
impl FormHandler for ContactForm {
    type Output = Sent;

    async fn check(&self, report: &mut Report) -> mizan::Result<()> {
        tokio::task::yield_now().await;
        if self.email == "taken@example.com" {
            report.field("email", "is taken");
        }
        if self.version != 1 {
            report.form("the form has changed: load the page again");
        }
        assert!(self.name != "panic", "a secret panic text");
        Ok(())
    }

    async fn submit(self) -> mizan::Result<Sent> {
        if self.name == "nobody" {
            return Err(Error::not_found("there is nobody of that name"));
        }
        let letters: Letters = mizan::state();
        letters.add(self.message.clone());
        Ok(Sent {
            message: self.message,
            items: self.items.into_iter().map(|item| item.text).collect(),
        })
    }
}

#[mizan::client(context = "global")]
async fn motto() -> mizan::Result<String> {
    Ok("none".to_owned())
}

#[mizan::form(name = "motto_of_all")]
struct MottoForm {
    text: String,
}

#[mizan::form_handler(merge = motto, rate = "2/day")]
impl FormHandler for MottoForm {
    type Output = String;

    async fn submit(self) -> mizan::Result<String> {
        Ok(self.text)
    }
}

fn app() -> (Router, Letters) {
    let letters = Letters::default();
    let app = Mizan::new(options()).provide(letters.clone());
    (app.api().unwrap(), letters)
}

/// A letter that is in order, with something else about it.
fn letter(change: Value) -> String {
    let mut letter = json!({
        "name": "Ada", "email": "ada@example.com", "message": "Hello", "version": 1,
    });
    let fields = letter.as_object_mut().unwrap();
    fields.extend(change.as_object().unwrap().clone());
    letter.to_string()
}

const FORM: &str = "application/x-www-form-urlencoded";

/// The same letter as a browser's own form sends it.
const LETTER: &str = "name=Ada&email=ada%40example.com&message=Hello&version=1";

fn fields(answer: &Answer) -> Value {
    answer.json()["error"]["details"]["fields"].clone()
}

#[tokio::test]
async fn a_form_is_taken_in_either_encoding() {
    let (app, letters) = app();
    let body = letter(json!({ "items": [{ "text": "one" }, { "text": "two", "done": true }] }));
    let answer = call(&app, "contact.submit", body).await;
    assert_eq!(
        answer.json(),
        json!({
            "result": { "message": "Hello", "items": ["one", "two"] },
            "invalidate": [{ "context": "inbox", "params": { "to": "Ada" } }],
        })
    );
    assert_eq!(answer.header(header::CACHE_CONTROL), "no-store");
    let rows = "&items.0.text=one&items.0.done=on&items.7.text=two&topic=&tags=bug&tags=praise";
    let answer = call_as(&app, "contact.submit", FORM, format!("{LETTER}{rows}")).await;
    assert_eq!(answer.json()["result"]["items"], json!(["one", "two"]));
    assert_eq!(letters.take(), ["Hello", "Hello"]);
}

#[tokio::test]
async fn what_it_made_stale_comes_with_the_answer() {
    let (app, _) = app();
    let request = Request::post("/api/mizan/call/contact.submit")
        .header(header::CONTENT_TYPE, "application/json")
        .header("mizan-mounted", r#"inbox;to="Ada", inbox;to="Bob""#);
    let request = request.body(Body::from(letter(json!({})))).unwrap();
    let answer = send(&app, request).await;
    assert_eq!(answer.header("mizan-invalidate"), r#"inbox;to="Ada""#);
    let refreshed = &answer.json()["refreshed"];
    assert_eq!(refreshed.as_array().unwrap().len(), 1);
    assert_eq!(refreshed[0]["data"]["inbox"], "1 for Ada");
    let answer = call(&app, "motto_of_all.submit", r#"{"text":"<b>"}"#).await;
    assert_eq!(answer.json()["merge"][0]["value"], "<b>");
}

#[tokio::test]
async fn a_form_that_fails_has_no_effects() {
    let (app, letters) = app();
    for (change, code) in [
        (json!({ "name": "nobody" }), "NOT_FOUND"),
        (json!({ "name": "panic" }), "INTERNAL_ERROR"),
        (json!({ "email": "taken@example.com" }), "VALIDATION_ERROR"),
        (json!({ "email": "nothing" }), "VALIDATION_ERROR"),
    ] {
        let answer = call(&app, "contact.submit", letter(change)).await;
        assert_eq!(answer.code(), code);
        assert!(answer.json().get("invalidate").is_none());
        assert!(!answer.text.contains("secret"));
    }
    assert_eq!(letters.take().len(), 0);
}

#[tokio::test]
async fn a_form_is_looked_at_without_being_taken() {
    let (app, letters) = app();
    let answer = call(&app, "contact.validate", letter(json!({}))).await;
    let expected = json!({ "result": { "valid": true, "fields": {}, "form": [] } });
    assert_eq!(answer.json(), expected);
    let change = json!({ "email": "taken@example.com", "version": 2 });
    let answer = call(&app, "contact.validate", letter(change)).await;
    let expected = json!({
        "valid": false,
        "fields": { "email": ["is taken"] },
        "form": ["the form has changed: load the page again"],
    });
    assert_eq!(answer.json()["result"], expected);
    // The server's own rules are for what is in order otherwise
    let change = json!({ "email": "taken@example.com", "message": "" });
    let answer = call(&app, "contact.validate", letter(change)).await;
    let expected = json!({ "message": ["is required"] });
    assert_eq!(answer.json()["result"]["fields"], expected);
    let answer = call_as(&app, "contact.validate", FORM, LETTER).await;
    assert_eq!(answer.json()["result"]["valid"], true);
    assert_eq!(letters.take().len(), 0);
}

#[tokio::test]
async fn a_form_says_what_it_consists_of() {
    let (app, _) = app();
    let schema = call(&app, "contact.schema", "{}").await.json()["result"].clone();
    assert_eq!(schema["name"], "contact");
    assert_eq!(
        (&schema["title"], &schema["submit_label"]),
        (&json!("Contact us"), &json!("Send"))
    );
    assert_eq!(schema["live_validation"], true);
    let fields = schema["fields"].as_array().unwrap();
    assert_eq!(
        fields[0],
        json!({
            "name": "name", "label": "Name", "help": "As we are to call you", "widget": "text",
            "required": true, "rules": [{ "rule": "length", "max": 100 }],
        })
    );
    assert_eq!(
        fields[4],
        json!({
            "name": "topic", "label": "Topic", "widget": "select", "required": false,
            "choices": [
                { "value": "praise", "label": "Praise" },
                { "value": "bug", "label": "Something is wrong" },
            ],
        })
    );
    assert_eq!(fields[7]["widget"], "rows");
    assert_eq!(fields[7]["fields"][1]["widget"], "checkbox");
    let answer = call(&app, "contact.schema", r#"{"name":"x"}"#).await;
    assert_eq!(answer.status, 422);
}

#[tokio::test]
async fn looking_is_counted_apart_and_more_often() {
    let (app, _) = app();
    for _ in 0..40 {
        assert_eq!(call(&app, "motto_of_all.validate", "{}").await.status, 200);
    }
    assert_eq!(call(&app, "motto_of_all.validate", "{}").await.status, 429);
    for status in [422, 200, 429] {
        let body = if status == 422 {
            "{}"
        } else {
            r#"{"text":"x"}"#
        };
        assert_eq!(call(&app, "motto_of_all.submit", body).await.status, status);
    }
    for _ in 0..100 {
        assert_eq!(call(&app, "motto_of_all.schema", "{}").await.status, 200);
    }
}

/// JSON, and what is said of which field.
#[tokio::test]
async fn bad_values_are_named() {
    let (app, letters) = app();
    let long = "x".repeat(101);
    for (change, field, message) in [
        (json!({ "name": null }), "name", "is required"),
        (json!({ "name": " \n" }), "name", "is required"),
        (json!({ "name": 1 }), "name", "must be a text"),
        (json!({ "name": true }), "name", "must be a text"),
        (json!({ "name": ["Ada"] }), "name", "must be a text"),
        (json!({ "name": { "x": 1 } }), "name", "must be a text"),
        (
            json!({ "name": long }),
            "name",
            "must have at most 100 characters",
        ),
        (json!({ "message": "a\0bc" }), "message", "must be a text"),
        (
            json!({ "age": 256 }),
            "age",
            "must be a whole number from 0 to 255",
        ),
        (
            json!({ "age": 1.0 }),
            "age",
            "must be a whole number from 0 to 255",
        ),
        (
            json!({ "age": "ten" }),
            "age",
            "must be a whole number from 0 to 255",
        ),
        (json!({ "age": 151 }), "age", "must be at most 150"),
        (
            json!({ "topic": "complaint" }),
            "topic",
            "is not one of the choices",
        ),
        (json!({ "topic": 0 }), "topic", "is not one of the choices"),
        (
            json!({ "tags": ["bug", "other"] }),
            "tags",
            "is not one of the choices",
        ),
        (
            json!({ "tags": ["bug", "bug"] }),
            "tags",
            "is given more than once",
        ),
        (
            json!({ "tags": { "0": "bug" } }),
            "tags",
            "must be a list of choices",
        ),
        (json!({ "version": "" }), "version", "is required"),
        (
            json!({ "version": -1 }),
            "version",
            "must be a whole number from 0 to 4294967295",
        ),
        (json!({ "items": "x" }), "items", "must be a list of groups"),
        (
            json!({ "items": ["x"] }),
            "items",
            "must be a list of groups",
        ),
        (
            json!({ "items": [{ "text": "a" }, {}] }),
            "items.1.text",
            "is required",
        ),
        (
            json!({ "items": { "x": {} } }),
            "items.x",
            "is not a field of this form",
        ),
        (
            json!({ "items": [{ "text": "a", "by": 1 }] }),
            "items.0.by",
            "is not a field of this form",
        ),
        (
            json!({ "is_admin": true }),
            "is_admin",
            "is not a field of this form",
        ),
        (
            json!({ "items.0.text": "a" }),
            "items.0.text",
            "is not a field of this form",
        ),
    ] {
        let answer = call(&app, "contact.submit", letter(change.clone())).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code()),
            (422, "VALIDATION_ERROR".to_owned())
        );
        assert_eq!(fields(&answer), json!({ field: [message] }), "{change}");
    }
    assert_eq!(letters.take().len(), 0);
}

#[tokio::test]
async fn bad_forms_are_named() {
    let (app, letters) = app();
    for (more, field, message) in [
        ("&name=Bob", "name", "is given more than once"),
        ("&version=2", "version", "is given more than once"),
        ("&age=1&age=1", "age", "is given more than once"),
        ("&is_admin=on", "is_admin", "is not a field of this form"),
        (
            "&name.first=A",
            "name.first",
            "is given as a value and as a group",
        ),
        ("&items=x", "items", "must be a list of groups"),
        (
            "&items.0.text=a&items.0.done=perhaps",
            "items.0.done",
            "must be `true` or `false`",
        ),
        (
            "&items.-1.text=a",
            "items.-1",
            "is not a field of this form",
        ),
    ] {
        let answer = call_as(&app, "contact.submit", FORM, format!("{LETTER}{more}")).await;
        assert_eq!(answer.status, 422, "{more}");
        assert_eq!(fields(&answer), json!({ field: [message] }), "{more}");
    }
    let missing = call_as(&app, "contact.submit", FORM, "").await;
    let names: Vec<_> = fields(&missing)
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    assert_eq!(names, ["email", "message", "name", "version"]);
    assert_eq!(letters.take().len(), 0);
}

#[tokio::test]
async fn malformed_bodies_are_refused() {
    let (app, letters) = app();
    let deep = format!("{{\"name\":{}", "[".repeat(10_000));
    let nested = letter(json!({ "name": [[[]]] }));
    let groups = format!("{}1{}", r#"{"name":"#.repeat(20), "}".repeat(20));
    let rows: Vec<_> = (0..10_000).map(|_| json!({ "text": "x" })).collect();
    let rows = letter(json!({ "items": rows }));
    let empty = letter(json!({ "items": vec![json!({}); 10_000] }));
    let many: String = (0..10_000)
        .map(|row| format!("&items.{row}.text=x"))
        .collect();
    let many = format!("{LETTER}{many}");
    let same = format!("{LETTER}{}", "&tags=bug".repeat(10_000));
    let dots = format!("{LETTER}&{}=x", ".".repeat(10_000));
    let huge = letter(json!({ "message": "x".repeat(2 * 1024 * 1024) }));
    let json = "application/json";
    let multipart = "multipart/form-data; boundary=x";
    for (what, content_type, body, status) in [
        ("nothing", json, "", 400),
        ("no JSON", json, "{name", 400),
        ("cut off", json, r#"{"name":"A"#, 400),
        ("more behind it", json, "{} {}", 400),
        ("a list", json, "[]", 422),
        ("a text", json, r#""name""#, 422),
        ("null", json, "null", 422),
        ("twice", json, r#"{"name":"A","name":"B"}"#, 422),
        ("half a surrogate pair", json, r#"{"name":"\ud800"}"#, 400),
        ("deep", json, &deep, 422),
        ("lists in lists", json, &nested, 422),
        ("groups in groups", json, &groups, 422),
        ("10,000 rows", json, &rows, 422),
        ("10,000 empty rows", json, &empty, 422),
        ("10,000 rows of a form", FORM, &many, 422),
        ("10,000 of one name", FORM, &same, 422),
        ("10,000 dots", FORM, &dots, 422),
        ("not UTF-8", FORM, "name=%ff", 400),
        ("too large", json, &huge, 413),
        ("multipart", multipart, "--x--", 415),
        ("text", "text/plain", "{}", 415),
    ] {
        let answer = call_as(&app, "contact.submit", content_type, body.to_owned()).await;
        assert_eq!(answer.status, status, "{what}: {}", answer.text);
        assert!(answer.text.len() < 500, "{what}: {}", answer.text);
    }
    assert_eq!(letters.take().len(), 0);
}

#[tokio::test]
async fn html_in_every_value_is_text() {
    let (app, letters) = app();
    let html = r#"</script><img src=x onerror="alert('1')">&#x41;"#;
    let change = json!({ "name": html, "message": html, "items": [{ "text": "<b>&amp;</b>" }] });
    let answer = call(&app, "contact.submit", letter(change)).await;
    let result = answer.json()["result"].clone();
    assert_eq!(
        result,
        json!({ "message": html, "items": ["<b>&amp;</b>"] })
    );
    assert_eq!(letters.take(), [html]);
    // Nor is anything of a name taken for more than it is
    let change = json!({ "<script>": 1, html: 2 });
    let answer = call(&app, "contact.submit", letter(change)).await;
    assert_eq!(answer.header(header::CONTENT_TYPE), "application/json");
    assert_eq!(answer.header(header::X_CONTENT_TYPE_OPTIONS), "nosniff");
    assert_eq!(fields(&answer).as_object().unwrap().len(), 2);
}

#[tokio::test]
async fn other_methods_and_other_names_are_none() {
    let (app, _) = app();
    let answer = support::get(&app, "/api/mizan/call/contact.submit").await;
    assert_eq!(answer.status, 405);
    for name in [
        "contact",
        "contact.other",
        "contact.submit.x",
        "item.submit",
    ] {
        assert_eq!(call(&app, name, "{}").await.status, 404, "{name}");
    }
}
