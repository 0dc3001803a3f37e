//! A mutation's handle while a page is rendered: nobody presses a button.

pub(crate) use crate::call::server::Body as Callable;

use crate::{Query, Result, call::server::call};
use std::sync::Arc;

/// Runs the body.
pub(crate) async fn run<C: Callable>(arguments: C, _: &[Change<C>]) -> Result<C::Output> {
    call(arguments).await
}

/// What is done to a value before the answer is there: nothing, here.
pub(crate) type Change<C> = Arc<dyn Fn(&C) + Send + Sync>;

pub(crate) fn change<C, T>(
    _: Query<T>,
    _: impl Fn(&mut T, &C) + Send + Sync + 'static,
) -> Change<C> {
    Arc::new(|_| ())
}

/// Effects don't run on the server, and event handlers neither: there is nothing to spawn for.
pub(crate) fn spawn(_: impl Future<Output = ()> + 'static) {}
