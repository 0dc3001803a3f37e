#[mizan::client(context = "globl", private = 1, nme = Echo)]
pub fn f<T>(&self, text: &str, (a, b): (u8, u8)) {}

fn main() {}
