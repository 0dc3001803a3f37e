#[mizan::form]
enum Nothing {}

#[mizan::form]
struct Unnamed(String);

#[mizan::form]
struct Generic<T> {
    value: T,
}

#[mizan::form(name = "Not a name", tittle = "x", live_validation = true, check = 1)]
struct OptionsForm {
    #[field(label = "Name")]
    name: String,
}

fn main() {}
