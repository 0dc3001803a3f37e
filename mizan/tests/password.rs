//! Passwords: what is right, and what the time of an answer tells.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod support;

use mizan::{
    Mizan,
    auth::{AuthUser, AuthnBackend, User, password},
};
use serde_json::json;
use std::time::{Duration, Instant};
use support::{call, options};
use tokio::sync::Mutex;

/// Held by each test: hashing takes all processors.
static ALONE: Mutex<()> = Mutex::const_new(());

#[tokio::test]
async fn what_is_right_and_what_is_not() {
    let _alone = ALONE.lock().await;
    let hash = password::hash("correct horse").await.unwrap();
    let again = password::hash("correct horse").await.unwrap();
    assert_ne!(hash, again, "each has its salt");
    assert!(
        hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
        "{hash}"
    );
    assert!(
        password::verify("correct horse", Some(&hash))
            .await
            .unwrap()
    );
    for wrong in [
        "",
        "correct hors",
        "correct horse ",
        "Correct horse",
        "correct horse\0",
    ] {
        assert!(
            !password::verify(wrong, Some(&hash)).await.unwrap(),
            "{wrong:?}"
        );
    }
    assert!(
        !password::verify("", None).await.unwrap(),
        "nobody's password is not empty"
    );
    let error = password::verify("x", Some("not a hash")).await.unwrap_err();
    assert_eq!(error.code(), mizan::Code::Internal);
    assert!(!password::verify("\u{1f600}", Some(&hash)).await.unwrap());
    let long = "x".repeat(1_000_000);
    assert!(!password::verify(&long, Some(&hash)).await.unwrap());
}

#[derive(Clone, Debug)]
struct Account;

impl AuthUser for Account {
    type Id = u8;

    fn id(&self) -> u8 {
        1
    }

    fn session_auth_hash(&self) -> &[u8] {
        b"hash"
    }
}

impl User for Account {
    type Public = ();

    fn public(&self) {}
}

/// One account, `ada`, with its password's hash.
#[derive(Clone)]
struct Accounts(String);

impl AuthnBackend for Accounts {
    type User = Account;
    type Credentials = (String, String);
    type Error = std::convert::Infallible;

    async fn authenticate(
        &self,
        (name, password): (String, String),
    ) -> Result<Option<Account>, Self::Error> {
        let hash = (name == "ada").then_some(&*self.0);
        let is_right = password::verify(&password, hash).await.unwrap();
        Ok(is_right.then_some(Account))
    }

    async fn get_user(&self, _: &u8) -> Result<Option<Account>, Self::Error> {
        Ok(Some(Account))
    }
}

#[mizan::client]
async fn sign_in(name: String, password: String) -> mizan::Result<()> {
    match mizan::auth::authenticate::<Accounts>((name, password)).await? {
        Some(account) => mizan::auth::login(&account).await,
        None => Err(mizan::Error::validation(
            "no such name, or another password",
        )),
    }
}

/// CWE-208: whoever can tell an unknown name from a wrong password knows which names there are.
#[tokio::test]
async fn an_unknown_name_and_a_wrong_password_are_answered_alike_and_as_late() {
    let _alone = ALONE.lock().await;
    let accounts = Accounts(password::hash("correct horse").await.unwrap());
    let app = Mizan::new(options()).users(accounts).api().unwrap();
    let sign_in = async |name: &str, password: &str| {
        let started = Instant::now();
        let body = json!({ "name": name, "password": password }).to_string();
        (call(&app, "sign_in", body).await, started.elapsed())
    };
    assert_eq!(sign_in("ada", "correct horse").await.0.status, 200);
    sign_in("bob", "correct horse").await;
    // Of each the fastest, and in turns: what else runs on the machine only slows
    let (mut fastest_unknown, mut fastest_wrong) = (Duration::MAX, Duration::MAX);
    for _ in 0..61 {
        let (answer, unknown) = sign_in("bob", "correct horse").await;
        let (other, wrong) = sign_in("ada", "battery staple").await;
        fastest_unknown = fastest_unknown.min(unknown);
        fastest_wrong = fastest_wrong.min(wrong);
        assert_eq!(answer.status, 422);
        assert_eq!((answer.status, &answer.text), (other.status, &other.text));
        assert_eq!(answer.headers, other.headers);
    }
    let ratio = fastest_unknown.as_secs_f64() / fastest_wrong.as_secs_f64();
    assert!((1.0 / 1.1..=1.1).contains(&ratio), "{ratio}");
}
