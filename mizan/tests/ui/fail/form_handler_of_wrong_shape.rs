#[mizan::form]
struct ContactForm {
    name: String,
}

#[mizan::form_handler]
impl ContactForm {
    async fn submit(self) -> mizan::Result<()> {
        Ok(())
    }
}

#[mizan::form]
struct OtherForm {
    name: String,
}

#[mizan::form_handler(private, cache = "5m")]
impl FormHandler for OtherForm {
    type Answer = String;
    const MOST: usize = 5;
}

#[mizan::form_handler]
struct Nothing;

fn main() {}
