#[mizan::choices]
struct Nothing;

#[mizan::choices]
enum Empty {}

#[mizan::choices(all)]
enum Topic<T> {
    #[choice(labell = "x", value = "")]
    Praise,
    #[choice]
    Complaint(T),
    #[choice(value = "same")]
    One,
    Same,
}

fn main() {}
