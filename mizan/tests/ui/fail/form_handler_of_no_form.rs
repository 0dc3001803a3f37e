struct ContactForm {
    name: String,
}

#[mizan::form_handler]
impl FormHandler for ContactForm {
    async fn submit(self) -> mizan::Result<()> {
        let _ = self.name;
        Ok(())
    }
}

fn main() {}
