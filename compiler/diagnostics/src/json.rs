//! Diagnostics for programs: one JSON object a diagnostic, one a line.

use serde::Serialize;
use source::{SourceMap, Span};

use crate::Diagnostic;

/// A place in a file. Lines and columns count from 1, columns in bytes; columns are 0 where a
/// line directive leaves them unknown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// File name, line directives applied.
    pub file: String,
    #[allow(missing_docs)]
    pub line: u32,
    #[allow(missing_docs)]
    pub column: u32,
    /// End of the text that is meant, exclusive; the start again where it is not known.
    pub end_line: u32,
    #[allow(missing_docs)]
    pub end_column: u32,
}

/// [`crate::Label`] with its place resolved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JsonLabel {
    #[allow(missing_docs)]
    pub place: Option<Place>,
    #[allow(missing_docs)]
    pub text: String,
}

/// [`Diagnostic`] with its places resolved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct JsonDiagnostic {
    /// See [`Diagnostic::code`].
    pub code: &'static str,
    /// `error`, `warning` or `note`.
    pub severity: &'static str,
    /// The message as gc prints it.
    pub message: String,
    /// Where gc reports it.
    pub place: Option<Place>,
    #[allow(missing_docs)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<JsonLabel>,
    #[allow(missing_docs)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// Resolves the places of a diagnostic.
pub fn resolve(map: &SourceMap, diagnostic: &Diagnostic) -> JsonDiagnostic {
    let end = if diagnostic.span.lo == diagnostic.pos {
        diagnostic.span.hi
    } else {
        diagnostic.pos
    };
    JsonDiagnostic {
        code: diagnostic.code,
        severity: diagnostic.severity.as_str(),
        message: diagnostic.message.clone(),
        place: place(map, Span::new(diagnostic.pos, end)),
        labels: diagnostic
            .labels
            .iter()
            .map(|label| JsonLabel {
                place: place(map, label.span),
                text: label.text.clone(),
            })
            .collect(),
        hint: diagnostic.hint.clone(),
    }
}

/// All diagnostics in the given order, one JSON object a line.
pub fn render(map: &SourceMap, diagnostics: &[Diagnostic]) -> String {
    let mut out = String::new();
    for diagnostic in diagnostics {
        let object = serde_json::to_string(&resolve(map, diagnostic))
            .expect("strings and numbers serialise");
        out.push_str(&object);
        out.push('\n');
    }
    out
}

fn place(map: &SourceMap, span: Span) -> Option<Place> {
    let file = map.file_of(span.lo)?;
    let lo = file.location(span.lo);
    let hi = file.location(span.hi.max(span.lo));
    Some(Place {
        file: lo.file.to_string(),
        line: lo.line,
        column: lo.col,
        end_line: hi.line,
        end_column: hi.col,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_object_a_line() {
        let map = SourceMap::new();
        let file = map.add("x.go", &b"ab\ncd\n"[..]).expect("fits");
        let span = Span::new(file.pos(3), file.pos(5));
        let full = Diagnostic::error("C", file.pos(3), "m\n\tn")
            .with_span(span)
            .with_label(span, "l")
            .with_hint("h");
        let bare = Diagnostic::error("D", source::Pos::NONE, "o");
        let place = r#"{"file":"x.go","line":2,"column":1,"end_line":2,"end_column":3}"#;
        assert_eq!(
            render(&map, &[full, bare]),
            format!(
                "{{\"code\":\"C\",\"severity\":\"error\",\"message\":\"m\\n\\tn\",\"place\":{place},\
                 \"labels\":[{{\"place\":{place},\"text\":\"l\"}}],\"hint\":\"h\"}}\n\
                 {{\"code\":\"D\",\"severity\":\"error\",\"message\":\"o\",\"place\":null}}\n"
            )
        );
    }
}
