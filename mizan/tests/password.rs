//! Passwords: what is right, and what the time of an answer tells.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use mizan::auth::password;
use std::time::{Duration, Instant};

#[tokio::test]
async fn what_is_right_and_what_is_not() {
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

/// CWE-208: whoever can tell an unknown name from a wrong password knows which names there are.
#[tokio::test]
async fn an_unknown_name_takes_as_long_as_a_wrong_password() {
    let hash = password::hash("correct horse").await.unwrap();
    let (mut unknown, mut wrong) = (Vec::new(), Vec::new());
    let timed = async |hash: Option<&str>| {
        let started = Instant::now();
        assert!(!password::verify("battery staple", hash).await.unwrap());
        started.elapsed()
    };
    timed(None).await;
    // In turns, so that what else runs on the machine slows both
    for _ in 0..41 {
        unknown.push(timed(None).await);
        wrong.push(timed(Some(&hash)).await);
    }
    let ratio = median(&mut unknown).as_secs_f64() / median(&mut wrong).as_secs_f64();
    assert!((1.0 / 1.1..=1.1).contains(&ratio), "{ratio}");
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
