//! Letters to the team, from whoever has something to say.

mizan::server! {
    use mizan::form::{Choices, Report};
    use sqlx::AnyPool;
}

/// What a letter is about.
#[mizan::choices]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topic {
    #[choice(label = "A question")]
    Question,
    #[choice(label = "Something is broken")]
    Fault,
    #[choice(label = "Something is good")]
    Praise,
}

/// A letter. The rules are looked at while it is written, and by the server in any case.
#[mizan::form(
    submit_label = "Send it",
    success = "Thank you. Your letter is with us."
)]
pub struct ContactForm {
    #[field(label = "Your name", length(max = 100), autocomplete = "name")]
    pub name: String,
    #[field(
        label = "Your e-mail address",
        help = "For our answer, and for nothing else",
        email
    )]
    pub email: String,
    #[field(label = "What is it about?", widget = "radio", default = Topic::Question)]
    pub topic: Topic,
    #[field(widget = "textarea", length(min = 10, max = 2000))]
    pub message: String,
}

#[mizan::form_handler(rate = "10/min")]
impl FormHandler for ContactForm {
    /// What only the database knows.
    async fn check(&self, report: &mut Report) -> mizan::Result<()> {
        let pool: AnyPool = mizan::state();
        let same = "SELECT COUNT(*) FROM letters WHERE email = $1 AND message = $2";
        let (same,): (i64,) = sqlx::query_as(same)
            .bind(&self.email)
            .bind(&self.message)
            .fetch_one(&pool)
            .await?;
        if same > 0 {
            report.field("message", "is one that we have from you already");
        }
        Ok(())
    }

    async fn submit(self) -> mizan::Result<()> {
        let pool: AnyPool = mizan::state();
        sqlx::query("INSERT INTO letters (name, email, topic, message) VALUES ($1, $2, $3, $4)")
            .bind(self.name)
            .bind(self.email)
            .bind(Topic::CHOICES[self.topic.index()].value)
            .bind(self.message)
            .execute(&pool)
            .await?;
        Ok(())
    }
}
