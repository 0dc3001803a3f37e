use super::Failure;
use crate::accounts::{SignIn, SignUp};
use leptos::{form::ActionForm, prelude::*};
use leptos_meta::Title;
use leptos_router::components::A;

/// For those who have an account.
#[component]
pub fn SignInPage() -> impl IntoView {
    let sign_in = ServerAction::<SignIn>::new();
    view! {
        <Title text="Sign in"/>
        <section class="lead"><h1>"Sign in"</h1></section>
        <ActionForm action=sign_in attr:class="card narrow">
            <Fields password="current-password"/>
            <button type="submit" disabled=move || sign_in.pending().get()>"Sign in"</button>
            <Failure of=move || sign_in.value().get().and_then(Result::err)/>
        </ActionForm>
        <p class="quiet">"No account yet? " <A href="/sign-up">"Sign up"</A></p>
    }
}

/// For those who have none.
#[component]
pub fn SignUpPage() -> impl IntoView {
    let sign_up = ServerAction::<SignUp>::new();
    view! {
        <Title text="Sign up"/>
        <section class="lead"><h1>"Sign up"</h1></section>
        <ActionForm action=sign_up attr:class="card narrow">
            <Fields password="new-password"/>
            <button type="submit" disabled=move || sign_up.pending().get()>"Sign up"</button>
            <Failure of=move || sign_up.value().get().and_then(Result::err)/>
        </ActionForm>
        <p class="quiet">"You have an account? " <A href="/sign-in">"Sign in"</A></p>
    }
}

#[component]
fn Fields(password: &'static str) -> impl IntoView {
    view! {
        <label for="name">"Name"</label>
        <input id="name" name="name" autocomplete="username" required maxlength="40"/>
        <label for="password">"Password"</label>
        <input id="password" name="password" type="password" autocomplete=password required minlength="8"/>
    }
}
