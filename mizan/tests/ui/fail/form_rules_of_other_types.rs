#[mizan::form]
struct RulesForm {
    #[field(email)]
    number: i32,
    #[field(range(min = 1))]
    text: String,
    #[field(length(min = 1))]
    flag: bool,
    #[field(custom(is_even))]
    odd: i64,
    #[field(default = "x")]
    default: i32,
}

fn is_even(number: &i32) -> Result<(), &'static str> {
    (number % 2 == 0).then_some(()).ok_or("is odd")
}

fn main() {}
