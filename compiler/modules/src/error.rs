//! Errors that end a command. Errors of single packages are values in the graph
//! ([`crate::PackageError`]).

use std::fmt;

/// The command cannot go on. `Display` prints `go: ` and the text, as `go` does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Without the `go: ` prefix; may have several lines.
    pub text: String,
    /// What a caller may want to react to.
    pub kind: ErrorKind,
}

/// Causes that callers treat differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Anything else.
    Other,
    /// The module or version does not exist where it was looked for.
    NotFound,
    /// A hash differs from the recorded one: never fall through to another source.
    Security,
    /// go.mod has to change but may not.
    ReadOnly,
    /// The text needs no `go: ` prefix.
    Bare,
}

/// Result with [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error of no special kind.
    pub fn new(text: impl Into<String>) -> Error {
        Error {
            text: text.into(),
            kind: ErrorKind::Other,
        }
    }

    /// Something that does not exist.
    pub fn not_found(text: impl Into<String>) -> Error {
        Error {
            text: text.into(),
            kind: ErrorKind::NotFound,
        }
    }

    /// An error that prints without `go: `.
    pub fn bare(text: impl Into<String>) -> Error {
        Error {
            text: text.into(),
            kind: ErrorKind::Bare,
        }
    }

    /// True for something that does not exist.
    pub fn is_not_found(&self) -> bool {
        self.kind == ErrorKind::NotFound
    }

    /// Puts words and a colon before the text.
    pub fn context(mut self, what: impl fmt::Display) -> Error {
        self.text = format!("{what}: {}", self.text);
        self
    }

    /// An IO error of a path.
    pub fn io(what: &str, path: &std::path::Path, error: &std::io::Error) -> Error {
        let kind = match error.kind() {
            std::io::ErrorKind::NotFound => ErrorKind::NotFound,
            _ => ErrorKind::Other,
        };
        Error {
            text: format!("{what} {}: {}", path.display(), io_text(error)),
            kind,
        }
    }
}

/// An IO error in Go's words: lower case, no `(os error N)`.
pub fn io_text(error: &std::io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or(&text);
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_lowercase().chain(chars).collect(),
        None => String::new(),
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            ErrorKind::Bare => f.write_str(&self.text),
            ErrorKind::Other | ErrorKind::NotFound | ErrorKind::Security | ErrorKind::ReadOnly => {
                write!(f, "go: {}", self.text)
            }
        }
    }
}

impl std::error::Error for Error {}
