//! What is wrong with a user's program, as data; and its renderings.
//!
//! Reading order: this page (the data), [`gc`] (exactly what `go build` prints), [`rich`] (with
//! the source line), [`json`] (for programs).
//!
//! A diagnostic is a value that travels beside a result (`(T, Vec<Diagnostic>)`), never an
//! error that ends work.
#![forbid(unsafe_code)]

pub mod gc;
pub mod json;
pub mod rich;

use source::{Pos, Span};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Explains another diagnostic.
    Note,
    /// Suspicious, builds go on.
    Warning,
    /// The package cannot be built.
    Error,
}

/// A further place, with what it has to do with the problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// Why it is shown.
    pub text: String,
}

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Stable identifier of the kind of problem, in go/types' terms where it has one
    /// (`UndeclaredName`, `MismatchedTypes`); `Syntax` for syntax errors.
    pub code: &'static str,
    /// How bad.
    pub severity: Severity,
    /// Where gc reports it (its line and column are what `go build` prints).
    pub pos: Pos,
    /// The text that is underlined in the rich rendering; may be empty.
    pub span: Span,
    /// The message exactly as gc prints it; further lines start with a tab.
    pub message: String,
    /// Other places that belong to it (rendered in the rich form; gc's own continuation lines are part of `message`).
    pub labels: Vec<Label>,
    /// What to do about it, if there is advice.
    pub hint: Option<String>,
    /// Soft errors do not stop later phases of checking (go/types' `Soft`): unused variables and imports.
    pub soft: bool,
    /// Late errors are those that gc finds after type-checking: it gets to them only where nothing else is wrong with the
    /// package. See [`drop_late`].
    pub late: bool,
}

/// Leaves out late errors if there are others.
pub fn drop_late(diagnostics: &mut Vec<Diagnostic>) {
    let stops = |d: &Diagnostic| d.severity == Severity::Error && !d.late;
    if diagnostics.iter().any(stops) {
        diagnostics.retain(|d| !d.late);
    }
}

impl Severity {
    /// Its name, in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Note => "note",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

impl Diagnostic {
    /// An error at `pos`.
    pub fn error(code: &'static str, pos: Pos, message: impl Into<String>) -> Self {
        Diagnostic {
            code,
            severity: Severity::Error,
            pos,
            span: Span::at(pos),
            message: message.into(),
            labels: Vec::new(),
            hint: None,
            soft: false,
            late: false,
        }
    }
    /// With the text to underline.
    pub fn with_span(mut self, span: Span) -> Self {
        self.span = span;
        self
    }
    /// With a further place.
    pub fn with_label(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label {
            span,
            text: text.into(),
        });
        self
    }
    /// With advice.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
    /// As a late error.
    pub fn late(mut self) -> Self {
        self.late = true;
        self
    }
    /// As a soft error.
    pub fn soft(mut self) -> Self {
        self.soft = true;
        self
    }
}
