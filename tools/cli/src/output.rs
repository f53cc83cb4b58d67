//! Printing. The standard library's macros panic where nothing can be written; these do not: what cannot be told on standard error is
//! lost, and a command whose result cannot be written ends.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write};

/// Exit status of a command whose reader has gone, as shells report a process that SIGPIPE ended.
const BROKEN_PIPE: i32 = 128 + 13;

/// Writes to standard output, or ends the command.
pub fn to_stdout(text: Arguments<'_>) {
    if let Err(error) = std::io::stdout().write_fmt(text) {
        give_up(&error);
    }
}

/// Writes bytes to standard output at once, or ends the command.
pub fn bytes_to_stdout(bytes: &[u8]) {
    let mut out = std::io::stdout().lock();
    if let Err(error) = out.write_all(bytes).and_then(|()| out.flush()) {
        give_up(&error);
    }
}

/// Ends the command whose output cannot be written.
pub fn give_up(error: &std::io::Error) -> ! {
    if error.kind() == ErrorKind::BrokenPipe {
        std::process::exit(BROKEN_PIPE);
    }
    to_stderr(format_args!(
        "go: writing output: {}\n",
        modules::error::io_text(error)
    ));
    std::process::exit(1);
}

/// Writes to standard error, if it can be written to.
pub fn to_stderr(text: Arguments<'_>) {
    let _ = std::io::stderr().write_fmt(text);
}

macro_rules! print {
    ($($arg:tt)*) => { $crate::output::to_stdout(format_args!($($arg)*)) };
}
macro_rules! println {
    () => { $crate::output::to_stdout(format_args!("\n")) };
    ($($arg:tt)*) => {{
        $crate::output::to_stdout(format_args!($($arg)*));
        $crate::output::to_stdout(format_args!("\n"))
    }};
}
macro_rules! eprint {
    ($($arg:tt)*) => { $crate::output::to_stderr(format_args!($($arg)*)) };
}
macro_rules! eprintln {
    ($($arg:tt)*) => { $crate::output::to_stderr(format_args!("{}\n", format_args!($($arg)*))) };
}
