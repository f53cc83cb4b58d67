//! For tests: an M per thread of the test process, and Ps to go with them.

use crate::m::M;

std::thread_local! {
    static CURRENT: &'static M = {
        let m: &'static M = Box::leak(Box::new(M::new()));
        m.init(0);
        m
    };
}

/// The calling thread's M.
pub fn current_m() -> &'static M {
    #[cfg(feature = "model")]
    if let Some(model) = crate::model::model() {
        return (model.current)();
    }
    CURRENT.with(|m| *m)
}
