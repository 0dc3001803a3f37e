//! What the server renders of forms.

use crate::form::{FieldView, FormView, Input, Messages, Report, SubmitButton, state::By};
use leptos::prelude::*;

#[mizan::choices]
#[derive(Clone, Copy, Debug, PartialEq)]
enum Color {
    Red,
    #[choice(label = "Like the <sky>", value = "sky blue")]
    Blue,
}

#[mizan::form]
struct PlaceForm {
    city: String,
}

#[mizan::form(title = "All of it", submit_label = "Go", success = "Thank you")]
struct WholeForm {
    #[field(
        length(min = 2, max = 5),
        help = "As <you> are called",
        placeholder = "Ada"
    )]
    name: String,
    #[field(email, required = false)]
    email: String,
    #[field(widget = "password", length(min = 8))]
    password: String,
    #[field(range(min = 0, max = 10), default = 3)]
    number: u8,
    ratio: Option<f64>,
    #[field(widget = "textarea", default = "</textarea><b>&amp;")]
    text: String,
    #[field(required)]
    terms: bool,
    #[field(default = true)]
    news: bool,
    color: Color,
    #[field(widget = "radio", default = Color::Blue)]
    paint: Color,
    #[field(default = vec![Color::Red])]
    colors: Vec<Color>,
    #[field(widget = "select")]
    several: Vec<Color>,
    #[field(widget = "hidden", default = 1)]
    version: u32,
    place: PlaceForm,
}

#[mizan::form_handler]
impl FormHandler for WholeForm {
    async fn submit(self) -> mizan::Result<()> {
        Ok(())
    }
}

#[mizan::form]
struct ListForm {
    #[field(length(min = 1, max = 2))]
    items: Vec<PlaceForm>,
}

#[mizan::form_handler]
impl FormHandler for ListForm {
    async fn submit(self) -> mizan::Result<()> {
        Ok(())
    }
}

/// Without the comments by which the browser finds its way.
fn html(view: impl IntoView) -> String {
    let html = view.into_view().to_html();
    html.replace("<!>", "").replace("<!---->", "")
}

fn whole() -> String {
    Owner::new().with(|| html(view! { <WholeFormView/> }))
}

/// The element that has something in its tag.
#[track_caller]
fn tag<'a>(html: &'a str, part: &str) -> &'a str {
    let at = html
        .find(part)
        .unwrap_or_else(|| panic!("no {part} in {html}"));
    let start = html[..at].rfind('<').expect("a tag");
    let end = at + html[at..].find('>').expect("its end");
    &html[start..=end]
}

#[track_caller]
fn has(html: &str, part: &str, attributes: &[&str]) {
    let tag = tag(html, part);
    for attribute in attributes {
        assert!(tag.contains(attribute), "no {attribute} in {tag}");
    }
}

#[test]
fn a_browser_can_send_it_by_itself() {
    let html = whole();
    has(
        &html,
        r#"id="whole-form""#,
        &["<form", r#"method="post""#, "action="],
    );
    has(
        &html,
        r#"name="mizan-form""#,
        &[r#"value="whole""#, "hidden"],
    );
    has(&html, r#"name="mizan-key""#, &["hidden"]);
    has(&html, r#"name="place.city""#, &["required"]);
    has(&html, r#"name="version""#, &["hidden", r#"value="1""#]);
    has(&html, r#"type="submit""#, &["<button"]);
    assert!(!html.contains("novalidate"), "nobody else would look at it");
    assert!(html.contains("<h2>All of it</h2>"));
}

#[test]
fn it_looks_at_rules_by_itself() {
    let html = whole();
    has(
        &html,
        r#"name="name""#,
        &[
            r#"minlength="2""#,
            r#"maxlength="5""#,
            " required",
            r#"placeholder="Ada""#,
        ],
    );
    has(
        &html,
        r#"name="email""#,
        &[r#"type="email""#, r#"autocomplete="email""#],
    );
    assert!(!tag(&html, r#"name="email""#).contains("required"));
    has(
        &html,
        r#"name="number""#,
        &[
            r#"type="number""#,
            r#"min="0""#,
            r#"max="10""#,
            r#"value="3""#,
        ],
    );
    assert!(!tag(&html, r#"name="number""#).contains("step"));
    has(&html, r#"name="ratio""#, &[r#"step="any""#]);
    has(
        &html,
        r#"name="password""#,
        &[r#"autocomplete="new-password""#],
    );
    has(&html, r#"name="several""#, &["<select", "multiple"]);
}

#[test]
fn it_has_its_values() {
    let html = whole();
    assert!(
        html.contains("&lt;/textarea&gt;&lt;b&gt;&amp;amp;</textarea>"),
        "{html}"
    );
    assert!(!tag(&html, r#"name="terms""#).contains("checked"));
    has(&html, r#"name="news""#, &["checked", r#"value="on""#]);
    has(
        &html,
        r#"id="whole-paint-1""#,
        &["checked", r#"type="radio""#],
    );
    assert!(!tag(&html, r#"id="whole-paint-0""#).contains("checked"));
    has(
        &html,
        r#"id="whole-colors-0""#,
        &["checked", r#"type="checkbox""#],
    );
    assert!(!tag(&html, r#"name="password""#).contains("value"));
    assert!(html.contains("Like the &lt;sky&gt;"), "{html}");
}

#[test]
fn everything_has_a_name_to_everybody() {
    let html = whole();
    for id in [
        "name",
        "email",
        "password",
        "number",
        "text",
        "terms",
        "color",
        "place-city",
    ] {
        has(&html, &format!(r#"for="whole-{id}""#), &["<label"]);
        tag(&html, &format!(r#" id="whole-{id}""#));
    }
    has(
        &html,
        r#"name="name""#,
        &[r#"aria-describedby="whole-name-help whole-name-errors""#],
    );
    tag(&html, r#"id="whole-name-help""#);
    has(
        &html,
        r#"id="whole-name-errors""#,
        &[r#"aria-live="polite""#],
    );
    assert!(html.contains("As &lt;you&gt; are called"));
    has(
        &html,
        r#"id="whole-paint""#,
        &["<fieldset", r#"role="radiogroup""#],
    );
    has(&html, r#"role="alert""#, &["<div"]);
    has(&html, r#"role="status""#, &["<div"]);
    assert!(!html.contains("aria-invalid"), "nobody has filled it in");
    assert!(!html.contains("Thank you"));
}

#[test]
fn what_came_back_is_shown() {
    let owner = Owner::new();
    let html = owner.with(|| {
        let form = use_whole_form();
        let state = crate::form::AnyForm::from(form).state();
        state.set("email", vec!["\"><script>".to_owned()]);
        state.set("color", vec!["sky blue".to_owned()]);
        let mut report = Report::default();
        report.field("email", "is <no> address");
        report.form("not <today>");
        state.note(By::Server, &report);
        state.touch();
        html(view! { <FormView form/> })
    });
    has(
        &html,
        r#"name="email""#,
        &[
            r#"aria-invalid="true""#,
            "value=\"&quot;&gt;&lt;script&gt;\"",
        ],
    );
    assert!(html.contains("is &lt;no&gt; address"));
    assert!(html.contains("not &lt;today&gt;"));
    assert!(!html.contains("<script>"));
    has(&html, r#"<option value="sky blue""#, &["selected"]);
}

#[test]
fn by_hand_it_is_what_one_makes_of_it() {
    let html = Owner::new().with(|| {
        let form = use_whole_form();
        html(view! {
            <FormView form>
                <FieldView field=form.name/>
                <label for=form.email.id()>"Where to?"</label>
                <Input field=form.email/>
                <Messages field=form.email/>
                <FieldView field=form.place.fields().city/>
                <SubmitButton>"Now"</SubmitButton>
            </FormView>
        })
    });
    for id in [
        "whole-name",
        "whole-email",
        "whole-email-errors",
        "whole-place-city",
    ] {
        assert_eq!(html.matches(&format!(r#" id="{id}""#)).count(), 1, "{id}");
    }
    assert!(!html.contains("whole-password"));
    assert!(!html.contains("<h2>"));
    has(&html, r#"id="whole-form""#, &[r#"aria-label="All of it""#]);
    assert!(html.contains("Now</button>"), "{html}");
}

#[test]
fn rows_have_buttons() {
    let owner = Owner::new();
    let (one, two) = owner.with(|| {
        let form = use_list_form();
        let one = html(view! { <FormView form/> });
        form.items.add();
        (one, html(view! { <FormView form/> }))
    });
    has(
        &one,
        r#"name="items.0.city""#,
        &[r#"id="list-items-0-city""#],
    );
    has(
        &one,
        r#"value="remove:items:0""#,
        &[r#"aria-disabled="true""#, "formnovalidate"],
    );
    has(
        &one,
        r#"value="add:items""#,
        &[r#"name="mizan-rows""#, r#"aria-label="Add: Items""#],
    );
    assert!(!one.contains("items.1"));
    assert!(two.contains("<legend>Items 2</legend>"));
    has(&two, r#"value="add:items""#, &[r#"aria-disabled="true""#]);
    for (button, is_off) in [
        ("up:items:0", true),
        ("down:items:0", false),
        ("up:items:1", false),
        ("down:items:1", true),
        ("remove:items:1", false),
    ] {
        let tag = tag(&two, &format!(r#"value="{button}""#));
        assert_eq!(tag.contains("aria-disabled"), is_off, "{tag}");
    }
    // The first button is the one that the Enter key presses
    assert!(two.find("hidden=\"\"></button>").unwrap() < two.find("up:items:0").unwrap());
}
