#[mizan::form]
struct WidgetForm {
    #[field(widget = "textarea")]
    flag: bool,
}

fn main() {}
