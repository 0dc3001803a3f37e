use super::Scope;
use std::{
    any::{Any, TypeId, type_name},
    collections::HashMap,
};

/// The values given with [`Mizan::provide`](crate::Mizan::provide), one for each type.
#[derive(Default)]
pub(crate) struct StateMap(HashMap<TypeId, Box<dyn Any + Send + Sync>>);

impl StateMap {
    pub(crate) fn insert<T: Send + Sync + 'static>(&mut self, value: T) {
        self.0.insert(TypeId::of::<T>(), Box::new(value));
    }

    fn get<T: Clone + 'static>(&self) -> Option<T> {
        self.0.get(&TypeId::of::<T>())?.downcast_ref().cloned()
    }
}

/// Returns a clone of the `T` that the server was given with
/// [`Mizan::provide`](crate::Mizan::provide).
///
/// # Panics
///
/// Where nothing of that type was provided, or outside a request (in a spawned task, say). Both
/// are mistakes in the program: the caller gets INTERNAL_ERROR, the log says which type it was.
///
/// # Example
///
/// ```
/// #[derive(Clone)]
/// struct Greeting(&'static str);
///
/// #[mizan::client]
/// pub async fn greet(name: String) -> mizan::Result<String> {
///     let Greeting(hello) = mizan::state();
///     Ok(format!("{hello}, {name}!"))
/// }
/// # let _ = greet;
/// ```
#[track_caller]
pub fn state<T: Clone + Send + Sync + 'static>() -> T {
    let name = type_name::<T>();
    match Scope::with(|scope| scope.state().get()) {
        Some(Some(value)) => value,
        Some(None) => {
            panic!("no `{name}` was given to the server: add `.provide(..)` to `Mizan::new(..)`")
        }
        None => panic!("`mizan::state::<{name}>()` was called outside a request"),
    }
}
