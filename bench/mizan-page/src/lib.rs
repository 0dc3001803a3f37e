//! The small page of the benchmarks in Mizan: a router, a title, data that the server
//! renders and one call. `leptos-page` is the same page in plain Leptos.

use leptos::prelude::*;
use leptos_meta::{MetaTags, Title, provide_meta_context};
use leptos_router::{
    components::{Route, Router, Routes},
    path,
};
use serde::{Deserialize, Serialize};

/// Who looks at the page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct User {
    /// The number in the database.
    pub id: i64,
    /// What to call them.
    pub name: String,
    /// Where to write to.
    pub email: String,
}

/// What [`echo`] says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Echoed {
    /// The text that it was given.
    pub message: String,
}

/// Returns the user, the same for everybody. It is run each time: so is what it is compared with.
#[mizan::client(context = "global", cache = false)]
pub async fn current_user() -> mizan::Result<User> {
    Ok(User {
        id: 1,
        name: "Ada Lovelace".to_owned(),
        email: "ada@example.com".to_owned(),
    })
}

/// Says what it was told.
#[mizan::client]
pub async fn echo(text: String) -> mizan::Result<Echoed> {
    Ok(Echoed { message: text })
}

/// The document around the application.
pub fn shell(options: LeptosOptions) -> impl IntoView {
    view! {
        <!DOCTYPE html>
        <html lang="en">
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1"/>
                <HydrationScripts options/>
                <MetaTags/>
            </head>
            <body>
                <App/>
            </body>
        </html>
    }
}

/// The application.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    view! {
        <Router>
            <main>
                <Routes fallback=|| "Not found">
                    <Route path=path!("/") view=Home/>
                </Routes>
            </main>
        </Router>
    }
}

#[component]
fn Home() -> impl IntoView {
    let user = use_current_user();
    let echo = ServerAction::<Echo>::new();
    let say = move |_| {
        echo.dispatch(Echo {
            text: "Hello".to_owned(),
        });
    };
    let said = move || Some(echo.value().get()?.ok()?.message);
    view! {
        {further()}
        <Title text="A small page"/>
        <h1>"A small page"</h1>
        <Suspense fallback=|| "…">
            {move || Suspend::new(async move {
                user.await.ok().map(|user| view! {
                    <dl>
                        <dt>"Number"</dt><dd>{user.id}</dd>
                        <dt>"Name"</dt><dd>{user.name}</dd>
                        <dt>"Email"</dt><dd>{user.email}</dd>
                    </dl>
                })
            })}
        </Suspense>
        <button on:click=say>"Say hello"</button>
        <p>{said}</p>
    }
}

/// Nothing, in the page that is compared.
#[cfg(not(any(
    feature = "ten-more",
    feature = "channel",
    feature = "live",
    feature = "websocket",
    feature = "form"
)))]
fn further() {}

/// What is weighed besides.
#[cfg(any(
    feature = "ten-more",
    feature = "channel",
    feature = "live",
    feature = "websocket",
    feature = "form"
))]
fn further() -> impl IntoView {
    (
        #[cfg(feature = "ten-more")]
        ten_more::further_members(),
        #[cfg(feature = "channel")]
        with_channel::channel(),
        #[cfg(feature = "live")]
        with_live::live(),
        #[cfg(feature = "websocket")]
        with_websocket::websocket(),
        #[cfg(feature = "form")]
        with_form::form(),
        #[cfg(feature = "further-form")]
        with_further_form::form(),
    )
}

#[cfg(feature = "ten-more")]
pub mod ten_more {
    //! Ten members more.

    use super::User;
    use leptos::prelude::*;

    macro_rules! members {
        ($($name:ident $hook:ident)*) => {
            $(
                #[doc = "Somebody else."]
                #[mizan::client(context = "global")]
                pub async fn $name() -> mizan::Result<User> {
                    super::current_user().await
                }
            )*

            /// Shows them all, each in the same way.
            pub fn further_members() -> impl IntoView {
                let names = [$($hook()),*].map(|user| move || user.get()?.ok().map(|user| user.name));
                names.into_iter().map(|name| view! { <Suspense><i>{name}</i></Suspense> }).collect_view()
            }
        };
    }

    members! {
        user_1 use_user_1 user_2 use_user_2 user_3 use_user_3 user_4 use_user_4 user_5 use_user_5
        user_6 use_user_6 user_7 use_user_7 user_8 use_user_8 user_9 use_user_9 user_10 use_user_10
    }
}

#[cfg(feature = "channel")]
pub mod with_channel {
    //! One channel: what is said in it, whether it is connected, and saying something.

    use leptos::prelude::*;

    /// A room.
    #[mizan::channel]
    pub struct ChatChannel {
        /// Its name.
        pub room: String,
    }

    #[mizan::channel_handler]
    impl Channel for ChatChannel {
        type ClientMessage = String;
        type ServerMessage = String;

        async fn authorize(&self, _: &mizan::channel::ChannelContext) -> mizan::Result<bool> {
            Ok(true)
        }

        async fn receive(
            &self,
            _: &mizan::channel::ChannelContext,
            message: String,
        ) -> mizan::Result<Option<String>> {
            Ok(Some(message))
        }
    }

    /// A component that has joined it; its view is of types that the page has already.
    pub fn channel() -> impl IntoView {
        let chat = use_chat_channel("lobby".to_owned());
        let said = move || {
            let is_joined = chat.status() == mizan::channel::Status::Joined;
            chat.messages().pop().filter(|_| is_joined)
        };
        view! {
            <button on:click=move |_| chat.send(&"Hello".to_owned())>"Say hello"</button>
            <p>{said}</p>
        }
    }
}

#[cfg(feature = "live")]
pub mod with_live {
    //! One live context.

    use super::User;
    use leptos::prelude::*;

    /// Somebody.
    #[mizan::context(live)]
    pub struct LiveContext {
        /// Their number.
        pub id: i64,
    }

    /// Who that is.
    #[mizan::client(context = LiveContext)]
    pub async fn live_user(id: i64) -> mizan::Result<User> {
        let user = super::current_user().await?;
        Ok(User { id, ..user })
    }

    /// A component that shows them.
    pub fn live() -> impl IntoView {
        view! { <LiveContextProvider id=1><Shown/></LiveContextProvider> }
    }

    #[component]
    fn Shown() -> impl IntoView {
        let user = use_live_user();
        let name = move || user.get()?.ok().map(|user| user.name);
        view! { <Suspense><i>{name}</i></Suspense> }
    }
}

#[cfg(feature = "websocket")]
pub mod with_websocket {
    //! A call over the socket.

    use super::Echoed;
    use leptos::prelude::*;

    /// Says what it was told.
    #[mizan::client(websocket)]
    pub async fn quick_echo(text: String) -> mizan::Result<Echoed> {
        Ok(Echoed { message: text })
    }

    /// A button that calls it.
    pub fn websocket() -> impl IntoView {
        let echo = ServerAction::<QuickEcho>::new();
        let say = move |_| {
            echo.dispatch(QuickEcho {
                text: "Hello".to_owned(),
            });
        };
        view! { <button on:click=say>{move || Some(echo.value().get()?.ok()?.message)}</button> }
    }
}

#[cfg(feature = "form")]
pub mod with_form {
    //! One form, with fields of the usual kinds.

    use leptos::prelude::*;

    /// What a letter is about.
    #[mizan::choices]
    #[derive(Clone, Copy)]
    pub enum Topic {
        /// Something that is good.
        Praise,
        /// Something that is not.
        Complaint,
    }

    /// A letter.
    #[mizan::form(title = "Contact us", submit_label = "Send", success = "Thank you")]
    pub struct ContactForm {
        /// Who writes.
        #[field(length(min = 1, max = 100), help = "As we are to call you")]
        pub name: String,
        /// Where to answer to.
        #[field(email)]
        pub email: String,
        /// What it is about.
        pub topic: Option<Topic>,
        /// What it says.
        #[field(widget = "textarea", length(min = 10))]
        pub message: String,
    }

    #[mizan::form_handler]
    impl FormHandler for ContactForm {
        async fn submit(self) -> mizan::Result<()> {
            Ok(())
        }
    }

    /// All of it.
    pub fn form() -> impl IntoView {
        view! { <ContactFormView/> }
    }
}

#[cfg(feature = "further-form")]
pub mod with_further_form {
    //! Another form, of other types.

    use leptos::prelude::*;

    /// An account.
    #[mizan::form(submit_label = "Sign up", live_validation)]
    pub struct AccountForm {
        /// What to sign in with.
        #[field(length(min = 2, max = 40), alphanumeric)]
        pub name: String,
        /// What nobody else knows.
        #[field(widget = "password", length(min = 8))]
        pub password: String,
        /// The same again.
        #[field(widget = "password", matches(password))]
        pub again: String,
        /// How old somebody is.
        #[field(range(min = 18, max = 150))]
        pub age: Option<u8>,
        /// Whether they want letters.
        pub letters: bool,
    }

    #[mizan::form_handler]
    impl FormHandler for AccountForm {
        type Output = u32;

        async fn submit(self) -> mizan::Result<u32> {
            Ok(1)
        }
    }

    /// All of it.
    pub fn form() -> impl IntoView {
        view! { <AccountFormView/> }
    }
}

/// Called by the page once the browser has loaded the WebAssembly.
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    mizan::mount(App);
}
