//! What a template of `go list -f` sees: the records of [`package_json`](super::package_json) with every field that the official
//! ones have, those that JSON leaves out with their zero value.

use serde_json::{Map, Value, json};

/// The key of an error's full text, which is no field.
pub const RENDERED: &str = " text";

/// Fields of a package's record by kind.
const PACKAGE_TEXTS: &[&str] = &[
    "Dir",
    "ImportPath",
    "ImportComment",
    "Name",
    "Doc",
    "Target",
    "Shlib",
    "Root",
    "ConflictDir",
    "ForTest",
    "Export",
    "BuildID",
    "StaleReason",
    "DefaultGODEBUG",
];
const PACKAGE_FLAGS: &[&str] = &[
    "Goroot",
    "Standard",
    "Stale",
    "BinaryOnly",
    "DepOnly",
    "Incomplete",
];
const PACKAGE_LISTS: &[&str] = &[
    "Match",
    "GoFiles",
    "CgoFiles",
    "CompiledGoFiles",
    "IgnoredGoFiles",
    "InvalidGoFiles",
    "IgnoredOtherFiles",
    "CFiles",
    "CXXFiles",
    "MFiles",
    "HFiles",
    "FFiles",
    "SFiles",
    "SwigFiles",
    "SwigCXXFiles",
    "SysoFiles",
    "EmbedPatterns",
    "EmbedFiles",
    "CgoCFLAGS",
    "CgoCPPFLAGS",
    "CgoCXXFLAGS",
    "CgoFFLAGS",
    "CgoLDFLAGS",
    "CgoPkgConfig",
    "Imports",
    "Deps",
    "DepsErrors",
    "TestGoFiles",
    "TestImports",
    "TestEmbedPatterns",
    "TestEmbedFiles",
    "XTestGoFiles",
    "XTestImports",
    "XTestEmbedPatterns",
    "XTestEmbedFiles",
];
const MODULE_TEXTS: &[&str] = &[
    "Path",
    "Query",
    "Version",
    "Dir",
    "GoMod",
    "GoVersion",
    "Deprecated",
    "Sum",
    "GoModSum",
];
const MODULE_FLAGS: &[&str] = &["Main", "Indirect", "Reuse"];
const MODULE_LISTS: &[&str] = &["Versions", "Retracted"];

fn fill(record: &mut Map<String, Value>, names: &[&str], zero: &Value) {
    for name in names {
        record
            .entry((*name).to_owned())
            .or_insert_with(|| zero.clone());
    }
}

/// Adds what is missing to a package's or a module's record.
pub fn complete(value: &mut Value) {
    let Value::Object(record) = value else { return };
    let pointers: &[&str] = if record.contains_key("ImportPath") {
        fill(record, PACKAGE_TEXTS, &json!(""));
        fill(record, PACKAGE_FLAGS, &json!(false));
        fill(record, PACKAGE_LISTS, &json!([]));
        fill(record, &["ImportMap"], &json!({}));
        &["Module", "Error"]
    } else {
        fill(record, MODULE_TEXTS, &json!(""));
        fill(record, MODULE_FLAGS, &json!(false));
        fill(record, MODULE_LISTS, &json!([]));
        &["Time", "Replace", "Update", "Origin", "Error"]
    };
    fill(record, pointers, &Value::Null);
    for name in ["Module", "Replace", "Update"] {
        if let Some(module) = record.get_mut(name).filter(|m| m.is_object()) {
            complete(module);
        }
    }
}

/// The Go type of a record; `None` for maps.
pub fn type_of(record: &Map<String, Value>) -> Option<&'static str> {
    [
        ("ImportPath", "*load.PackagePublic"),
        ("ImportStack", "*load.PackageError"),
        ("Path", "*modinfo.ModulePublic"),
        ("Err", "*modinfo.ModuleError"),
        ("GOARCH", "*build.Context"),
    ]
    .into_iter()
    .find(|(name, _)| record.contains_key(*name))
    .map(|(_, name)| name)
}

/// The Go type of a field that is a pointer.
pub fn pointer_type(owner: Option<&str>, field: &str) -> &'static str {
    match field {
        "Module" | "Replace" | "Update" => "*modinfo.ModulePublic",
        "Error" if owner == Some("*load.PackagePublic") => "*load.PackageError",
        "Error" => "*modinfo.ModuleError",
        "Time" => "*time.Time",
        _ => "*codehost.Origin",
    }
}

/// How Go prints a record that has a method for it.
pub fn text_of(record: &Map<String, Value>) -> Option<String> {
    let text = |name: &str| record.get(name).and_then(Value::as_str).unwrap_or_default();
    match type_of(record)? {
        "*modinfo.ModulePublic" => {
            let mut out = text("Path").to_owned();
            if !text("Version").is_empty() {
                out.push_str(&format!(" {}", text("Version")));
            }
            if let Some(Value::Object(replace)) = record.get("Replace") {
                out.push_str(&format!(" => {}", text_of(replace)?));
            }
            Some(out)
        }
        "*load.PackageError" if record.contains_key(RENDERED) => Some(text(RENDERED).to_owned()),
        "*load.PackageError" => {
            let stack = record.get("ImportStack").and_then(Value::as_array);
            let stack: Vec<&str> = stack?.iter().filter_map(Value::as_str).collect();
            Some(match (text("Pos"), text("Err")) {
                ("", error) if stack.is_empty() => error.to_owned(),
                ("", error) => format!("package {}: {error}", stack.join("\n\timports ")),
                (place, error) => format!("{place}: {error}"),
            })
        }
        "*modinfo.ModuleError" => Some(text("Err").to_owned()),
        _ => None,
    }
}
