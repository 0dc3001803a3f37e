//! Mutations over HTTP: what an answer says went stale, and what it brings anew.

mod support;

use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode, header},
};
use mizan::{Error, Mizan};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use support::{Answer, options, send};

/// A database: names by number, and how often members ran.
#[derive(Clone, Default)]
struct Names(Arc<Mutex<Vec<(i64, String)>>>, Arc<Mutex<Vec<String>>>);

impl Names {
    fn get(&self, user_id: i64) -> String {
        let names = self.0.lock().expect("not poisoned");
        let known = names.iter().rev().find(|(id, _)| *id == user_id);
        known.map_or_else(|| format!("user {user_id}"), |(_, name)| name.clone())
    }

    fn set(&self, user_id: i64, name: &str) {
        self.0
            .lock()
            .expect("not poisoned")
            .push((user_id, name.to_owned()));
    }

    fn ran(&self, what: String) {
        self.1.lock().expect("not poisoned").push(what);
    }

    fn runs(&self) -> Vec<String> {
        let mut runs = std::mem::take(&mut *self.1.lock().expect("not poisoned"));
        runs.sort();
        runs
    }
}

#[mizan::context]
struct ProfileContext {
    user_id: i64,
}

#[mizan::client(context = ProfileContext)]
async fn user_name(user_id: i64) -> mizan::Result<String> {
    let names: Names = mizan::state();
    names.ran(format!("name {user_id}"));
    Ok(names.get(user_id))
}

#[mizan::client(context = ProfileContext)]
async fn user_length(user_id: i64) -> mizan::Result<usize> {
    let names: Names = mizan::state();
    names.ran(format!("length {user_id}"));
    match names.get(user_id).as_str() {
        "broken" => Err(std::io::Error::other("no length"))?,
        "secret" => Err(Error::forbidden("not for you")),
        name => Ok(name.len()),
    }
}

#[mizan::context]
struct BoardContext {
    board: String,
    archived: Option<bool>,
}

#[mizan::client(context = BoardContext)]
async fn board_size(board: String, archived: Option<bool>) -> mizan::Result<usize> {
    let names: Names = mizan::state();
    names.ran(format!("board {board} {archived:?}"));
    Ok(board.len())
}

#[mizan::client(context = "global")]
async fn visitor() -> mizan::Result<Option<String>> {
    let names: Names = mizan::state();
    names.ran("visitor".to_owned());
    Ok(mizan::cookies().get("visitor"))
}

#[mizan::client(affects = ProfileContext)]
async fn rename(user_id: i64, name: String) -> mizan::Result<()> {
    if name.is_empty() {
        return Err(Error::invalid_field("name", "is empty"));
    }
    mizan::state::<Names>().set(user_id, &name);
    Ok(())
}

#[mizan::client(affects = ProfileContext(user_id = owner))]
async fn rename_owner(owner: i64, name: String) -> mizan::Result<()> {
    rename(owner, name).await
}

#[mizan::client(affects = [ProfileContext(..), own("global")])]
async fn rename_everybody(name: String) -> mizan::Result<()> {
    mizan::cookies().set(("visitor", name));
    Ok(())
}

#[mizan::client(merge = user_name)]
async fn shout(user_id: i64) -> mizan::Result<String> {
    let names: Names = mizan::state();
    let name = names.get(user_id).to_uppercase();
    names.set(user_id, &name);
    Ok(name)
}

#[mizan::client(affects = BoardContext)]
async fn tidy(board: String) -> mizan::Result<()> {
    let _ = board;
    Ok(())
}

#[mizan::client]
async fn tidy_some(boards: Vec<String>, fail: bool) -> mizan::Result<()> {
    for board in boards {
        mizan::invalidate(BoardContext {
            board,
            archived: None,
        });
    }
    mizan::invalidate_all::<mizan::Global>();
    if fail {
        Err(Error::conflict("not today"))
    } else {
        Ok(())
    }
}

#[mizan::client(affects = BoardContext)]
async fn rename_and_fail(user_id: i64) -> mizan::Result<()> {
    rename(user_id, "kept".to_owned()).await?;
    let _ = tidy_some(vec!["lost".to_owned()], true).await;
    Err(Error::conflict("after all"))
}

/// As in the tests of the browser's half.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct Note {
    text: String,
}

#[mizan::client]
async fn fingerprint(notes: Option<Vec<Note>>) -> mizan::Result<Note> {
    let first = notes.into_iter().flatten().next();
    first.ok_or_else(|| Error::not_found("no notes"))
}

fn app() -> (Router, Names) {
    let names = Names::default();
    let app = Mizan::new(options()).provide(names.clone()).api();
    (app.expect("the functions fit together"), names)
}

async fn mutate(app: &Router, function: &str, arguments: Value, mounted: &[u8]) -> Answer {
    let mut request = Request::post(format!("/api/mizan/call/{function}"))
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::COOKIE, "visitor=before");
    if !mounted.is_empty() {
        request = request.header("mizan-mounted", mounted);
    }
    send(
        app,
        request
            .body(Body::from(arguments.to_string()))
            .expect("a request"),
    )
    .await
}

#[tokio::test]
async fn the_arguments_say_which_instances_are_stale() {
    let (app, _) = app();
    for (function, arguments, header, invalidate) in [
        (
            "rename",
            json!({"user_id": 5, "name": "Ada"}),
            "profile;user_id=5",
            json!([{"context": "profile", "params": {"user_id": 5}}]),
        ),
        (
            "rename_owner",
            json!({"owner": -7, "name": "Ada"}),
            "profile;user_id=-7",
            json!([{"context": "profile", "params": {"user_id": -7}}]),
        ),
        (
            "rename",
            json!({"user_id": i64::MAX, "name": "Ada"}),
            "profile;user_id=\"9223372036854775807\"",
            json!([{"context": "profile", "params": {"user_id": i64::MAX}}]),
        ),
        (
            "rename_everybody",
            json!({"name": "Ada"}),
            "profile, global",
            json!([{"context": "profile"}, {"context": "global"}]),
        ),
        (
            "tidy",
            json!({"board": "a \"b\" \u{e9}%"}),
            "board;board=%\"a %22b%22 %c3%a9%25\"",
            json!([{"context": "board", "params": {"board": "a \"b\" \u{e9}%"}}]),
        ),
        (
            "tidy_some",
            json!({"boards": ["x", "y", "x"], "fail": false}),
            "board;board=\"x\", board;board=\"y\", global",
            json!([
                {"context": "board", "params": {"archived": null, "board": "x"}},
                {"context": "board", "params": {"archived": null, "board": "y"}},
                {"context": "global"},
            ]),
        ),
    ] {
        let answer = mutate(&app, function, arguments, b"").await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        assert_eq!(answer.header("mizan-invalidate"), header);
        assert_eq!(
            answer.json(),
            json!({"result": null, "invalidate": invalidate})
        );
    }
}

#[tokio::test]
async fn what_is_shown_comes_anew_with_the_answer() {
    let (app, names) = app();
    let arguments = json!({"user_id": 5, "name": "Ada"});
    let mounted = b"profile;user_id=6, profile;user_id=5, global, board;board=\"x\"";
    let answer = mutate(&app, "rename", arguments, mounted).await;
    assert_eq!(
        answer.json()["refreshed"],
        json!([{
            "context": "profile", "params": {"user_id": 5},
            "data": {"user_length": 3, "user_name": "Ada"},
        }])
    );
    assert_eq!(
        names.runs(),
        ["length 5", "name 5"],
        "each once, and nothing else"
    );

    let mounted = b"profile;user_id=6, profile;user_id=5, global, profile;user_id=6";
    let answer = mutate(&app, "rename_everybody", json!({"name": "Bo"}), mounted).await;
    let refreshed = answer.json()["refreshed"].clone();
    assert_eq!(refreshed.as_array().map(Vec::len), Some(3), "{refreshed}");
    assert_eq!(
        refreshed[2]["data"],
        json!({"visitor": "Bo"}),
        "as the caller is by then"
    );
    assert_eq!(names.runs().len(), 5);

    let answer = mutate(
        &app,
        "tidy",
        json!({"board": "x"}),
        b"board;board=\"x\", board;archived;board=\"x\", board;archived=?0;board=\"y\"",
    )
    .await;
    assert_eq!(answer.json()["refreshed"].as_array().map(Vec::len), Some(2));
    assert_eq!(names.runs(), ["board x None", "board x Some(true)"]);
}

#[tokio::test]
async fn a_result_is_merged() {
    let (app, names) = app();
    let answer = mutate(&app, "shout", json!({"user_id": 5}), b"profile;user_id=5").await;
    assert_eq!(
        answer.json(),
        json!({
            "result": "USER 5",
            "merge": [{"context": "profile", "params": {"user_id": 5}, "member": "user_name", "value": "USER 5"}],
        })
    );
    assert_eq!(answer.header("mizan-invalidate"), "profile;user_id=5");
    assert_eq!(names.runs(), [""; 0], "nothing is fetched");
}

#[tokio::test]
async fn a_call_that_fails_takes_its_own_effects_with_it() {
    let (app, names) = app();
    let mounted = b"profile;user_id=5";
    let answer = mutate(&app, "rename", json!({"user_id": 5, "name": ""}), mounted).await;
    assert_eq!(answer.code(), "VALIDATION_ERROR");
    assert_eq!(answer.json().get("invalidate"), None);
    assert_eq!(answer.header("mizan-invalidate"), "");

    let answer = mutate(&app, "rename_and_fail", json!({"user_id": 5}), mounted).await;
    assert_eq!(answer.code(), "CONFLICT");
    assert_eq!(
        answer.json()["invalidate"],
        json!([{"context": "profile", "params": {"user_id": 5}}]),
        "what a call inside of it did is done"
    );
    assert_eq!(answer.header("mizan-invalidate"), "profile;user_id=5");
    assert_eq!(names.runs(), [""; 0]);
}

#[tokio::test]
async fn a_refresh_that_fails_falls_back_to_invalidation() {
    let (app, names) = app();
    let mounted = b"profile;user_id=5";
    let answer = mutate(
        &app,
        "rename",
        json!({"user_id": 5, "name": "broken"}),
        mounted,
    )
    .await;
    assert_eq!(answer.status, StatusCode::OK, "the mutation itself is done");
    assert_eq!(answer.json().get("refreshed"), None);
    assert_eq!(answer.json()["invalidate"][0]["context"], "profile");
    // An error that is meant for the caller is an answer like any other
    let answer = mutate(
        &app,
        "rename",
        json!({"user_id": 5, "name": "secret"}),
        mounted,
    )
    .await;
    assert_eq!(
        answer.json()["refreshed"][0]["errors"]["user_length"]["code"],
        "FORBIDDEN"
    );
    assert_eq!(names.runs().len(), 4);
}

#[tokio::test]
async fn a_header_that_asks_for_too_much_is_ignored() {
    let (app, names) = app();
    let long = [b"profile;user_id=5".to_vec(), vec![b' '; 64 * 1024]].concat();
    let many: Vec<_> = (0..10_000)
        .map(|n| format!("profile;user_id={n}"))
        .collect();
    let many = many.join(", ").into_bytes();
    let rename = || json!({"user_id": 5, "name": "Ada"});
    for mounted in [
        &long[..],
        &many,
        b"profile;user_id=",
        b"profile;user_id=5,",
        b"\"profile\";user_id=5",
        b"(profile;user_id=5)",
        b"profile;user_id=\"five\"",
        b"profile;user_id=5.0",
        b"profile",
        b"profile;user_id=5;admin",
        b"nobody;user_id=5",
        b"profile;user_id=:NQ==:",
        b"\xff\xfe",
        b"../profile",
    ] {
        let answer = mutate(&app, "rename", rename(), mounted).await;
        assert_eq!(
            answer.status,
            StatusCode::OK,
            "never an error of the mutation itself"
        );
        assert_eq!(
            answer.json().get("refreshed"),
            None,
            "{}",
            String::from_utf8_lossy(mounted)
        );
    }
    // One bad entry leaves the others
    let mounted = b"nobody, profile;user_id=\"x\", profile;user_id=5, profile;user_id=5";
    let answer = mutate(&app, "rename", rename(), mounted).await;
    assert_eq!(answer.json()["refreshed"].as_array().map(Vec::len), Some(1));
    assert_eq!(names.runs().len(), 2);
    // As many as are worth it
    let many: Vec<_> = (0..200).map(|n| format!("profile;user_id={n}")).collect();
    let answer = mutate(
        &app,
        "rename_everybody",
        json!({"name": "x"}),
        many.join(",").as_bytes(),
    )
    .await;
    assert_eq!(
        answer.json()["refreshed"].as_array().map(Vec::len),
        Some(64)
    );
}

#[tokio::test]
async fn a_page_that_was_built_before_is_told_to_load_anew() {
    let (app, _) = app();
    let request = Request::post("/api/mizan/call/fingerprint")
        .header(header::CONTENT_TYPE, "application/json")
        .header("mizan-build", "c4f87c7c77157eb1")
        .body(Body::from(r#"{"notes":5}"#))
        .expect("a request");
    assert_eq!(
        send(&app, request).await.code(),
        "VALIDATION_ERROR",
        "what the browser's half of this build sends is known"
    );
    let call = async |build: &str, body: &str| {
        let request = Request::post("/api/mizan/call/rename")
            .header(header::CONTENT_TYPE, "application/json")
            .header("mizan-build", build)
            .body(Body::from(body.to_owned()))
            .expect("a request");
        send(&app, request).await.code()
    };
    assert_eq!(
        call("0123456789abcdef", r#"{"user_id":5}"#).await,
        "OUTDATED_CLIENT"
    );
    assert_eq!(
        call("0123456789abcdef", r#"{"user_id":5,"name":"a"}"#).await,
        "no code"
    );
}
