//! A `cfg` that would be about a part of what is generated only.

#[mizan::client]
#[cfg(unix)]
async fn home() -> mizan::Result<String> {
    Ok(String::new())
}

fn main() {}
