//! Room for recursion: work that may nest deep runs on a stack that is large enough.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

/// What every calling thread is trusted to have left.
pub const AT_HAND: usize = 256 * 1024;

/// Run `work` here where `bytes` of stack are at hand, else on a thread that has them.
///
/// None where the work panicked or the system refused the thread.
pub fn with_room<T: Send>(bytes: usize, work: impl FnOnce() -> T + Send) -> Option<T> {
    let guarded = || catch_unwind(AssertUnwindSafe(work)).ok();
    if bytes <= AT_HAND {
        return guarded();
    }
    thread::scope(|scope| {
        let helper = thread::Builder::new().stack_size(bytes).spawn_scoped(scope, guarded);
        helper.ok()?.join().ok()?
    })
}
