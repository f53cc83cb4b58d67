//! One self-contained page: the findings, the account of the resident memory, and retained memory as an icicle
//! that can be clicked through. No network, no libraries.

use diagnose::analysis::Analysis;
use diagnose::findings::Finding;
use diagnose::report;
use diagnose::tree::Drawn;
use serde_json::json;

const TEMPLATE: &str = include_str!("page.html");

/// Renders the page.
pub fn page(analysis: &Analysis, found: &[Finding], tree: &Drawn) -> String {
    let report = report::report(analysis, found, 200);
    let data = json!({ "report": report, "tree": tree });
    // Inside a script element only `</` and `<!--` could end it early.
    let data = data.to_string().replace('<', "\\u003c");
    TEMPLATE.replace("/*DATA*/null", &data)
}
