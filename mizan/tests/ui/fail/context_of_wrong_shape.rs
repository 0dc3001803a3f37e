#[mizan::context]
pub struct TupleContext(i64);

#[mizan::context]
pub struct GenericContext<T> {
    value: T,
}

#[mizan::context]
pub enum EnumContext {
    A,
}

#[mizan::context]
pub struct GlobalContext {
    children: String,
    _id: i64,
    userId: i64,
}

fn main() {}
