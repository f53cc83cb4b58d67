//! Variables that `//go:embed` fills: whether their types can hold the files.

use std::collections::BTreeSet;

use diagnostics::Diagnostic;
use source::Pos;
use syntax::ast::DeclKind;
use syntax::pragma::embed_patterns;

use crate::model::*;
use crate::store::Store;
use crate::typed::TypedPackage;

/// What a variable can hold.
enum Holds {
    OneFile,
    Tree,
}

/// Says which variables are of a type that cannot hold what `//go:embed` names, in a package that is right otherwise.
/// `files` are the names of the files that a pattern stands for.
pub fn embed_mistakes(
    store: &Store,
    typed: &TypedPackage,
    files: &dyn Fn(&str) -> Vec<String>,
) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for file in &typed.files {
        let ast = &file.ast;
        let directives = ast.directives.iter().filter_map(|directive| {
            let patterns = directive.text.strip_prefix("go:embed")?;
            Some((directive.pos, embed_patterns(patterns).unwrap_or_default()))
        });
        let mut directives = directives.peekable();
        if directives.peek().is_none() {
            continue;
        }
        let mut variables: Vec<_> = (ast.decls.iter())
            .filter_map(|&decl| match &ast.decl_arena[decl].kind {
                DeclKind::Var { names, .. } => {
                    names.first().map(|&name| (ast.names[name].pos, name))
                }
                _ => None,
            })
            .collect();
        variables.sort_unstable_by_key(|&(pos, _)| pos);
        for (pos, name) in variables {
            let mut patterns = Vec::new();
            while let Some((_, more)) = directives.next_if(|(at, _)| *at < pos) {
                patterns.extend(more);
            }
            if patterns.is_empty() {
                continue;
            }
            let Some(object) = file.names[name] else {
                continue;
            };
            let ty = store.obj_type(object);
            let message = match holds(store, ty) {
                None => format!(
                    "go:embed cannot apply to var of type {}",
                    shown(store, typed, ty)
                ),
                Some(Holds::OneFile) => {
                    let names: BTreeSet<String> = patterns.iter().flat_map(|p| files(p)).collect();
                    if names.len() <= 1 {
                        continue;
                    }
                    format!(
                        "invalid go:embed: multiple files for type {}",
                        shown(store, typed, ty)
                    )
                }
                Some(Holds::Tree) => continue,
            };
            found.push(Diagnostic::error(syntax::pragma::DIRECTIVE, pos, message).late());
        }
    }
    found.sort_by_key(|diagnostic: &Diagnostic| -> Pos { diagnostic.pos });
    found
}

/// A string, a slice of bytes, or `embed.FS`.
fn holds(store: &Store, ty: TypeId) -> Option<Holds> {
    if let Type::Named(named) = store.ty(store.unalias(ty)) {
        let object = store.obj(named.obj);
        let is_embed = |pkg| store.package(pkg).path.as_str() == "embed";
        if object.name.as_str() == "FS" && object.pkg.is_some_and(is_embed) {
            return Some(Holds::Tree);
        }
    }
    let is_basic =
        |ty: TypeId, wanted| matches!(store.under(ty), Type::Basic(kind) if *kind == wanted);
    match store.under(ty) {
        Type::Basic(BasicKind::String) => Some(Holds::OneFile),
        Type::Slice(elem) if is_basic(*elem, BasicKind::Uint8) => Some(Holds::OneFile),
        _ => None,
    }
}

fn shown(store: &Store, typed: &TypedPackage, ty: TypeId) -> String {
    store.type_string(ty, &|pkg| {
        (pkg != typed.pkg).then(|| store.package(pkg).name.as_str().to_owned())
    })
}
