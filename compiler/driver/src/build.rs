//! From checked packages to an executable.

use std::path::PathBuf;
use std::sync::Arc;

use base::{FxHashMap, Symbol};
use lower::{EmbedFile, InputPackage, LowerInput, PackageMeta};
use mir::callgraph::CallGraph;
use mir::fingerprint::Names;
use modules::load::Variant;
use modules::{Package, PackageGraph, PackageId};
use passes::Work;

use crate::buildinfo;
use crate::cache::Cache;
use crate::codecache::CodePacks;
use crate::frontend::Frontend;
use crate::godebug;
use crate::memo::Memo;
use crate::timings::Timings;

/// How to build.
#[derive(Clone, Debug, Default)]
pub struct BuildOptions {
    /// `-ldflags -X`: (importpath.name, value).
    pub defines: Vec<(String, String)>,
    /// `-ldflags -s`
    pub strip: bool,
    /// `-trimpath`
    pub trimpath: bool,
    /// `-gcflags=-N`
    pub no_optimize: bool,
    /// Pass dumps.
    pub passes: passes::Options,
    /// Function whose Cranelift IR is printed.
    pub dump_clif: Option<String>,
    /// Compile every function of packages outside of std, not only what the program needs.
    pub keep_all: bool,
    /// Key and value pairs for the build information.
    pub settings: Vec<(&'static str, String)>,
    /// The module cache, for the sums of modules.
    pub mod_cache: Option<PathBuf>,
}

/// Builds the program of package `main` of a checked graph; machine code of functions is taken from `cache` where it has them.
///
/// # Errors
/// Text to print, one or more lines.
pub fn build_program(
    graph: &PackageGraph,
    frontend: &Frontend,
    main: PackageId,
    goroot: &std::path::Path,
    system: &dyn source::system::System,
    options: &BuildOptions,
    cache: Option<&Cache>,
    timings: &mut Timings,
) -> Result<Vec<u8>, String> {
    let mut packages = Vec::new();
    let mut main_index = 0;
    for id in graph.closure(&[main]) {
        let package = graph.package(id);
        let Some(typed) = &frontend.packages[id.index()] else {
            continue;
        };
        if id == main {
            main_index = packages.len();
        }
        packages.push(InputPackage {
            typed,
            meta: meta(package, id == main, system)?,
        });
    }
    let godebug = godebug::default_godebug(graph, main, goroot, system)?;
    let mut settings = options.settings.clone();
    if !godebug.is_empty() {
        let at = settings.iter().position(|s| s.0 == "CGO_ENABLED");
        settings.insert(
            at.unwrap_or(settings.len()),
            ("DefaultGODEBUG", godebug.clone()),
        );
    }
    let mut defines = options.defines.clone();
    if !options.trimpath {
        defines.push((
            "runtime.defaultGOROOT".to_owned(),
            goroot.display().to_string(),
        ));
    }
    if graph.package(main).variant == Variant::TestMain {
        // What `testing.Testing` reports.
        defines.push(("testing.testBinary".to_owned(), "1".to_owned()));
    }
    let title = format!("# {}\n", graph.package(main).display_path());
    let input = LowerInput {
        store: &frontend.store,
        sources: &frontend.sources,
        packages,
        main: main_index,
        defines,
        keep_all: options.keep_all,
        godebug,
        modinfo: buildinfo::modinfo(graph, main, &settings, options.mod_cache.as_deref(), system),
    };
    let mut program = timings
        .time("lower", || lower::lower_program(input))
        .map_err(|diagnostics| {
            let text = diagnostics::gc::render(
                &frontend.sources,
                &diagnostics,
                diagnostics::gc::Options::default(),
            );
            let text = diagnostics::gc::shorten_paths(&text, &graph.package(main).dir, &graph.cwd);
            // What the official linker finds has no position.
            let text = text.replace("<unknown line number>: ", "");
            title.clone() + &text
        })?;
    let mut pass_options = options.passes.clone();
    pass_options.no_optimize |= options.no_optimize;
    let packs = cache.and_then(|cache| CodePacks::new(cache, system));
    let code_cache = packs.as_ref().map(|p| p as &dyn codegen::CodeCache);
    let calls = timings.time("call graph", || CallGraph::new(&program));
    let names = timings.time("names", || Names::new(&program));
    // What is asked about passes and code is answered by running them.
    let ordinary = pass_options.is_plain() && options.dump_clif.is_none();
    let (mut memo, known) = timings.time("look up", || match code_cache.filter(|_| ordinary) {
        Some(cache) => {
            let (memo, known) = Memo::look_up(&program, &frontend.sources, &calls, &names, cache);
            (Some(memo), known)
        }
        None => (None, program.funcs.iter().map(|_| None).collect()),
    });
    let mut work = Work::new(&program, &calls, known);
    drop(calls);
    let passes = timings.time("passes", || {
        passes::run(&mut program, &pass_options, &mut work)
    });
    for (name, time) in passes {
        timings.add(&format!("  {name}"), time);
    }
    let trim = path_trimmer(graph, goroot, options.trimpath);
    let codegen_options = codegen::Options {
        no_optimize: options.no_optimize,
        dump: options.dump_clif.clone(),
    };
    let mut object = timings.time("codegen", || {
        let kept = match &mut memo {
            Some(memo) => memo.take_kept(&program, &work),
            None => FxHashMap::default(),
        };
        let (object, units) = codegen::emit_program(
            &mut program,
            &frontend.sources,
            &*trim,
            &codegen_options,
            code_cache,
            kept,
            &names,
        )?;
        if let Some(memo) = &memo {
            memo.store(&program, &work, &units);
        }
        if let Some(packs) = &packs {
            packs.save();
        }
        Ok::<_, String>(object)
    })?;
    let (mut all, mut anew) = (0, 0);
    for (id, _) in program
        .funcs
        .iter_enumerated()
        .filter(|(_, f)| f.body.is_some())
    {
        all += 1;
        anew += usize::from(work.fresh[id]);
    }
    timings.count("functions compiled", anew, all);
    let build_info = buildinfo::section(&program.modinfo);
    drop(memo);
    drop_later((program, work));
    object.add_data(link::Section::BuildInfo, 16, build_info, Vec::new());
    timings.time("link", || {
        let failed = |text: String| title.clone() + &text;
        link::archive::add_archive(&mut object, link::RUNTIME)
            .map_err(|e| failed(e.to_string()))?;
        link::link(
            &object,
            abi::symbols::ENTRY,
            &link::Options {
                strip: options.strip,
            },
        )
        .map_err(|e| failed(e.to_string()))
    })
}

/// Frees something large on another thread: nobody waits for it, at the end of the process least of all.
pub fn drop_later<T: Send + 'static>(value: T) {
    rayon::spawn(move || drop(value));
}

fn meta(
    package: &Package,
    is_main: bool,
    system: &dyn source::system::System,
) -> Result<PackageMeta, String> {
    let mut embeds: FxHashMap<String, Vec<EmbedFile>> = FxHashMap::default();
    for pattern in &package.embeds {
        let mut files = Vec::new();
        for name in &pattern.files {
            let path = package.dir.join(name);
            let data = system
                .read(&path)
                .map_err(|e| format!("open {}: {e}", path.display()))?;
            files.push(EmbedFile {
                name: name.clone(),
                data: Arc::from(data),
            });
        }
        embeds.insert(pattern.pattern.clone(), files);
    }
    // A tested package main is a library: the program's own main package is the test's, whose names must not meet its names.
    let program = match package.variant {
        Variant::Plain => package.name == "main",
        _ => is_main,
    };
    let link_path = if program {
        "main"
    } else {
        &package.import_path
    };
    Ok(PackageMeta {
        import_path: Symbol::intern(&package.import_path),
        name: Symbol::intern(&package.name),
        link_path: Symbol::intern(link_path),
        is_std: package.is_std,
        embeds,
    })
}

type Trimmer = Box<dyn Fn(&str) -> String>;

/// Maps source file names to those in tracebacks: as they are, or with `-trimpath` by module.
fn path_trimmer(graph: &PackageGraph, goroot: &std::path::Path, trimpath: bool) -> Trimmer {
    if !trimpath {
        return Box::new(str::to_owned);
    }
    let src = goroot.join("src").display().to_string() + "/";
    let mut dirs: Vec<(PathBuf, String)> = graph
        .packages
        .iter()
        .filter_map(|p| {
            let module = p.module.as_ref()?;
            let name = match module.module.version.as_str() {
                "" => module.module.path.clone(),
                v => format!("{}@{v}", module.module.path),
            };
            let rest = p
                .import_path
                .strip_prefix(&module.module.path)
                .unwrap_or("");
            Some((p.dir.clone(), format!("{name}{rest}")))
        })
        .collect();
    dirs.sort();
    dirs.dedup();
    Box::new(move |name| {
        if let Some(rest) = name.strip_prefix(&src) {
            return rest.to_owned();
        }
        let path = std::path::Path::new(name);
        let dir = path.parent().unwrap_or(path);
        match dirs.binary_search_by(|(d, _)| d.as_path().cmp(dir)) {
            Ok(i) => format!(
                "{}/{}",
                dirs[i].1,
                path.file_name().unwrap_or_default().to_string_lossy()
            ),
            Err(_) => format!(
                "./{}",
                path.file_name().unwrap_or_default().to_string_lossy()
            ),
        }
    })
}
