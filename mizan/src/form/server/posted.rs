//! What a page was sent for a form, on its way into the page.

use super::super::{FieldSchema, Posted, Schema, Widget};
use crate::{
    context::wire::POSTED_SLOT,
    request::{Scope, cookie_values, cookies, page},
};
use cookie::{Cookie, time::Duration};
use futures::future::ready;
use http::{HeaderMap, HeaderValue, Method, header, request::Parts};
use hydration_context::SerializedDataId;
use leptos::prelude::{use_context, with_context};
use leptos_axum::ResponseOptions;
use uuid::Uuid;

/// The cookie that tells the next page which form was taken.
const DONE: &str = "mizan-done";

/// How long that page may take to be asked for.
const SOON: Duration = Duration::seconds(60);

/// How many values are given back: as many as a form may have.
const MOST: usize = 1000;

/// What a post has said of the answer, which the page that is rendered after it says: cookies.
#[derive(Clone, Default)]
pub(crate) struct Said(pub(crate) HeaderMap);

pub(in crate::form) fn posted(name: &str) -> Option<Posted> {
    let of_name = |scope: &Scope| scope.posted().filter(|posted| posted.form == name).cloned();
    Scope::with(of_name).flatten()
}

pub(in crate::form) fn address() -> String {
    let address = with_context(|parts: &Parts| parts.uri.path_and_query().map(ToString::to_string));
    address.flatten().unwrap_or_default()
}

pub(in crate::form) fn random() -> String {
    Uuid::new_v4().simple().to_string()
}

/// Puts into a page, before it is rendered, what it was sent for a form.
pub(crate) fn start_page(scope: &Scope) {
    let Some(page) = page() else { return };
    let said = with_context(|parts: &Parts| parts.extensions.get::<Said>().cloned());
    if let (Some(Said(headers)), Some(options)) = (said.flatten(), use_context::<ResponseOptions>())
    {
        for (name, value) in &headers {
            options.append_header(name.clone(), value.clone());
        }
    }
    if let Some(form) = with_context(|parts: &Parts| taken(parts, scope)).flatten() {
        cookies().remove(DONE);
        scope.has_posted(Posted::taken(form));
    }
    let Some(posted) = scope.posted() else { return };
    if let Some(options) = use_context::<ResponseOptions>() {
        options.insert_header(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if let Ok(text) = serde_json::to_string(posted) {
        page.write_async(SerializedDataId::new(POSTED_SLOT), Box::pin(ready(text)));
    }
}

/// The form that was taken before this page was asked for.
fn taken(parts: &Parts, scope: &Scope) -> Option<&'static str> {
    if parts.method != Method::GET || scope.posted().is_some() {
        return None;
    }
    let name = cookie_values(&parts.headers, DONE).next()?;
    Some(*scope.site().forms.get_key_value(name)?.0)
}

/// The cookie that tells the next page that a form was taken.
pub(crate) fn done_cookie(form: &'static str, is_development: bool) -> Option<HeaderValue> {
    let mut cookie = Cookie::new(DONE, form);
    cookie.set_http_only(true);
    cookie.set_same_site(cookie::SameSite::Lax);
    cookie.set_path("/");
    cookie.set_max_age(SOON);
    cookie.set_secure(!is_development);
    HeaderValue::from_str(&cookie.to_string()).ok()
}

/// What is given back of what was filled in: all that the form has fields for, and no passwords.
pub(crate) fn given_back(schema: &Schema, body: &[u8]) -> Vec<(String, String)> {
    let pairs = form_urlencoded::parse(body);
    let given_back = pairs.filter(|(name, _)| {
        let field = field(schema.fields, name);
        field.is_some_and(|field| field.widget != Widget::Password)
    });
    // HTML's own lines end in CRLF when they are sent, and in LF in the page
    let owned = given_back.map(|(name, text)| (name.into_owned(), text.replace("\r\n", "\n")));
    owned.take(MOST).collect()
}

/// The field of a flat name, which is no group.
fn field(fields: &'static [FieldSchema], name: &str) -> Option<&'static FieldSchema> {
    let (name, inner) = match name.split_once('.') {
        Some((name, inner)) => (name, Some(inner)),
        None => (name, None),
    };
    let found = fields.iter().find(|field| field.name == name)?;
    match (found.widget, inner) {
        (Widget::Group, Some(inner)) => field(found.fields, inner),
        (Widget::Rows, Some(inner)) => {
            let (number, inner) = inner.split_once('.')?;
            number.parse::<u32>().ok()?;
            field(found.fields, inner)
        }
        (Widget::Group | Widget::Rows, None) | (_, Some(_)) => None,
        (_, None) => Some(found),
    }
}
