//! A guard to measure: users in memory, and sessions as they are by default.

use mizan::auth::{AuthUser, AuthnBackend, User};
use std::convert::Infallible;

#[derive(Clone, Debug)]
pub(crate) struct Account {
    id: i64,
}

impl AuthUser for Account {
    type Id = i64;

    fn id(&self) -> i64 {
        self.id
    }

    /// As long as that of a password: argon2id's, in the usual notation.
    fn session_auth_hash(&self) -> &[u8] {
        b"$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g"
    }
}

impl User for Account {
    type Public = i64;

    fn public(&self) -> i64 {
        self.id
    }
}

/// There is one.
#[derive(Clone, Debug)]
pub(crate) struct Accounts;

impl AuthnBackend for Accounts {
    type User = Account;
    type Credentials = ();
    type Error = Infallible;

    async fn authenticate(&self, (): ()) -> Result<Option<Account>, Infallible> {
        Ok(Some(Account { id: 1 }))
    }

    async fn get_user(&self, id: &i64) -> Result<Option<Account>, Infallible> {
        Ok(Some(Account { id: *id }))
    }
}

#[mizan::client]
pub(crate) async fn sign_in() -> mizan::Result<()> {
    match mizan::auth::authenticate::<Accounts>(()).await? {
        Some(account) => mizan::auth::login(&account).await,
        None => Err(mizan::Error::unauthorized("there is nobody")),
    }
}

/// What `echo` does, for those who have signed in.
#[mizan::client(auth)]
pub(crate) async fn guarded_echo(text: String) -> mizan::Result<mizan_page::Echoed> {
    Ok(mizan_page::Echoed { message: text })
}
