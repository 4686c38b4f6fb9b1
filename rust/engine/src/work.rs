//! A count of the steps that the readers take, so that tests can prove linear time without a clock.
//!
//! It counts in debug builds only; a release build pays nothing.

use std::cell::Cell;

thread_local! {
    static STEPS: Cell<usize> = const { Cell::new(0) };
}

/// Count some steps.
#[inline]
pub(crate) fn tick(steps: usize) {
    if cfg!(debug_assertions) {
        STEPS.with(|count| count.set(count.get().saturating_add(steps)));
    }
}

/// The steps that this thread has taken since it was asked last; 0 in a release build.
pub fn taken() -> usize {
    STEPS.with(|count| count.replace(0))
}
