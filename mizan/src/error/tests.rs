use super::*;

fn json(error: &Error) -> String {
    serde_json::to_string(&ErrorEnvelope { error }).unwrap()
}

#[test]
fn every_code_survives_the_wire() {
    for &code in Code::ALL {
        let sent = Error::new(code, "why");
        let text = json(&sent);
        assert_eq!(
            text,
            format!(r#"{{"error":{{"code":"{code}","message":"why"}}}}"#)
        );
        let received = ErrorEnvelope::open(&text).unwrap();
        assert_eq!(received, sent);
    }
}

#[test]
fn details_survive_the_wire() {
    let sent = Error::invalid_field("email", "is taken");
    let received = ErrorEnvelope::open(&json(&sent)).unwrap();
    assert_eq!(received.fields()["email"], ["is taken"]);
    assert_eq!(received.message(), "`email`: is taken");
}

#[test]
fn a_cause_is_kept_for_the_log_and_never_written() {
    let error = Error::from(std::io::Error::other("secret path /etc/db"));
    assert_eq!(error.code(), Code::Internal);
    assert!(!json(&error).contains("secret"));
    assert!(!error.to_string().contains("secret"));
    assert_eq!(error.cause().unwrap().to_string(), "secret path /etc/db");

    let mut seen = Vec::new();
    let clone = error.clone();
    error.log_once(|cause, at| seen.push((cause.to_string(), at.file().to_owned())));
    clone.log_once(|cause, at| seen.push((cause.to_string(), at.file().to_owned())));
    assert_eq!(seen.len(), 1, "logged once however often it is passed on");
    assert!(
        seen[0].1.ends_with("error/tests.rs"),
        "with the place of the conversion"
    );
}

#[test]
fn a_code_from_a_newer_server_is_internal() {
    let error: Error = serde_json::from_str(r#"{"code":"TEAPOT","message":"short"}"#).unwrap();
    assert_eq!((error.code(), error.message()), (Code::Internal, "short"));
}
