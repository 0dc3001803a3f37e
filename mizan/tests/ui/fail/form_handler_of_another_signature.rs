#[mizan::form]
struct ContactForm {
    name: String,
}

#[mizan::form_handler]
impl FormHandler for ContactForm {
    type Output = u8;

    async fn submit(&self) -> mizan::Result<u8> {
        Ok(1)
    }
}

#[mizan::form]
struct OtherForm {
    name: String,
}

#[mizan::form_handler]
impl FormHandler for OtherForm {
    async fn submit(self) -> mizan::Result<String> {
        Ok(self.name)
    }

    async fn validate(&self) -> mizan::Result<()> {
        Ok(())
    }
}

fn main() {}
