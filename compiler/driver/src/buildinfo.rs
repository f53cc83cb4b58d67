//! What a binary says of itself: `runtime/debug.ReadBuildInfo`, default GODEBUG settings.

use std::fmt::Write;

use modules::{PackageGraph, PackageId};

/// Sentinels around the text, as runtime/debug and `go version -m` expect them.
const START: [u8; 16] = *b"\x30\x77\xaf\x0c\x92\x74\x08\x02\x41\xe1\xc1\x07\xe6\xd6\x18\xe6";
const END: [u8; 16] = *b"\xf9\x32\x43\x31\x86\x18\x20\x72\x00\x82\x42\x10\x41\x16\xd8\xf2";

/// The build information of a program.
pub fn modinfo(graph: &PackageGraph, main: PackageId, settings: &[(&str, String)]) -> Vec<u8> {
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
    let version = |m: &modules::modload::ModuleInfo| match m.module.version.as_str() {
        "" => "(devel)".to_owned(),
        v => v.to_owned(),
    };
    let own = package.module.clone();
    if let Some(m) = &own {
        let _ = writeln!(text, "mod\t{}\t{}\t", m.module.path, version(m));
    }
    for m in modules
        .iter()
        .filter(|m| own.as_ref().is_none_or(|o| o.module != m.module))
    {
        let _ = writeln!(text, "dep\t{}\t{}\t", m.module.path, version(m));
    }
    for (key, value) in settings {
        let _ = writeln!(text, "build\t{key}={value}");
    }
    let mut out = START.to_vec();
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(&END);
    out
}
