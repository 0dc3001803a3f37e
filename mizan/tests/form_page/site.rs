//! The application: a form of each kind, and pages that it is on.

use super::{
    support::{building, options},
    users::{Account, Accounts},
};
use axum::{Router, routing::post as post_route};
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
use std::sync::{Arc, Mutex};

#[derive(Clone, Default)]
pub(crate) struct Letters(Arc<Mutex<Vec<String>>>);

impl Letters {
    fn add(letter: &str) {
        let Self(letters) = mizan::state();
        letters.lock().unwrap().push(letter.to_owned());
    }

    pub(crate) fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    pub(crate) fn take(&self) -> Vec<String> {
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
    let fields = report.fields().iter().map(|(field, messages)| {
        let text = format!("{field}: {}", messages.join("; "));
        view! { <p class="wrong">{text}</p> }
    });
    view! {
        <form method="post" action=action(name) id=name>
            <input type="hidden" name=FORM value=name/>
            <input type="hidden" name=KEY value=key()/>
            {pairs.into_iter().map(|(name, value)| view! { <input name=name value=value/> }).collect_view()}
            {fields.collect::<Vec<_>>()}
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

pub(crate) fn site() -> (Router, Letters) {
    let letters = Letters::default();
    let app = Mizan::new(options())
        .users(Accounts::new())
        .provide(letters.clone());
    let own = Router::new().route("/own", post_route(async || "the application's own"));
    (building(|| app.router(App, shell)).merge(own), letters)
}
