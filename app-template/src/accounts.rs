//! Who is looking at the page: signing up, in and out.

use serde::{Deserialize, Serialize};

mizan::server! {
    use crate::users::{Account, Accounts, Credentials};
    use mizan::{
        Error,
        auth::{self, User},
    };
    use sqlx::AnyPool;

    /// How many letters a name may have.
    const LONGEST_NAME: usize = 40;

    /// How many letters a password has at least (NIST SP 800-63B, section 5.1.1).
    const SHORTEST_PASSWORD: usize = 8;
}

/// What everybody may know of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    pub name: String,
    pub is_staff: bool,
}

/// A member of the global context: it runs once for each page, on the server, and is part of what
/// the server sends. The browser asks for it again when somebody signs in or out.
#[mizan::client(context = "global")]
pub async fn current_account() -> mizan::Result<Option<Profile>> {
    let account = mizan::current_user::<Account>().await?;
    Ok(account.map(|account| account.public()))
}

/// Opens an account, and signs in.
///
/// `input = PostUrl`: the endpoint also takes a plain HTML form, so this works without JavaScript.
/// `rate`: nobody opens more than thirty a minute from one address.
#[mizan::client(input = PostUrl, rate = "30/min")]
pub async fn sign_up(name: String, password: String) -> mizan::Result<()> {
    let name = checked(&name).map_err(|why| Error::invalid_field("name", why))?;
    if password.chars().count() < SHORTEST_PASSWORD {
        let why = format!("a password has at least {SHORTEST_PASSWORD} letters");
        return Err(Error::invalid_field("password", why));
    }
    match accounts().create(name, &password).await? {
        Some(account) => enter(&account).await,
        None => Err(Error::invalid_field(
            "name",
            "somebody has that name already",
        )),
    }
}

/// Signs in. A wrong name and a wrong password are told in the same words, and take the same time.
#[mizan::client(input = PostUrl, rate = "30/min")]
pub async fn sign_in(name: String, password: String) -> mizan::Result<()> {
    let credentials = Credentials {
        name: name.trim().to_owned(),
        password,
    };
    match auth::authenticate::<Accounts>(credentials).await? {
        Some(account) => enter(&account).await,
        None => Err(Error::validation(
            "There is no such name, or its password is another one",
        )),
    }
}

/// Signs out.
#[mizan::client(input = PostUrl)]
pub async fn sign_out() -> mizan::Result<()> {
    auth::logout().await?;
    mizan::redirect("/");
    Ok(())
}

/// Everybody who has an account.
#[mizan::context]
pub struct StaffContext;

/// Somebody who has an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    pub name: String,
    pub is_staff: bool,
    /// When they signed up: RFC 3339, UTC.
    pub joined: String,
    pub notes: i64,
}

/// All accounts, for staff: everybody else is told so, wherever they ask. They change from the
/// command line too, which nobody tells the server: so it keeps no answer.
#[mizan::client(context = StaffContext, auth = "staff", cache = false)]
pub async fn members() -> mizan::Result<Vec<Member>> {
    let pool: AnyPool = mizan::state();
    let select = "SELECT name, is_staff, joined, (SELECT COUNT(*) FROM notes WHERE author = name)
        FROM accounts ORDER BY joined DESC, id DESC LIMIT 200";
    let rows: Vec<(String, i64, String, i64)> = sqlx::query_as(select).fetch_all(&pool).await?;
    let member = |(name, is_staff, joined, notes)| Member {
        name,
        is_staff: is_staff != 0,
        joined,
        notes,
    };
    Ok(rows.into_iter().map(member).collect())
}

mizan::server! {
    fn accounts() -> Accounts {
        Accounts(mizan::state())
    }

    async fn enter(account: &Account) -> mizan::Result<()> {
        auth::login(account).await?;
        mizan::redirect("/");
        Ok(())
    }

    fn checked(name: &str) -> Result<&str, String> {
        let name = name.trim();
        if name.is_empty() {
            return Err("tell us what to call you".to_owned());
        }
        if name.chars().count() > LONGEST_NAME {
            return Err(format!("that is more than {LONGEST_NAME} letters"));
        }
        if name.contains(char::is_control) {
            return Err("that has letters that nobody can see".to_owned());
        }
        Ok(name)
    }
}
