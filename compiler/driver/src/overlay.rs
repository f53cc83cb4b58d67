//! The embedded `goroot/` folder: what replaces declarations of the standard library (see `goroot/README.md`).

use std::path::Path;
use std::sync::Arc;

use modules::overlay::{Overlay, OverlayFile, OverlayMode, PackageOverlay};
use serde::Deserialize;
use source::SourceFile;
use syntax::ast::{DeclKind, ExprKind, File};

include!(concat!(env!("OUT_DIR"), "/goroot_files.rs"));

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Manifest {
    packages: Vec<ManifestPackage>,
}

#[derive(Deserialize)]
struct ManifestPackage {
    path: String,
    mode: String,
    #[serde(default)]
    dir: Option<String>,
    #[serde(default)]
    optional: bool,
    #[serde(default)]
    replace: Vec<Replaced>,
}

/// A declaration that is taken out of a package of GOROOT.
#[derive(Clone, Debug, Deserialize)]
pub struct Replaced {
    /// `Name` or `Type.Method`.
    pub name: String,
    /// The declaration's tokens as they are expected to read.
    pub was: String,
}

fn manifest() -> Manifest {
    let (_, text) = FILES
        .iter()
        .find(|(name, _)| *name == "overlay.json")
        .expect("goroot/overlay.json is embedded");
    serde_json::from_slice(text).expect("goroot/overlay.json is valid: a test checks it")
}

/// The overlay for the loader. Its files show as files of `goroot`.
pub fn overlay(goroot: &Path) -> Overlay {
    let packages = manifest()
        .packages
        .into_iter()
        .map(|package| {
            let dir = format!("{}/", package.dir.as_deref().unwrap_or(&package.path));
            let files = FILES
                .iter()
                .filter(|(name, _)| {
                    name.strip_prefix(&dir)
                        .is_some_and(|rest| rest.ends_with(".go") && !rest.contains('/'))
                })
                .map(|(name, bytes)| OverlayFile {
                    name: name[dir.len()..].to_owned(),
                    bytes: Arc::from(*bytes),
                })
                .collect();
            let mode = match package.mode.as_str() {
                "replace" => OverlayMode::Replace,
                _ => OverlayMode::Patch {
                    removed: package.replace.iter().map(|r| r.name.clone()).collect(),
                },
            };
            Arc::new(PackageOverlay {
                import_path: package.path,
                mode,
                files,
                drops_assembly: true,
            })
        })
        .collect();
    Overlay {
        packages,
        display_root: goroot.join("src").display().to_string(),
    }
}

/// Declarations to remove from a package, and whether they may be missing (packages of third parties). As for the loader, a path also
/// stands for std's vendored copy.
pub fn replaced(import_path: &str) -> Option<(Vec<Replaced>, bool)> {
    let plain = import_path.strip_prefix("vendor/").unwrap_or(import_path);
    manifest()
        .packages
        .into_iter()
        .find(|p| (p.path == import_path || p.path == plain) && p.mode == "declarations")
        .map(|p| (p.replace, p.optional))
}

/// Takes the listed declarations out of a package's own files. Every one must be there and read as expected.
///
/// # Errors
/// Names each declaration that is missing or different, so that a changed GOROOT cannot be miscompiled silently.
pub fn apply(
    import_path: &str,
    files: &mut [(Arc<SourceFile>, File)],
    list: &[Replaced],
    optional: bool,
) -> Result<(), String> {
    let mut errors = Vec::new();
    for replaced in list {
        let mut found = false;
        for (source, file) in files.iter_mut() {
            let at = file
                .decls
                .iter()
                .position(|&d| names(file, d).contains(&replaced.name));
            let Some(at) = at else { continue };
            found = true;
            let decl = file.decls[at];
            let text = declaration_text(source, file, decl);
            if text != replaced.was && !optional {
                errors.push(format!(
                    "{import_path}: overlaid declaration {} differs from the one expected:\n\thave {text}\n\twant {}",
                    replaced.name, replaced.was
                ));
            }
            file.decls.remove(at);
            break;
        }
        if !found && !optional {
            errors.push(format!(
                "{import_path}: overlaid declaration {} does not exist in GOROOT",
                replaced.name
            ));
        }
    }
    for (_, file) in files.iter_mut() {
        drop_unused_imports(file);
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(errors.join("\n"))
    }
}

/// The names a declaration declares, methods as `Type.Method`.
fn names(file: &File, decl: syntax::ast::DeclId) -> Vec<String> {
    match &file.decl_arena[decl].kind {
        DeclKind::Func { recv, name, .. } => {
            let name = file.sym(*name);
            match recv.and_then(|r| receiver_base(file, file.fields[r].ty)) {
                Some(base) => vec![format!("{base}.{name}")],
                None => vec![name.to_string()],
            }
        }
        DeclKind::Type { name, .. } => vec![file.sym(*name).to_string()],
        DeclKind::Const { names, .. } | DeclKind::Var { names, .. } => {
            names.iter().map(|&n| file.sym(n).to_string()).collect()
        }
        DeclKind::Import { .. } | DeclKind::Bad => Vec::new(),
    }
}

fn receiver_base(file: &File, mut ty: syntax::ast::ExprId) -> Option<String> {
    loop {
        match &file.exprs[ty].kind {
            ExprKind::Star(x) | ExprKind::Paren(x) => ty = *x,
            ExprKind::Index { x, .. } => ty = *x,
            ExprKind::Name(n) => return Some(file.sym(*n).to_string()),
            _ => return None,
        }
    }
}

/// The declaration's tokens joined by spaces: a function up to its body, other declarations from the name on.
fn declaration_text(source: &SourceFile, file: &File, decl: syntax::ast::DeclId) -> String {
    let data = &file.decl_arena[decl];
    let (lo, hi) = match &data.kind {
        DeclKind::Func { body, .. } => {
            let hi = body.map_or(data.span.hi, |b| file.stmts[b].span.lo);
            (data.span.lo, hi)
        }
        DeclKind::Type { name, .. } => (file.names[*name].pos, data.span.hi),
        DeclKind::Const { names, .. } | DeclKind::Var { names, .. } => {
            (file.names[names[0]].pos, data.span.hi)
        }
        DeclKind::Import { .. } | DeclKind::Bad => (data.span.lo, data.span.hi),
    };
    let text = &source.src[source.offset(lo) as usize..source.offset(hi) as usize];
    let mut words = syntax::token_texts(text);
    while words.last().is_some_and(|w| w == ";") {
        words.pop();
    }
    words.join(" ")
}

/// Drops imports that nothing in the remaining declarations names.
fn drop_unused_imports(file: &mut File) {
    let mut used: Vec<base::Symbol> = Vec::new();
    for decl in &file.decls {
        let span = file.decl_arena[*decl].span;
        if matches!(file.decl_arena[*decl].kind, DeclKind::Import { .. }) {
            continue;
        }
        for expr in file.exprs.iter() {
            if let ExprKind::Selector { x, .. } = expr.kind
                && span.lo <= expr.span.lo
                && expr.span.hi <= span.hi
                && let ExprKind::Name(n) = file.exprs[x].kind
            {
                used.push(file.sym(n));
            }
        }
    }
    let keep = |file: &File, decl: syntax::ast::DeclId| match &file.decl_arena[decl].kind {
        DeclKind::Import {
            name: Some(name), ..
        } => {
            let name = file.sym(*name);
            name.is_blank() || name.as_str() == "." || used.contains(&name)
        }
        DeclKind::Import { name: None, path } => {
            let ExprKind::BasicLit { text, .. } = &file.exprs[*path].kind else {
                return true;
            };
            let base = text
                .trim_matches(['"', '`'])
                .rsplit('/')
                .next()
                .unwrap_or("");
            used.iter().any(|u| u.as_str() == base) || base == "unsafe"
        }
        _ => true,
    };
    let decls: Vec<_> = file
        .decls
        .iter()
        .copied()
        .filter(|&d| keep(file, d))
        .collect();
    file.decls = decls;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifest_names_folders_with_files() {
        let overlay = overlay(Path::new("/goroot"));
        assert!(overlay.for_package("runtime").is_some());
        for package in &overlay.packages {
            let removes = match &package.mode {
                OverlayMode::Replace => true,
                OverlayMode::Patch { removed } => !removed.is_empty(),
            };
            assert!(
                !removes || !package.files.is_empty(),
                "{} has no files",
                package.import_path
            );
        }
    }
}
