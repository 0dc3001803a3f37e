//! Users for tests: they sign in with their name alone.

#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use super::support::{Answer, send};
use axum::{
    Router,
    body::Body,
    http::{Request, header},
};
use mizan::auth::{AuthUser, AuthnBackend, User};
use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Arc, Mutex},
};

#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) secret: String,
    pub(crate) is_staff: bool,
    pub(crate) is_superuser: bool,
    pub(crate) permissions: Vec<String>,
}

impl AuthUser for Account {
    type Id = i64;

    fn id(&self) -> i64 {
        self.id
    }

    fn session_auth_hash(&self) -> &[u8] {
        self.secret.as_bytes()
    }
}

impl User for Account {
    type Public = BTreeMap<&'static str, String>;

    fn public(&self) -> Self::Public {
        [("name", self.name.clone())].into()
    }

    fn is_staff(&self) -> bool {
        self.is_staff
    }

    fn is_superuser(&self) -> bool {
        self.is_superuser
    }

    fn permissions(&self) -> Vec<String> {
        self.permissions.clone()
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Accounts(Arc<Mutex<BTreeMap<i64, Account>>>);

impl Accounts {
    /// `user` 1, `staff` 2, `superuser` 3, `denied` 4.
    pub(crate) fn new() -> Self {
        let accounts = Self::default();
        for (index, name) in ["user", "staff", "superuser", "denied"]
            .into_iter()
            .enumerate()
        {
            accounts.add(index as i64 + 1, name);
        }
        accounts.change(2, |account| account.is_staff = true);
        accounts.change(3, |account| account.is_superuser = true);
        accounts
    }

    pub(crate) fn add(&self, id: i64, name: &str) {
        let account = Account {
            id,
            name: name.to_owned(),
            secret: format!("{name}'s password's hash"),
            is_staff: false,
            is_superuser: false,
            permissions: Vec::new(),
        };
        self.0.lock().unwrap().insert(id, account);
    }

    pub(crate) fn change(&self, id: i64, change: impl FnOnce(&mut Account)) {
        change(self.0.lock().unwrap().get_mut(&id).unwrap());
    }

    pub(crate) fn remove(&self, id: i64) {
        self.0.lock().unwrap().remove(&id);
    }
}

impl AuthnBackend for Accounts {
    type User = Account;
    type Credentials = String;
    type Error = Infallible;

    async fn authenticate(&self, name: String) -> Result<Option<Account>, Infallible> {
        let accounts = self.0.lock().unwrap();
        Ok(accounts
            .values()
            .find(|account| account.name == name)
            .cloned())
    }

    async fn get_user(&self, id: &i64) -> Result<Option<Account>, Infallible> {
        Ok(self.0.lock().unwrap().get(id).cloned())
    }
}

#[mizan::client(input = PostUrl)]
pub(crate) async fn sign_in(name: String) -> mizan::Result<()> {
    match mizan::auth::authenticate::<Accounts>(name).await? {
        Some(account) => mizan::auth::login(&account).await,
        None => Err(mizan::Error::validation("nobody has that name")),
    }
}

#[mizan::client(input = PostUrl)]
pub(crate) async fn sign_out() -> mizan::Result<()> {
    mizan::auth::logout().await
}

#[mizan::client]
pub(crate) async fn who() -> mizan::Result<Option<String>> {
    let account = mizan::current_user::<Account>().await?;
    Ok(account.map(|account| account.name))
}

/// Calls a function with JSON and headers.
pub(crate) async fn call_with(
    app: &Router,
    function: &str,
    body: &str,
    headers: &[(&str, &str)],
) -> Answer {
    let mut request = Request::post(format!("/api/mizan/call/{function}"))
        .header(header::CONTENT_TYPE, "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(app, request.body(Body::from(body.to_owned())).unwrap()).await
}

/// The cookie that an answer sets, as a browser sends it back.
pub(crate) fn cookie(answer: &Answer) -> String {
    let cookie = answer.header(header::SET_COOKIE);
    cookie.split(';').next().unwrap_or_default().to_owned()
}

/// Signs in, and returns the session's cookie.
pub(crate) async fn session_of(app: &Router, name: &str) -> String {
    let answer = call_with(app, "sign_in", &format!(r#"{{"name":"{name}"}}"#), &[]).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    cookie(&answer)
}
