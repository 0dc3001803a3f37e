//! Two functions of one name stop the server at start.

mod support;

mod one {
    #[mizan::client]
    pub async fn echo() -> mizan::Result<u8> {
        Ok(1)
    }
}

mod two {
    #[mizan::client(name = Other)]
    pub async fn echo() -> mizan::Result<u8> {
        Ok(2)
    }
}

mod three {
    #[mizan::client]
    pub async fn list() -> mizan::Result<u8> {
        Ok(3)
    }
}

mod four {
    #[mizan::client]
    pub async fn list() -> mizan::Result<u8> {
        Ok(4)
    }
}

#[test]
fn all_are_listed_with_their_places() {
    let error = mizan::Mizan::new(support::options()).api().unwrap_err();
    assert_eq!(
        error.mistakes(),
        [
            "2 functions are named `echo`: mizan/tests/duplicates.rs:6, mizan/tests/duplicates.rs:13",
            "2 functions are named `list`: mizan/tests/duplicates.rs:20, mizan/tests/duplicates.rs:27",
        ]
    );
    assert!(error.to_string().starts_with("the server can't start: "));
}
