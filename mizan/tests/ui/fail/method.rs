struct Service;

impl Service {
    #[mizan::client]
    pub async fn f(&self) -> mizan::Result<()> {
        Ok(())
    }
}

fn main() {}
