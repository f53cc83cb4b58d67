//! What a binary says of itself: `runtime/debug.ReadBuildInfo`.

use std::fmt::Write;
use std::path::Path;

use modules::modload::ModuleInfo;
use modules::module_path::escape;
use modules::{PackageGraph, PackageId};
use source::system::System;

/// Sentinels around the text, as runtime/debug and `go version -m` expect them.
const START: [u8; 16] = *b"\x30\x77\xaf\x0c\x92\x74\x08\x02\x41\xe1\xc1\x07\xe6\xd6\x18\xe6";
const END: [u8; 16] = *b"\xf9\x32\x43\x31\x86\x18\x20\x72\x00\x82\x42\x10\x41\x16\xd8\xf2";

/// The build information of a program. Sums of modules are those that the module cache keeps beside the downloads;
/// without a cache the fields are empty.
pub fn modinfo(
    graph: &PackageGraph,
    main: PackageId,
    settings: &[(&str, String)],
    mod_cache: Option<&Path>,
    system: &dyn System,
) -> Vec<u8> {
    let package = graph.package(main);
    let mut text = String::new();
    let _ = writeln!(text, "path\t{}", package.import_path);
    let mut modules: Vec<_> = graph
        .dependencies(main)
        .into_iter()
        .filter_map(|id| graph.package(id).module.clone())
        .collect();
    modules.sort_by(|a, b| a.module.cmp(&b.module));
    modules.dedup_by(|a, b| a.module == b.module);
    let own = package.module.clone();
    let mut line = |word: &str, module: &ModuleInfo| {
        let version = |version: &str| match version {
            "" => "(devel)".to_owned(),
            v => v.to_owned(),
        };
        let sum = |path: &str, version: &str| {
            mod_cache
                .filter(|_| !version.is_empty())
                .and_then(|cache| zip_hash(cache, path, version, system))
                .unwrap_or_default()
        };
        let m = &module.module;
        match &module.replace {
            None => {
                let sum = sum(&m.path, &m.version);
                let _ = writeln!(text, "{word}\t{}\t{}\t{sum}", m.path, version(&m.version));
            }
            Some(r) => {
                let _ = writeln!(text, "{word}\t{}\t{}", m.path, version(&m.version));
                let sum = sum(&r.path, &r.version);
                let _ = writeln!(text, "=>\t{}\t{}\t{sum}", r.path, version(&r.version));
            }
        }
    };
    if let Some(m) = &own {
        line("mod", m);
    }
    for m in modules
        .iter()
        .filter(|m| own.as_ref().is_none_or(|o| o.module != m.module))
    {
        line("dep", m);
    }
    for (key, value) in settings {
        let _ = writeln!(text, "build\t{key}={}", quoted(value));
    }
    let mut out = START.to_vec();
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(&END);
    out
}

/// The contents of the section `.go.buildinfo` (format: package debug/buildinfo): 16 bytes with magic, pointer size and flags,
/// 16 that older formats used, then release and [`modinfo`], each behind its length as a varint.
pub fn section(modinfo: &[u8]) -> Vec<u8> {
    let mut out = b"\xff Go buildinf:\x08\x02".to_vec();
    out.resize(32, 0);
    let release = format!("go{}", modules::GO_RELEASE);
    for text in [release.as_bytes(), modinfo] {
        let mut length = text.len();
        while length >= 0x80 {
            out.push(length as u8 | 0x80);
            length >>= 7;
        }
        out.push(length as u8);
        out.extend_from_slice(text);
    }
    out
}

/// The `h1:` hash of a downloaded module.
fn zip_hash(cache: &Path, path: &str, version: &str, system: &dyn System) -> Option<String> {
    let file = cache
        .join("cache/download")
        .join(escape(path))
        .join("@v")
        .join(format!("{}.ziphash", escape(version)));
    let bytes = system.read(&file).ok()?;
    Some(String::from_utf8_lossy(&bytes).trim().to_owned())
}

/// Values with white space or quotes are quoted.
fn quoted(value: &str) -> String {
    match value.contains([' ', '\t', '\r', '\n', '"', '`']) {
        true => format!("{value:?}"),
        false => value.to_owned(),
    }
}
