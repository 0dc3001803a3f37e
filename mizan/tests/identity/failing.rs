//! Stores that are out of order, and backends that are odd.

use super::*;

/// A backend that asks who the caller is, or does not come back, or panics.
#[derive(Clone)]
struct Odd(&'static str);

impl AuthnBackend for Odd {
    type User = users::Account;
    type Credentials = String;
    type Error = std::io::Error;

    async fn authenticate(&self, name: String) -> Result<Option<Self::User>, Self::Error> {
        Ok(Accounts::new().authenticate(name).await.unwrap())
    }

    async fn get_user(&self, id: &i64) -> Result<Option<Self::User>, Self::Error> {
        match self.0 {
            "asks" => {
                let asked = mizan::current_user::<users::Account>().await;
                assert_eq!(asked.unwrap_err().code(), mizan::Code::Internal);
            }
            "hangs" => std::future::pending().await,
            "panics" => panic!("a secret panic text"),
            _ => return Err(std::io::Error::other("a secret address")),
        }
        Ok(Accounts::new().get_user(id).await.unwrap())
    }
}

/// A store that is out of order.
#[derive(Clone, Debug)]
struct Broken;

#[async_trait::async_trait]
impl SessionStore for Broken {
    async fn save(&self, _: &Record) -> session_store::Result<()> {
        Err(session_store::Error::Backend("a secret address".to_owned()))
    }

    async fn load(&self, _: &Id) -> session_store::Result<Option<Record>> {
        Err(session_store::Error::Backend("a secret address".to_owned()))
    }

    async fn delete(&self, _: &Id) -> session_store::Result<()> {
        Err(session_store::Error::Backend("a secret address".to_owned()))
    }
}

#[mizan::client]
async fn sign_in_oddly(name: String) -> mizan::Result<()> {
    let account = mizan::auth::authenticate::<Odd>(name).await?;
    mizan::auth::login(&account.expect("it is known")).await
}

#[tokio::test]
async fn a_backend_that_is_odd_takes_nothing_else_along() {
    for (how, status) in [
        ("asks", 200),
        ("hangs", 503),
        ("panics", 500),
        ("fails", 503),
    ] {
        let app = Mizan::new(options()).users(Odd(how));
        let app = app
            .request_timeout(Duration::from_millis(300))
            .api()
            .unwrap();
        let answer = call_with(&app, "sign_in_oddly", r#"{"name":"user"}"#, &[]).await;
        assert_eq!(answer.status, 200, "{how}: {}", answer.text);
        let session = cookie(&answer);
        let answer = call_with(&app, "who_is_it", "{}", &[("cookie", &session)]).await;
        assert_eq!(answer.status, status, "{how}: {}", answer.text);
        assert!(!answer.text.contains("secret"), "{}", answer.text);
        let request = Request::get("/api/mizan/session").header("cookie", &session);
        let answer = send(&app, request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, status, "{how}: {}", answer.text);
    }
}

#[mizan::client]
async fn who_is_it() -> mizan::Result<bool> {
    Ok(mizan::current_user::<users::Account>().await?.is_some())
}

#[tokio::test]
async fn without_its_store_nobody_is_anybody_and_the_rest_goes_on() {
    let app = Mizan::new(options())
        .users(Accounts::new())
        .sessions(Broken);
    let app = app.api().unwrap();
    let cookie = ("cookie", "session=AAAAAAAAAAAAAAAAAAAAAA");
    for (function, body) in [
        ("who", "{}"),
        ("sign_in", r#"{"name":"user"}"#),
        ("sign_out", "{}"),
        ("put", r#"{"text":"x"}"#),
    ] {
        let answer = call_with(&app, function, body, &[cookie]).await;
        assert!(
            answer.status.is_server_error(),
            "{function}: {}",
            answer.text
        );
        assert!(!answer.text.contains("secret"), "{}", answer.text);
        assert_eq!(answer.header("set-cookie"), "", "{function}");
    }
    // Who has signed out stays so on this node, whatever becomes of the store
    assert_eq!(who(&app, cookie.1).await, Value::Null);
    let other = "session=BBBBBBBBBBBBBBBBBBBBBA";
    let request = Request::get("/api/mizan/ctx/secret").header("cookie", other);
    let answer = send(&app, request.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.json()["errors"]["secret"]["code"], "UNAVAILABLE");
    assert_eq!(call_with(&app, "plain", "{}", &[cookie]).await.status, 200);
    assert_eq!(
        call_with(&app, "who", "{}", &[]).await.status,
        200,
        "who has no session"
    );
}
