//! What the compiler can't see of the program as a whole stops the server at start.

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

mod five {
    #[mizan::context]
    pub(crate) struct ProfileContext {
        pub(crate) user_id: i64,
    }

    #[mizan::client(context = ProfileContext)]
    pub(crate) async fn user_name(user_id: i64) -> mizan::Result<String> {
        Ok(user_id.to_string())
    }

    #[mizan::client(affects = ProfileContext)]
    pub async fn rename(user_id: String) -> mizan::Result<String> {
        Ok(user_id)
    }

    #[mizan::client(merge = user_name)]
    pub async fn rename_somebody(id: i64) -> mizan::Result<String> {
        Ok(id.to_string())
    }

    #[mizan::client(affects = [ProfileContext(user_id = id), mizan::Global])]
    pub async fn is_right(id: i64, user_id: String) -> mizan::Result<String> {
        Ok(format!("{id}{user_id}"))
    }
}

mod six {
    #[mizan::context(name = "profile")]
    pub(crate) struct OtherContext;
}

mod seven {
    use mizan::auth::{AuthUser, AuthnBackend, GuardContext, User};
    use std::convert::Infallible;

    #[derive(Clone, Debug)]
    pub(crate) struct Account;

    impl AuthUser for Account {
        type Id = i64;

        fn id(&self) -> i64 {
            1
        }

        fn session_auth_hash(&self) -> &[u8] {
            b""
        }
    }

    impl User for Account {
        type Public = ();

        fn public(&self) {}
    }

    #[derive(Clone, Debug)]
    pub(crate) struct Other;

    impl AuthUser for Other {
        type Id = i64;

        fn id(&self) -> i64 {
            1
        }

        fn session_auth_hash(&self) -> &[u8] {
            b""
        }
    }

    impl User for Other {
        type Public = ();

        fn public(&self) {}
    }

    #[derive(Clone)]
    pub(crate) struct Accounts;

    impl AuthnBackend for Accounts {
        type User = Account;
        type Credentials = ();
        type Error = Infallible;

        async fn authenticate(&self, (): ()) -> Result<Option<Account>, Infallible> {
            Ok(None)
        }

        async fn get_user(&self, _: &i64) -> Result<Option<Account>, Infallible> {
            Ok(None)
        }
    }

    async fn check(_: &GuardContext<Other>, _: &Checked) -> mizan::Result<()> {
        Ok(())
    }

    #[mizan::client(auth = check)]
    pub async fn checked() -> mizan::Result<()> {
        Ok(())
    }
}

mod eight {
    #[mizan::client(route = "/same/{id}")]
    async fn one_view(id: i64) -> String {
        id.to_string()
    }

    #[mizan::client(route = "/same/{id}", methods = [POST, GET])]
    async fn other_view(id: i64) -> String {
        id.to_string()
    }

    // These are two
    #[mizan::client(route = "/same/{id}/{tab}")]
    async fn third_view(id: i64, tab: String) -> String {
        format!("{id}{tab}")
    }

    #[mizan::client(route = "/same/{user}", methods = [DELETE])]
    async fn fourth_view(user: i64) -> String {
        user.to_string()
    }

    #[mizan::client(route = "/list")]
    async fn list() {}

    #[mizan::client(route = "/rename/{user_id}", methods = [POST], affects = super::five::ProfileContext)]
    async fn rename_by_form(user_id: u8) -> String {
        user_id.to_string()
    }
}

mod nine {
    #[mizan::form(name = "letter")]
    struct OneForm {
        user_id: String,
    }

    #[mizan::form_handler(affects = super::five::ProfileContext)]
    impl FormHandler for OneForm {
        async fn submit(self) -> mizan::Result<()> {
            drop(self.user_id);
            Ok(())
        }
    }

    #[mizan::form]
    struct LetterForm;

    #[mizan::form_handler]
    impl FormHandler for LetterForm {
        async fn submit(self) -> mizan::Result<()> {
            Ok(())
        }
    }
}

#[test]
fn all_are_listed_with_their_places() {
    let mizan = mizan::Mizan::new(support::options()).users(seven::Accounts);
    let error = mizan.trusted_proxies(["proxy"]).api().unwrap_err();
    assert_eq!(
        error.mistakes(),
        [
            "2 functions are named `echo`: mizan/tests/graph.rs:6, mizan/tests/graph.rs:13",
            "3 functions are named `list`: mizan/tests/graph.rs:20, mizan/tests/graph.rs:27, mizan/tests/graph.rs:160",
            "2 contexts are named `profile`: mizan/tests/graph.rs:34, mizan/tests/graph.rs:61",
            "2 forms are named `letter`: mizan/tests/graph.rs:175, mizan/tests/graph.rs:186",
            "`one_view` (mizan/tests/graph.rs:139) and `other_view` (mizan/tests/graph.rs:144) are for GET /same/{id}",
            "/same/{user} of `fourth_view` (mizan/tests/graph.rs:155) and /same/{id} of `one_view` \
             (mizan/tests/graph.rs:139) are the same paths: give the arguments in them the same names",
            "`letter.submit` changes `profile`, and its argument `user_id` has another type than the parameter `user_id`: \
             give it that type, map another with `(user_id = ..)`, or write `(..)` for all instances \
             (mizan/tests/graph.rs:175)",
            "`rename` changes `profile`, and its argument `user_id` has another type than the parameter `user_id`: \
             give it that type, map another with `(user_id = ..)`, or write `(..)` for all instances \
             (mizan/tests/graph.rs:44)",
            "`rename_somebody` merges into `profile`, and has no argument for its parameter `user_id`: \
             the result belongs to one instance (mizan/tests/graph.rs:49)",
            "`rename_by_form` changes `profile`, and its argument `user_id` has another type than the parameter `user_id`: \
             give it that type, map another with `(user_id = ..)`, or write `(..)` for all instances \
             (mizan/tests/graph.rs:163)",
            "\"proxy\" is neither an address nor a network such as \"10.0.0.0/8\"",
            "the check of `checked` is for users of type `graph::seven::Other`, those of the server \
             are `graph::seven::Account` (mizan/tests/graph.rs:132)",
        ]
    );
    assert!(error.to_string().starts_with("the server can't start: "));
}
