//! Accounts as the server knows them; the browser never has this module.

use crate::accounts::Profile;
use mizan::auth::{AuthUser, AuthnBackend, User, password};
use sqlx::AnyPool;
use std::fmt;

/// A row of the table.
#[derive(Clone)]
pub struct Account {
    id: i64,
    pub name: String,
    password: String,
    is_staff: bool,
}

impl AuthUser for Account {
    type Id = i64;

    fn id(&self) -> i64 {
        self.id
    }

    /// Another password ends every session.
    fn session_auth_hash(&self) -> &[u8] {
        self.password.as_bytes()
    }
}

impl User for Account {
    type Public = Profile;

    fn public(&self) -> Profile {
        Profile {
            name: self.name.clone(),
            is_staff: self.is_staff,
        }
    }

    fn is_staff(&self) -> bool {
        self.is_staff
    }
}

/// Without the password's hash: accounts end up in logs.
impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// What somebody signs in with.
pub struct Credentials {
    pub name: String,
    pub password: String,
}

const BY_NAME: &str =
    "SELECT id, name, password, is_staff FROM accounts WHERE lower(name) = lower($1)";
const BY_ID: &str = "SELECT id, name, password, is_staff FROM accounts WHERE id = $1";

/// The table of accounts: where Mizan finds users.
#[derive(Clone, Debug)]
pub struct Accounts(pub AnyPool);

impl AuthnBackend for Accounts {
    type User = Account;
    type Credentials = Credentials;
    type Error = Failed;

    async fn authenticate(&self, credentials: Credentials) -> Result<Option<Account>, Failed> {
        let account = self.find(BY_NAME, credentials.name).await?;
        // A name that nobody has takes as long as a wrong password
        let hash = account.as_ref().map(|account| account.password.as_str());
        let is_right = password::verify(&credentials.password, hash).await?;
        Ok(account.filter(|_| is_right))
    }

    async fn get_user(&self, id: &i64) -> Result<Option<Account>, Failed> {
        self.find(BY_ID, *id).await
    }
}

impl Accounts {
    /// Opens an account; `None` where the name is taken.
    ///
    /// # Errors
    ///
    /// When the database can't be reached.
    pub async fn create(&self, name: &str, password: &str) -> Result<Option<Account>, Failed> {
        let insert = "INSERT INTO accounts (name, password) VALUES ($1, $2)";
        let hash = password::hash(password).await?;
        let inserted = sqlx::query(insert)
            .bind(name)
            .bind(hash)
            .execute(&self.0)
            .await;
        match inserted {
            Ok(_) => self.find(BY_NAME, name.to_owned()).await,
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes somebody staff; whether there is such a name.
    ///
    /// # Errors
    ///
    /// When the database can't be reached.
    pub async fn make_staff(&self, name: &str) -> Result<bool, Failed> {
        let update = "UPDATE accounts SET is_staff = 1 WHERE lower(name) = lower($1)";
        let updated = sqlx::query(update).bind(name).execute(&self.0).await?;
        Ok(updated.rows_affected() > 0)
    }

    async fn find<T>(&self, select: &'static str, value: T) -> Result<Option<Account>, Failed>
    where
        T: for<'q> sqlx::Encode<'q, sqlx::Any> + sqlx::Type<sqlx::Any> + 'static,
    {
        let row: Option<(i64, String, String, i64)> = sqlx::query_as(select)
            .bind(value)
            .fetch_optional(&self.0)
            .await?;
        Ok(row.map(|(id, name, password, is_staff)| Account {
            id,
            name,
            password,
            is_staff: is_staff != 0,
        }))
    }
}

/// Why an account could not be looked up.
#[derive(Debug)]
pub struct Failed(String);

impl From<sqlx::Error> for Failed {
    fn from(error: sqlx::Error) -> Self {
        Self(error.to_string())
    }
}

impl From<mizan::Error> for Failed {
    fn from(error: mizan::Error) -> Self {
        Self(error.to_string())
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failed {}
