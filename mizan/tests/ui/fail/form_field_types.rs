struct Other;

#[mizan::form]
struct TypesForm {
    other: Other,
}

#[mizan::form]
struct ListForm {
    texts: Vec<String>,
}

fn main() {}
