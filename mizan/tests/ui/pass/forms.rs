//! What a form may be.

use mizan::form::Report;

/// Nothing at all.
#[mizan::form]
struct Nothing;

#[mizan::form_handler]
impl FormHandler for Nothing {
    async fn submit(self) -> mizan::Result<()> {
        Ok(())
    }
}

#[mizan::choices]
#[derive(Clone, Copy, PartialEq)]
pub enum Color {
    Red,
    #[choice(label = "Like the sky", value = "blue")]
    r#SkyBlue,
}

#[mizan::form(name = "row")]
pub struct ItemForm {
    text: String,
    color: Option<Color>,
}

/// With everything.
#[mizan::form(
    name = "everything",
    title = "Everything",
    submit_label = "Send",
    check = together,
    live_validation
)]
#[derive(Default)]
pub struct EverythingForm {
    /// What it is.
    #[field(label = "Type", help = "a", placeholder = "b", autocomplete = "off")]
    pub r#type: String,
    #[field(email(message = "no"), widget = "text")]
    #[field(contains("@"), prefix("a", message = "no"), suffix("z"))]
    email: Option<String>,
    #[field(url, ascii, required = false)]
    url: String,
    #[field(widget = "password", length(min = 8, message = "no"))]
    password: String,
    #[field(widget = "password", matches(password))]
    again: String,
    #[field(range(min = -1.5, max = 10), default = 3, required(message = "no"))]
    number: Option<i64>,
    #[field(required)]
    terms: bool,
    #[field(widget = "radio")]
    color: Option<Color>,
    #[field(widget = "select", custom(is_first), custom(self::is_first))]
    colors: Vec<Color>,
    address: Option<ItemForm>,
    #[field(length(min = 1, max = 10), required)]
    items: Vec<ItemForm>,
}

fn together(form: &EverythingForm, report: &mut Report) {
    if form.terms {
        report.form("no");
    }
}

fn is_first(colors: &Vec<Color>) -> Result<(), String> {
    (colors.first() == Some(&Color::Red))
        .then_some(())
        .ok_or_else(|| "no".to_owned())
}

#[mizan::context]
pub struct ShelfContext {
    pub r#type: String,
    pub owner: String,
}

#[mizan::client(context = "global")]
pub async fn total() -> mizan::Result<u8> {
    Ok(1)
}

#[mizan::form_handler(
    affects = [ShelfContext(owner = url), own("global")],
    merge = total,
    auth = "staff",
    rate = "10/min"
)]
impl mizan::form::FormHandler for EverythingForm {
    type Output = u8;

    async fn check(&self, report: &mut Report) -> mizan::Result<()> {
        report.field("items.0.text", "is taken");
        Ok(())
    }

    async fn submit(self) -> mizan::Result<Self::Output> {
        Ok(1)
    }
}

fn main() {}
