//! Nothing but `tests/shuttle`: the scheduler, channels, timers and semaphores of the runtime under a concurrency tester.
