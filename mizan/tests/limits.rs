//! How often a function may be called, and by whom it is counted.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod support;
#[path = "support/users.rs"]
mod users;

use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{Request, header},
};
use mizan::{Mizan, Rate};
use std::net::SocketAddr;
use support::{Answer, options, send};
use users::{Accounts, session_of};

#[mizan::client(rate = "3/min")]
async fn rare() -> mizan::Result<()> {
    Ok(())
}

#[mizan::client(rate = "3/hour", auth)]
async fn rare_and_guarded() -> mizan::Result<()> {
    Ok(())
}

#[mizan::client]
async fn nested() -> mizan::Result<()> {
    rare().await
}

#[mizan::client]
async fn other() -> mizan::Result<()> {
    Ok(())
}

#[mizan::context]
struct RareContext {}

#[mizan::client(context = RareContext, rate = "2/day")]
async fn rare_member() -> mizan::Result<()> {
    Ok(())
}

/// A call from an address.
async fn call(app: &Router, function: &str, from: &str, headers: &[(&str, &str)]) -> Answer {
    let path = match function {
        "rare_member" => "/api/mizan/ctx/rare".to_owned(),
        name => format!("/api/mizan/call/{name}"),
    };
    let mut request = match function {
        "rare_member" => Request::get(path),
        _ => Request::post(path).header(header::CONTENT_TYPE, "application/json"),
    };
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut request = request.body(Body::from("{}")).unwrap();
    let from = SocketAddr::new(from.parse().unwrap(), 4711);
    request.extensions_mut().insert(ConnectInfo(from));
    send(app, request).await
}

async fn statuses(app: &Router, function: &str, from: &str, headers: &[(&str, &str)]) -> Vec<u16> {
    let mut statuses = Vec::new();
    for _ in 0..4 {
        statuses.push(call(app, function, from, headers).await.status.as_u16());
    }
    statuses
}

fn server() -> Mizan {
    Mizan::new(options()).users(Accounts::new())
}

const LIMITED: [u16; 4] = [200, 200, 200, 429];

#[tokio::test]
async fn by_address() {
    let app = server().api().unwrap();
    assert_eq!(statuses(&app, "rare", "1.1.1.1", &[]).await, LIMITED);
    let refused = call(&app, "rare", "1.1.1.1", &[]).await;
    assert_eq!(refused.code(), "TOO_MANY_REQUESTS");
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=20).contains(&wait), "{wait}");
    assert_eq!(refused.json()["error"]["details"]["retry_after"], wait);

    assert_eq!(statuses(&app, "rare", "1.1.1.2", &[]).await, LIMITED);
    assert_eq!(statuses(&app, "other", "1.1.1.1", &[]).await, [200; 4]);
    // One visitor has a whole /64
    assert_eq!(statuses(&app, "rare", "2001:db8::1", &[]).await, LIMITED);
    assert_eq!(call(&app, "rare", "2001:db8::2", &[]).await.status, 429);
    assert_eq!(call(&app, "rare", "2001:db8:0:1::1", &[]).await.status, 200);
    assert_eq!(call(&app, "rare", "::ffff:1.1.1.1", &[]).await.status, 429);
}

#[tokio::test]
async fn by_user() {
    let app = server().api().unwrap();
    let (user, staff) = (
        session_of(&app, "user").await,
        session_of(&app, "staff").await,
    );
    let again = session_of(&app, "user").await;
    let user = [("cookie", user.as_str())];
    assert_eq!(
        statuses(&app, "rare_and_guarded", "1.1.1.1", &user).await,
        LIMITED
    );
    // Somewhere else, and with another session
    assert_eq!(
        call(&app, "rare_and_guarded", "1.1.1.2", &user)
            .await
            .status,
        429
    );
    let again = [("cookie", again.as_str())];
    assert_eq!(
        call(&app, "rare_and_guarded", "1.1.1.1", &again)
            .await
            .status,
        429
    );
    let staff = [("cookie", staff.as_str())];
    assert_eq!(
        statuses(&app, "rare_and_guarded", "1.1.1.1", &staff).await,
        LIMITED
    );
}

#[tokio::test]
async fn however_it_is_called() {
    let app = server().api().unwrap();
    assert_eq!(statuses(&app, "nested", "1.1.1.1", &[]).await, LIMITED);
    assert_eq!(call(&app, "rare", "1.1.1.1", &[]).await.status, 429);
    for run in 0..3 {
        let answer = call(&app, "rare_member", "1.1.1.1", &[]).await;
        assert_eq!(answer.status, 200, "a bundle as a whole is answered");
        let error = &answer.json()["errors"]["rare_member"];
        assert_eq!(error.is_object(), run == 2, "{error}");
    }
}

#[tokio::test]
async fn the_default_is_for_functions_without_a_rate() {
    let app = server().rate_limit(Rate::per_hour(3)).api().unwrap();
    assert_eq!(statuses(&app, "other", "1.1.1.1", &[]).await, LIMITED);
    assert_eq!(
        statuses(&app, "who", "1.1.1.1", &[]).await,
        LIMITED,
        "each by itself"
    );
    assert_eq!(statuses(&app, "rare", "1.1.1.1", &[]).await, LIMITED);
}

#[tokio::test]
async fn what_a_header_says_of_the_address_counts_from_a_proxy_alone() {
    let forwarded = |address| {
        [
            ("x-forwarded-for", address),
            ("x-real-ip", address),
            ("forwarded", address),
        ]
    };
    let app = server().api().unwrap();
    for address in ["1.1.1.1", "1.1.1.2", "1.1.1.3"] {
        assert_eq!(
            call(&app, "rare", "9.9.9.9", &forwarded(address))
                .await
                .status,
            200
        );
    }
    assert_eq!(
        call(&app, "rare", "9.9.9.9", &forwarded("1.1.1.4"))
            .await
            .status,
        429
    );

    let app = server().trusted_proxies(["10.0.0.0/8"]).api().unwrap();
    assert_eq!(
        statuses(&app, "rare", "10.0.0.1", &forwarded("1.1.1.1")).await,
        LIMITED
    );
    assert_eq!(
        call(&app, "rare", "10.0.0.1", &forwarded("1.1.1.2"))
            .await
            .status,
        200
    );
    let made_up = forwarded("6.6.6.6, 1.1.1.1");
    assert_eq!(call(&app, "rare", "10.0.0.1", &made_up).await.status, 429);
}

#[tokio::test]
async fn attempts_count_whatever_they_bring() {
    let app = server().api().unwrap();
    for expected in [422, 422, 422, 429] {
        assert_eq!(
            support::call(&app, "rare", r#"{"x":1}"#).await.status,
            expected
        );
    }
    // Denied ones, too
    for expected in [401, 401, 401, 429] {
        assert_eq!(
            support::call(&app, "rare_and_guarded", "{}").await.status,
            expected
        );
    }
}

#[tokio::test]
async fn without_addresses_all_strangers_are_one() {
    let app = server().api().unwrap();
    for expected in LIMITED {
        assert_eq!(support::call(&app, "rare", "{}").await.status, expected);
    }
}
