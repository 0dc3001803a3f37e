//! What has to compile: the same functions in as many shapes as there are.

use mizan::Call;

mod inner {
    mizan::server! {
        use std::collections::HashMap;

        fn helper() -> HashMap<u8, u8> {
            HashMap::new()
        }
    }

    /// A documented function, with an attribute of its own.
    #[mizan::client(name = Renamed, input = PostUrl)]
    #[allow(clippy::unused_async)]
    pub(crate) async fn f(
        /// The text.
        mut text: String,
        #[serde(default)] list: Vec<u8>,
        r#type: Option<u8>,
    ) -> mizan::Result<String> {
        text.push_str(&format!("{:?}{:?}{}", list, r#type, helper().len()));
        Ok(text)
    }
}

#[mizan::client]
async fn private_to_the_module() -> mizan::Result<()> {
    Ok(())
}

#[mizan::client(context = "global")]
pub async fn r#match() -> ::mizan::Result<u8> {
    Ok(inner::f(String::new(), vec![], None).await?.parse::<u8>()?)
}

#[mizan::client]
async fn search(search: String, #[serde(default = "some")] limit: u8) -> mizan::Result<String> {
    Ok(format!("{search}{limit}"))
}

fn some() -> u8 {
    20
}

type Shorter = mizan::Result<Vec<Option<String>>>;

#[mizan::client]
async fn early(stop: bool) -> Shorter {
    if stop {
        return Err(mizan::Error::conflict("stopped"));
    }
    private_to_the_module().await?;
    Ok(vec![None])
}

/// Attributes for callers and for the body.
#[mizan::client(context = "global")]
#[deprecated = "for a test"]
#[must_use]
#[expect(unused_variables, reason = "in the body")]
async fn former() -> mizan::Result<u8> {
    let unused = 1;
    Ok(1)
}

#[mizan::client]
#[cfg(unix)]
async fn for_some() -> mizan::Result<u8> {
    Ok(1)
}

#[mizan::client(auth, rate = "10 / min")]
async fn guarded() -> mizan::Result<u8> {
    Ok(1)
}

#[mizan::client(context = "global", auth = "staff", rate = "1/s")]
async fn guarded_member() -> mizan::Result<u8> {
    Ok(1)
}

#[mizan::client(input = PostUrl, auth = "superuser", affects = "global", rate = "5/hour")]
async fn guarded_mutation() -> mizan::Result<u8> {
    Ok(1)
}

fn main() {
    assert_eq!(inner::Renamed::NAME, "f");
    assert_eq!(inner::Renamed::ARGUMENTS, ["text", "list", "type"]);
    assert_eq!(Match::PATH, "/api/mizan/call/match");
    let _hook: fn() -> mizan::Query<u8> = use_match;
    let _ = early(true);
    let _ = search(String::new(), 1);
}
