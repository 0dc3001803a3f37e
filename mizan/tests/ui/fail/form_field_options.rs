#[mizan::form]
struct WrongForm {
    #[field(labell = "x")]
    unknown: String,
    #[field(label = "x", label = "y")]
    twice: String,
    #[field(widget = "box")]
    widget: String,
    #[field(required = 1, label("x"))]
    required: String,
    #[field(email = true)]
    value: String,
    #[field(length)]
    bounds: String,
    #[field(length(most = 3), range(min = "x"))]
    bound: String,
    #[field(length(min = 3, max = 2))]
    nothing: String,
    #[field(contains, prefix(1))]
    texts: String,
    #[field(matches(other))]
    same: String,
    #[field(matches(itself))]
    itself: String,
    #[field(custom, email(text = "x"))]
    custom: String,
    #[field]
    empty: String,
}

fn main() {}
