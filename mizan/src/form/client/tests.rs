//! A form as somebody fills it in, with a stand-in for the browser.

use super::PAUSE;
use crate::{
    Code, Error,
    browser::fake::{Asked, asked, focused, pass, run_tasks_here, timers},
    form::{AnyForm, Form, FormHandle, Report},
};
use leptos::reactive::owner::Owner;
use serde::{Deserialize, Serialize};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Sent {
    number: u32,
}

#[mizan::form(check = in_order, success = "Thank you")]
#[derive(Clone, Debug, PartialEq)]
struct SignUpForm {
    #[field(length(min = 2))]
    name: String,
    #[field(email)]
    email: String,
    #[field(widget = "password", length(min = 3))]
    password: String,
    #[field(widget = "password", matches(password))]
    again: String,
    #[field(default = 7)]
    age: Option<u8>,
    news: bool,
    address: AddressForm,
}

fn in_order(form: &SignUpForm, report: &mut Report) {
    if form.name == form.email {
        report.form("a name is no address");
    }
}

#[mizan::form]
#[derive(Clone, Debug, PartialEq)]
struct AddressForm {
    city: String,
}

#[mizan::form_handler]
impl FormHandler for SignUpForm {
    type Output = Sent;

    async fn submit(self) -> mizan::Result<Sent> {
        unreachable!()
    }
}

#[mizan::form(live_validation, keep_values)]
#[derive(Clone, Debug, PartialEq)]
struct NickForm {
    #[field(length(min = 2))]
    nick: String,
    motto: Option<String>,
    #[field(widget = "password", required = false)]
    password: String,
}

#[mizan::form_handler]
impl FormHandler for NickForm {
    async fn submit(self) -> mizan::Result<()> {
        unreachable!()
    }
}

#[mizan::form]
#[derive(Clone, Debug, PartialEq)]
struct ListForm {
    title: String,
    #[field(length(min = 1, max = 3))]
    items: Vec<ItemForm>,
}

#[mizan::form]
#[derive(Clone, Debug, PartialEq)]
struct ItemForm {
    text: String,
    #[field(default = 1)]
    count: u8,
    done: bool,
}

#[mizan::form_handler]
impl FormHandler for ListForm {
    async fn submit(self) -> mizan::Result<()> {
        unreachable!()
    }
}

/// Somebody types into a field, as the page tells it.
fn typed<F: Form>(form: FormHandle<F>, name: &str, text: &str) {
    let state = AnyForm::from(form).state();
    state.input(name, vec![text.to_owned()]);
}

/// A page: an owner, and tasks that run where the test is.
async fn page(test: impl AsyncFnOnce()) {
    run_tasks_here();
    let owner = Owner::new();
    owner.set();
    tokio::task::LocalSet::new().run_until(test()).await;
    drop(owner);
}

async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

/// One request, and nothing else.
async fn one() -> Asked {
    settle().await;
    let mut asked = asked();
    assert_eq!(asked.len(), 1);
    asked.remove(0)
}

async fn nothing() {
    settle().await;
    let paths: Vec<_> = asked().into_iter().map(|asked| asked.path).collect();
    assert_eq!(paths, [""; 0]);
}

fn key(asked: &Asked) -> String {
    let mut headers = asked.headers.iter();
    let key = headers.find(|(name, _)| *name == "idempotency-key");
    key.unwrap().1.clone()
}

const GOOD: [(&str, &str); 5] = [
    ("name", "Ada"),
    ("email", "ada@example.com"),
    ("password", "abc"),
    ("again", "abc"),
    ("address.city", "London"),
];

fn fill_in(form: FormHandle<SignUpForm>) {
    for (name, text) in GOOD {
        typed(form, name, text);
    }
}

const TAKEN: &str = r#"{"error":{"code":"VALIDATION_ERROR","message":"no","details":{"fields":{"email":["is taken"]}}}}"#;

#[tokio::test]
async fn what_is_wrong_is_shown_once_a_field_was_changed_and_left() {
    page(async || {
        let form = use_sign_up_form();
        form.email.blur();
        assert_eq!(form.email.errors(), [""; 0], "nobody has changed it");
        typed(form, "email", "ada");
        assert_eq!(form.email.errors(), [""; 0], "nobody has left it");
        form.email.blur();
        assert_eq!(form.email.errors(), ["must be an e-mail address"]);
        typed(form, "email", "ada@example.com");
        assert_eq!(form.email.errors(), [""; 0], "from then on as one types");
        typed(form, "email", "");
        assert_eq!(form.email.errors(), ["is required"]);
        assert_eq!(form.touched(), ["email"]);
        assert_eq!(
            form.name.errors(),
            [""; 0],
            "another field is not touched by it"
        );
        nothing().await;
    })
    .await;
}

#[tokio::test]
async fn rules_of_two_fields_are_shown_at_the_one_that_has_them() {
    page(async || {
        let form = use_sign_up_form();
        typed(form, "password", "abc");
        form.password.blur();
        typed(form, "again", "abc");
        form.again.blur();
        assert_eq!(form.again.errors(), [""; 0]);
        typed(form, "password", "abcd");
        assert_eq!(form.password.errors(), [""; 0]);
        assert_eq!(form.again.errors(), ["must be the same as \"Password\""]);
    })
    .await;
}

#[tokio::test]
async fn what_is_wrong_here_is_not_sent() {
    page(async || {
        let form = use_sign_up_form();
        form.submit();
        nothing().await;
        assert!(!form.pending());
        let errors = form.errors();
        let names: Vec<_> = errors.fields().keys().map(String::as_str).collect();
        assert_eq!(
            names,
            ["address.city", "again", "email", "name", "password"]
        );
        assert_eq!(
            focused(),
            ["sign_up: address.city again email name password"]
        );
        assert_eq!(form.address.fields().city.errors(), ["is required"]);
        fill_in(form);
        assert!(form.errors().is_valid(), "{:?}", form.errors());
        // A rule of all of it
        typed(form, "name", "a@b.c");
        typed(form, "email", "a@b.c");
        assert_eq!(form.errors().of_form(), ["a name is no address"]);
        form.submit();
        nothing().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_taken_is_done_and_forgotten() {
    page(async || {
        let form = use_sign_up_form();
        assert!(!form.dirty());
        assert_eq!(form.age.get(), "7");
        fill_in(form);
        typed(form, "news", "on");
        assert!(form.dirty());
        assert_eq!(form.value().map(|form| form.news), Some(true));
        form.submit();
        assert!(form.pending());
        let asked = one().await;
        assert_eq!(asked.path, "/api/mizan/call/sign_up.submit");
        let body: serde_json::Value = serde_json::from_str(asked.body.as_ref().unwrap()).unwrap();
        let expected = serde_json::json!({
            "name": "Ada", "email": "ada@example.com", "password": "abc", "again": "abc",
            "age": "7", "news": "on", "address": { "city": "London" },
        });
        assert_eq!(body, expected);
        asked.answer(r#"{"result":{"number":3}}"#);
        settle().await;
        assert!(!form.pending());
        assert!(form.succeeded());
        assert_eq!(form.done(), Some(Sent { number: 3 }));
        assert_eq!(form.error(), None);
        assert_eq!(
            (form.name.get(), form.age.get()),
            (String::new(), "7".to_owned())
        );
        assert!(!form.dirty());
        assert_eq!(form.touched(), [""; 0]);
        typed(form, "name", "B");
        assert!(!form.succeeded(), "that was another one");
        assert_eq!(form.done(), Some(Sent { number: 3 }));
    })
    .await;
}

#[tokio::test]
async fn pressed_twice_it_is_sent_once() {
    page(async || {
        let form = use_sign_up_form();
        fill_in(form);
        form.submit();
        form.submit();
        let first = one().await;
        form.submit();
        nothing().await;
        first.answer(r#"{"result":{"number":1}}"#);
        settle().await;
        fill_in(form);
        form.submit();
        one().await;
    })
    .await;
}

#[tokio::test]
async fn what_the_server_says_of_a_field_is_true_until_that_is_changed() {
    page(async || {
        let form = use_sign_up_form();
        fill_in(form);
        form.submit();
        one().await.answer_with(422, TAKEN);
        settle().await;
        assert_eq!(form.email.errors(), ["is taken"]);
        assert_eq!(form.error(), None);
        assert_eq!(focused(), ["sign_up: email"]);
        typed(form, "name", "Grace");
        assert_eq!(form.email.errors(), ["is taken"]);
        typed(form, "email", "grace@example.com");
        assert_eq!(form.email.errors(), [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn what_is_no_field_s_is_told_above() {
    page(async || {
        let form = use_sign_up_form();
        fill_in(form);
        form.submit();
        let strange = r#"{"error":{"code":"VALIDATION_ERROR","message":"no","details":{"fields":{"color":["is not a field of this form"]},"form":["not today"]}}}"#;
        one().await.answer_with(422, strange);
        settle().await;
        let state = AnyForm::from(form).state();
        assert_eq!(state.summary(), ["not today", "color: is not a field of this form"]);
        form.submit();
        let refused = r#"{"error":{"code":"FORBIDDEN","message":"not you"}}"#;
        one().await.answer_with(403, refused);
        settle().await;
        assert_eq!(state.summary(), ["not you"]);
        assert_eq!(form.error().map(|error| error.code()), Some(Code::Forbidden));
    })
    .await;
}

#[tokio::test]
async fn after_a_lost_answer_it_is_the_same_submit() {
    page(async || {
        let form = use_sign_up_form();
        fill_in(form);
        form.submit();
        let first = one().await;
        let key_of_first = key(&first);
        first.fail(Error::network("gone"));
        settle().await;
        assert_eq!(form.error().map(|error| error.code()), Some(Code::Network));
        assert_eq!(form.name.get(), "Ada", "all of it is still there");
        form.submit();
        let second = one().await;
        assert_eq!(key(&second), key_of_first);
        second.fail(Error::network("gone"));
        settle().await;
        typed(form, "name", "Grace");
        form.submit();
        let third = one().await;
        assert_ne!(key(&third), key_of_first, "it is another one");
        let key_of_third = key(&third);
        third.answer_with(422, TAKEN);
        settle().await;
        form.submit();
        assert_ne!(key(&one().await), key_of_third, "that one was answered");
    })
    .await;
}

#[tokio::test]
async fn code_can_fill_it_in() {
    page(async || {
        let form = use_sign_up_form();
        let mut values = GOOD.to_vec();
        values.push(("age", "8"));
        fill_in(form);
        form.age.set("8");
        let whole = form.value().unwrap();
        assert_eq!(whole.age, Some(8));
        form.reset();
        assert_eq!(form.value(), None);
        form.fill(&whole);
        assert_eq!(form.name.get(), "Ada");
        assert_eq!(form.address.fields().city.get(), "London");
        assert_eq!(form.password.get(), "", "that is filled in by hand");
        assert!(form.dirty());
        form.reset();
        assert!(!form.dirty());
        form.news.set("on");
        assert_eq!(form.news.get_all(), ["on"]);
        form.news.set("");
        assert_eq!(form.news.get_all(), [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn the_server_is_asked_once_nobody_types() {
    page(async || {
        let form = use_nick_form();
        typed(form, "nick", "a");
        form.nick.blur();
        pass(PAUSE);
        nothing().await;
        assert_eq!(timers(), 0, "what is wrong here is not asked there");
        typed(form, "nick", "ad");
        pass(PAUSE / 2);
        typed(form, "nick", "ada");
        pass(PAUSE / 2);
        nothing().await;
        pass(PAUSE / 2);
        let asked = one().await;
        assert_eq!(asked.path, "/api/mizan/call/nick.validate");
        asked.answer(r#"{"result":{"valid":false,"fields":{"nick":["is taken"]},"form":[]}}"#);
        settle().await;
        assert_eq!(form.nick.errors(), ["is taken"]);
        typed(form, "nick", "adal");
        assert_eq!(form.nick.errors(), [""; 0]);
    })
    .await;
}

#[tokio::test]
async fn what_it_says_too_late_is_not_looked_at() {
    page(async || {
        let form = use_nick_form();
        typed(form, "nick", "ada");
        form.nick.blur();
        pass(PAUSE);
        let late = one().await;
        typed(form, "nick", "grace");
        late.answer(r#"{"result":{"valid":false,"fields":{"nick":["is taken"]},"form":[]}}"#);
        settle().await;
        assert_eq!(form.nick.errors(), [""; 0]);
        pass(PAUSE);
        let late = one().await;
        form.submit();
        one().await.answer(r#"{"result":null}"#);
        settle().await;
        assert!(form.succeeded());
        late.answer(r#"{"result":{"valid":false,"fields":{"nick":["is taken"]},"form":[]}}"#);
        settle().await;
        assert!(form.errors().is_valid());
        assert!(form.succeeded());
    })
    .await;
}

#[tokio::test]
async fn what_is_kept_is_no_news_any_more() {
    page(async || {
        let form = use_nick_form();
        typed(form, "nick", "ada");
        typed(form, "password", "secret");
        form.submit();
        one().await.answer(r#"{"result":null}"#);
        settle().await;
        assert_eq!(form.done(), Some(()));
        assert_eq!(form.nick.get(), "ada");
        assert_eq!(form.password.get(), "", "that is not kept");
        assert!(!form.dirty());
        typed(form, "nick", "grace");
        form.reset();
        assert_eq!(form.nick.get(), "ada");
        assert_eq!(timers(), 0, "nobody has typed that");
    })
    .await;
}

#[tokio::test]
async fn rows_come_and_go() {
    page(async || {
        let form = use_list_form();
        assert_eq!(form.items.rows(), [0], "there has to be one");
        assert_eq!(form.items.row(0).count.get(), "1");
        assert!(!form.dirty());
        form.items.remove(0);
        assert_eq!(form.items.rows(), [0], "there has to be one");
        form.items.add();
        form.items.add();
        form.items.add();
        assert_eq!(form.items.rows(), [0, 1, 2], "there may be three");
        assert!(form.dirty());
        for (number, text) in ["a", "b", "c"].iter().enumerate() {
            typed(form, &format!("items.{number}.text"), text);
        }
        form.items.remove(1);
        assert_eq!(form.items.rows(), [0, 2]);
        form.items.row(2).done.set("on");
        form.items.move_up(2);
        form.items.move_up(0);
        let texts = form.items.rows().into_iter();
        let texts: Vec<_> = texts.map(|row| form.items.row(row).text.get()).collect();
        assert_eq!(texts, ["c", "a"]);
        assert_eq!(form.items.row(0).done.get(), "on");
        form.items.move_down(0);
        form.items.move_down(2);
        form.items.add();
        assert_eq!(form.items.rows(), [0, 2, 3]);
        form.title.set("List");
        form.submit();
        nothing().await;
        assert_eq!(focused(), ["list: items.3.text"]);
        assert_eq!(form.items.row(3).text.errors(), ["is required"]);
        form.items.row(3).text.set("d");
        let value = form.value().unwrap();
        let texts: Vec<_> = value.items.iter().map(|item| &*item.text).collect();
        assert_eq!(texts, ["a", "c", "d"]);
        form.submit();
        let asked = one().await;
        let body: serde_json::Value = serde_json::from_str(asked.body.as_ref().unwrap()).unwrap();
        let expected = serde_json::json!({
            "title": "List",
            "items": {
                "0": { "text": "a", "count": "1" },
                "2": { "text": "c", "count": "1", "done": "on" },
                "3": { "text": "d", "count": "1" },
            },
        });
        assert_eq!(body, expected);
        let said = r#"{"error":{"code":"VALIDATION_ERROR","message":"no","details":{"fields":{"items.2.text":["is taken"],"items":["are too dull"]}}}}"#;
        asked.answer_with(422, said);
        settle().await;
        assert_eq!(form.items.row(2).text.errors(), ["is taken"]);
        assert_eq!(form.items.errors(), ["are too dull"]);
        form.items.move_up(2);
        assert_eq!(form.items.row(0).text.errors(), ["is taken"], "it goes with what is in it");
        form.items.remove(0);
        assert!(form.errors().is_valid(), "{:?}", form.errors());
        form.reset();
        assert_eq!(form.items.rows(), [0]);
        assert_eq!(form.items.row(0).text.get(), "");
        form.fill(&value);
        assert_eq!(form.items.rows(), [0, 1, 2]);
        assert_eq!(form.items.row(2).text.get(), "d");
    })
    .await;
}
