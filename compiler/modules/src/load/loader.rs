//! Follows imports from the roots, wave by wave, each wave in parallel; then orders the packages.
//!
//! Everything after reading is sequential and in a fixed order, so that ids, errors and their order do not
//! depend on timing.

use crate::build_context::BuildContext;
use crate::cache::{PARALLEL, parallel_map};
use crate::env::Env;
use crate::error::{Error, Result};
use crate::gomod::file::{self, Strictness};
use crate::goroot;
use crate::load::check;
use crate::load::directory::{self, DirPackage, FileGroup, ReadRequest};
use crate::load::package::{Package, PackageError, PackageGraph, PackageId, Variant};
use crate::load::test_variants;
use crate::modload::resolve::{ImportError, Resolved};
use crate::modload::{ModLoader, ModOptions, ModuleInfo, Requirements};
use crate::module_path::{self, is_std_like};
use crate::overlay::Overlay;
use crate::patterns::{self, Root};
use crate::scan::Place;
use crate::semver;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What to load.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// `-tags`, split.
    pub tags: Vec<String>,
    /// `-mod`, `-modfile`.
    pub modules: ModOptions,
    /// Replaced declarations.
    pub overlay: Arc<Overlay>,
    /// Load test files of the matched packages and their variants (`go test`, `list -test`).
    pub tests: bool,
    /// Import paths that every program needs (`runtime` is always among them).
    pub implicit: Vec<String>,
    /// Directory to work in; the current one when empty (`-C`).
    pub dir: PathBuf,
}

/// Loads package graphs for one command.
pub struct Loader {
    /// Variables.
    pub env: Env,
    /// Modules.
    pub modules: ModLoader,
    /// Tags.
    pub context: BuildContext,
    /// Options as given.
    pub options: LoadOptions,
    /// GOROOT.
    pub goroot: PathBuf,
}

/// An import of a node, to be resolved.
#[derive(Clone, Debug)]
pub(crate) struct Edge {
    /// As written.
    pub(crate) written: String,
    /// Canonical path of the target.
    pub(crate) target: String,
    pub(crate) file: PathBuf,
    pub(crate) place: Place,
}

/// A package before ids are given out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Node {
    pub(crate) path: String,
    pub(crate) dir: PathBuf,
    pub(crate) module: Option<Arc<ModuleInfo>>,
    pub(crate) is_std: bool,
    pub(crate) contents: DirPackage,
    pub(crate) imports: Vec<Edge>,
    pub(crate) test_imports: Vec<Edge>,
    pub(crate) external_imports: Vec<Edge>,
    pub(crate) errors: Vec<PackageError>,
    pub(crate) missing: bool,
    /// See [`Resolved::unlisted`].
    pub(crate) unlisted: bool,
    pub(crate) is_root: bool,
    pub(crate) named_by_wildcard: bool,
    pub(crate) match_patterns: Vec<String>,
}

/// A node to be loaded, with the import that asks for it.
struct Wanted {
    path: String,
    importer: String,
    from: Option<(PathBuf, Place)>,
    root: Option<Root>,
}

impl Loader {
    /// Finds GOROOT and the main module.
    pub fn new(env: &Env, options: LoadOptions) -> Result<Loader> {
        let mut env = env.clone();
        let (goroot, _) = goroot::find(&env)?;
        env.set_goroot(&goroot);
        Loader::with_goroot(&env, &goroot, options)
    }

    /// Like [`Loader::new`] with a known GOROOT.
    pub fn with_goroot(env: &Env, goroot: &Path, options: LoadOptions) -> Result<Loader> {
        let cwd = match options.dir.as_os_str().is_empty() {
            true => env
                .system
                .current_dir()
                .map_err(|error| Error::io("getwd", Path::new("."), &error))?,
            false => options.dir.clone(),
        };
        let mut tags = options.tags.clone();
        if tags.is_empty()
            && let Some(flag) = env.goflag_value("tags")
        {
            tags = flag.split(',').map(str::to_string).collect();
        }
        let modules = ModLoader::new(env, &cwd, goroot, &options.modules)?;
        Ok(Loader {
            env: env.clone(),
            modules,
            context: BuildContext {
                runtime_assembly: !options.overlay.packages.is_empty(),
                ..BuildContext::new(&tags)
            },
            goroot: goroot.to_path_buf(),
            options,
        })
    }

    /// A loader for `path@query` outside of any main module (`run`, `install`), with the package path to
    /// load. The module's own go.mod decides about versions; it may not replace or exclude anything.
    pub fn at_version(env: &Env, spec: &str, mut options: LoadOptions) -> Result<(Loader, String)> {
        let Some((path, query)) = patterns::split_version(spec) else {
            return Err(Error::new(format!("{spec}: not of the form path@version")));
        };
        // Of a pattern the part before the wildcard names the module.
        let wild = path.find("...");
        let path = path[..wild.unwrap_or(path.len())].trim_end_matches('/');
        module_path::check_import_path(path).map_err(|error| Error::new(error.to_string()))?;
        options.modules.no_main_module = true;
        let loader = Loader::new(env, options)?;
        if loader.modules.is_std(path) {
            return Err(Error::new(format!(
                "{spec}: argument must not be a package in the standard library"
            )));
        }
        let found = match wild {
            None => loader.modules.query_package(path, query),
            Some(_) => loader.modules.query_prefix(path, query),
        };
        let (module, _) =
            found.map_err(|error| match error.text.starts_with(&format!("{spec}: ")) {
                true => error,
                false => error.context(spec),
            })?;
        let bytes = loader.modules.fetcher.go_mod(&module)?;
        let shown = format!("{module}/go.mod");
        if let Ok(file) = file::parse(&bytes, &shown, Strictness::Main) {
            let kind = match (file.replace.is_empty(), file.exclude.is_empty()) {
                (false, _) => Some("replace"),
                (true, false) => Some("exclude"),
                (true, true) => None,
            };
            if let Some(kind) = kind {
                return Err(Error::new(format!(
                    "{spec} (in {module}):\n\tThe go.mod file for the module providing named packages contains one or\n\tmore {kind} directives. It must not contain directives that would cause\n\tit to be interpreted differently than if it were the main module."
                )));
            }
        }
        let mut requirements = Requirements::default();
        requirements.direct.insert(module.path.clone());
        requirements.raise(&module);
        loader.modules.set_requirements(requirements);
        Ok((loader, path.to_string()))
    }

    /// The current directory.
    pub fn cwd(&self) -> &Path {
        &self.modules.cwd
    }

    /// Loads what the patterns match and everything it needs. Errors of packages are in the graph;
    /// an `Err` means that nothing could be loaded.
    pub fn load(&self, patterns: &[String]) -> Result<PackageGraph> {
        let matched = patterns::expand(self, patterns)?;
        let mut graph = self.load_roots(matched.roots)?;
        graph.warnings.splice(0..0, matched.warnings);
        self.modules.commit()?;
        Ok(graph)
    }

    /// Loads given roots.
    pub fn load_roots(&self, roots: Vec<Root>) -> Result<PackageGraph> {
        let mut nodes = self.load_nodes(&roots)?;
        // Packages that no module was found for, with the reason.
        let mut not_found: BTreeMap<String, String> = BTreeMap::new();
        // Each round adds at least one requirement or ends; go.mod files are finite.
        while self.update_requirements(&nodes, &mut not_found)? {
            nodes = self.load_nodes(&roots)?;
        }
        for (path, text) in not_found {
            if let Some(error) = nodes
                .get_mut(&path)
                .and_then(|node| node.errors.first_mut())
            {
                error.text = text;
            }
        }
        self.modules.fetcher.finish_progress();
        if let Some(error) = nodes
            .values()
            .flat_map(|node| &node.errors)
            .find(|error| error.fatal)
        {
            let text = error.text.clone();
            return Err(match text.starts_with("verifying ") {
                true => Error {
                    text,
                    kind: crate::error::ErrorKind::Bare,
                },
                false => Error::new(text),
            });
        }
        let root_paths: Vec<String> = roots.iter().map(|root| root.path.clone()).collect();
        check::imports(self, &mut nodes);
        check::cycles(&mut nodes, &root_paths);
        Ok(self.build_graph(nodes, &root_paths))
    }

    /// With `-mod=mod`, adds what packages of "all" need to the requirements and returns true if they changed.
    /// Otherwise a change that would be needed is an error.
    fn update_requirements(
        &self,
        nodes: &BTreeMap<String, Node>,
        not_found: &mut BTreeMap<String, String>,
    ) -> Result<bool> {
        let is_mod = self.modules.mode == crate::modload::ModMode::Mod;
        if is_mod && self.add_missing(nodes, not_found)? {
            return Ok(true);
        }
        let mut pending: Vec<&Node> = nodes
            .values()
            .filter(|node| node.module.as_ref().is_some_and(|module| module.is_main))
            .collect();
        let mut seen: BTreeSet<&str> = pending.iter().map(|node| node.path.as_str()).collect();
        let mut requirements = self.modules.requirements();
        let mut changed = false;
        while let Some(node) = pending.pop() {
            if node.unlisted
                && let Some(module) = &node.module
            {
                if !is_mod {
                    return Err(self.modules.updates_needed());
                }
                changed |= requirements.raise(&module.module);
            }
            for edge in node
                .imports
                .iter()
                .chain(&node.test_imports)
                .chain(&node.external_imports)
            {
                if let Some(target) = nodes.get(&edge.target)
                    && seen.insert(target.path.as_str())
                {
                    pending.push(target);
                }
            }
        }
        if changed {
            self.modules.set_requirements(requirements);
        }
        Ok(changed)
    }

    /// `-mod=mod`: looks for modules that provide missing packages; true if requirements changed.
    fn add_missing(
        &self,
        nodes: &BTreeMap<String, Node>,
        not_found: &mut BTreeMap<String, String>,
    ) -> Result<bool> {
        let mut requirements = self.modules.requirements();
        let mut changed = false;
        let missing: Vec<&Node> = nodes
            .values()
            .filter(|node| node.missing && !is_std_like(&node.path))
            .filter(|node| !not_found.contains_key(&node.path))
            .collect();
        for node in &missing {
            self.modules.announce_search(&node.path);
        }
        let results = parallel_map(&missing, PARALLEL, |node| {
            self.modules.find_provider(&node.path)
        });
        for (node, result) in missing.into_iter().zip(results) {
            let module = match result {
                Ok(module) => module,
                Err(error) if error.kind == crate::error::ErrorKind::Security => return Err(error),
                Err(error) => {
                    not_found.insert(node.path.clone(), error.text);
                    continue;
                }
            };
            self.env.system.eprint_line(&format!(
                "go: found {} in {} {}",
                node.path, module.path, module.version
            ));
            requirements.direct.insert(module.path.clone());
            changed |= requirements.raise(&module);
        }
        if changed {
            self.modules.set_requirements(requirements);
        }
        Ok(changed)
    }

    pub(crate) fn load_nodes(&self, roots: &[Root]) -> Result<BTreeMap<String, Node>> {
        let mut nodes: BTreeMap<String, Node> = BTreeMap::new();
        let mut seen: BTreeSet<String> = BTreeSet::new();
        let mut wave: Vec<Wanted> = Vec::new();
        for root in roots {
            if seen.insert(root.path.clone()) {
                wave.push(Wanted {
                    path: root.path.clone(),
                    importer: String::new(),
                    from: None,
                    root: Some(root.clone()),
                });
            }
        }
        for path in self.implicit_paths() {
            if seen.insert(path.clone()) {
                wave.push(Wanted {
                    path,
                    importer: String::new(),
                    from: None,
                    root: None,
                });
            }
        }
        while !wave.is_empty() {
            let loaded = parallel_map(&wave, PARALLEL, |wanted| self.load_node(wanted));
            let mut next = Vec::new();
            for (wanted, node) in wave.into_iter().zip(loaded) {
                for edge in node
                    .imports
                    .iter()
                    .chain(&node.test_imports)
                    .chain(&node.external_imports)
                {
                    if seen.insert(edge.target.clone()) {
                        next.push(Wanted {
                            path: edge.target.clone(),
                            importer: wanted.path.clone(),
                            from: Some((edge.file.clone(), edge.place)),
                            root: None,
                        });
                    }
                }
                nodes.insert(wanted.path, node);
            }
            wave = next;
        }
        Ok(nodes)
    }

    /// What every program needs besides its imports.
    fn program_paths(&self) -> impl Iterator<Item = String> {
        std::iter::once("runtime".to_string()).chain(self.options.implicit.iter().cloned())
    }

    /// What is loaded besides the roots.
    fn implicit_paths(&self) -> Vec<String> {
        let mut paths: Vec<String> = self.program_paths().collect();
        if self.options.tests {
            paths.extend(
                test_variants::MAIN_IMPORTS
                    .iter()
                    .map(|path| path.to_string()),
            );
        }
        paths
    }

    /// Where an import path of an importer leads: std and `cmd` have vendored packages of their own.
    pub(crate) fn canonical_import(
        &self,
        importer: &str,
        importer_is_std: bool,
        written: &str,
    ) -> String {
        if importer_is_std && !is_std_like(written) {
            let base = if importer == "cmd" || importer.starts_with("cmd/") {
                "cmd/vendor/"
            } else {
                "vendor/"
            };
            let path = format!("{base}{written}");
            if self
                .modules
                .has_go_files(&self.goroot.join("src").join(&path))
            {
                return path;
            }
        }
        written.to_string()
    }

    fn load_node(&self, wanted: &Wanted) -> Node {
        let mut node = Node {
            path: wanted.path.clone(),
            ..Node::default()
        };
        if let Some(root) = &wanted.root {
            node.is_root = true;
            node.named_by_wildcard = root.by_wildcard;
            node.match_patterns.clone_from(&root.patterns);
        }
        if wanted.path == "unsafe" {
            node.is_std = true;
            node.contents.name = "unsafe".to_string();
            node.dir = self.goroot.join("src/unsafe");
            return node;
        }
        if let Some(error) = wanted.root.as_ref().and_then(|root| root.error.clone()) {
            node.errors.push(error);
            node.missing = false;
            return node;
        }
        let files = wanted.root.as_ref().and_then(|root| root.files.clone());
        match self.find(wanted) {
            Ok(found) => {
                node.is_std = found.module.is_none() && files.is_none();
                node.unlisted = found.unlisted;
                node.module = found.module.map(Arc::new);
                node.dir = found.dir;
            }
            Err(error) => {
                let fatal = matches!(error, ImportError::Other { fatal: true, .. });
                node.missing = matches!(error, ImportError::Missing { .. });
                let text = error.to_string();
                let mut error = match &wanted.from {
                    Some((file, place)) => PackageError::at(&wanted.path, file, *place, text),
                    None => PackageError::of(&wanted.path, text),
                };
                error.bare = true;
                error.fatal = fatal;
                node.errors.push(error);
                return node;
            }
        }
        let with_tests = self.options.tests && node.is_root;
        node.contents = directory::read(&ReadRequest {
            system: self.modules.system(),
            import_path: &node.path,
            dir: &node.dir,
            context: &self.context,
            overlay: &self.options.overlay,
            is_std: node.is_std,
            only: files.as_deref(),
            with_tests,
            checks_tests: !node.is_std
                && (node.is_root || node.module.as_ref().is_some_and(|m| m.is_main)),
        });
        self.check_contents(&mut node, wanted);
        let edges = |group: &FileGroup| -> Vec<Edge> {
            let mut seen = BTreeSet::new();
            let mut edges = Vec::new();
            for file in &group.files {
                for import in &file.imports {
                    if import.path != "C" && seen.insert(import.path.clone()) {
                        edges.push(Edge {
                            written: import.path.clone(),
                            target: self.canonical_import(&node.path, node.is_std, &import.path),
                            file: file.path.clone(),
                            place: import.place,
                        });
                    }
                }
            }
            edges.sort_by(|a, b| a.written.cmp(&b.written));
            edges
        };
        node.imports = edges(&node.contents.go);
        node.test_imports = edges(&node.contents.test);
        node.external_imports = edges(&node.contents.external_test);
        node.errors.append(&mut node.contents.go.errors);
        node
    }

    fn find(&self, wanted: &Wanted) -> Result<Resolved, ImportError> {
        if let Some(root) = &wanted.root
            && let Some(resolved) = &root.resolved
        {
            return Ok(resolved.clone());
        }
        let path = wanted.path.as_str();
        if path.starts_with("./") || path.starts_with("../") || path == "." || path == ".." {
            let text = format!(
                "{} is relative, but relative import paths are not supported in module mode",
                module_path::quote(path)
            );
            return Err(ImportError::Other { text, fatal: false });
        }
        if path.starts_with('/') {
            return Err(ImportError::Other {
                text: "cannot import absolute path".to_string(),
                fatal: false,
            });
        }
        if path.starts_with("vendor/") || path.starts_with("cmd/vendor/") {
            let dir = self.goroot.join("src").join(path);
            // The name is made by `canonical_import` for std importers; written by others it is an error.
            if self.modules.has_go_files(&dir) {
                return Ok(Resolved::new(None, dir));
            }
        }
        self.modules.resolve(path, &wanted.importer)
    }

    /// Directories without files to build are errors, unless a wildcard found them.
    fn check_contents(&self, node: &mut Node, wanted: &Wanted) {
        if !node.contents.go.files.is_empty() || !node.contents.go.errors.is_empty() {
            return;
        }
        let has_tests = self.options.tests
            && !(node.contents.test.files.is_empty()
                && node.contents.external_test.files.is_empty());
        // Test files that are named one by one can be compiled, if only that.
        let names_tests = wanted
            .root
            .as_ref()
            .is_some_and(|root| root.files.is_some())
            && node.contents.has_tests;
        if has_tests || names_tests {
            return;
        }
        let dir = node.dir.display();
        let mut text = if let Some((file, place)) = node.contents.cgo.first() {
            format!(
                "cgo is not supported: every Go file imports \"C\" ({}:{}:{})",
                crate::modload::short_path(self.cwd(), file),
                place.line,
                place.column
            )
        } else if node.contents.has_tests {
            format!("no non-test Go files in {dir}")
        } else if node
            .contents
            .ignored
            .iter()
            .any(|name| name.ends_with(".go"))
        {
            format!("build constraints exclude all Go files in {dir}")
        } else {
            format!("no Go files in {dir}")
        };
        if node.named_by_wildcard {
            return;
        }
        // That there is nothing to compile is found where it would be compiled, not where it is imported.
        let from = wanted
            .from
            .as_ref()
            .filter(|_| !text.starts_with("no non-test"));
        let mut error = match from {
            Some((file, place)) => PackageError::at(&node.path, file, *place, text),
            None => {
                if text.starts_with("no Go files") {
                    return node.errors.push(PackageError {
                        bare: true,
                        ..PackageError::of(&node.path, text)
                    });
                }
                if text.starts_with("no non-test") {
                    text = format!("{}: {text}", node.path);
                    return node.errors.push(PackageError {
                        bare: true,
                        ..PackageError::of(&node.path, text)
                    });
                }
                PackageError::of(&node.path, text)
            }
        };
        error.bare = false;
        node.errors.push(error);
    }

    /// The language version of a node's files.
    fn language(&self, node: &Node) -> String {
        let release = semver::go_language(crate::GO_RELEASE);
        if node.is_std {
            return format!("go{release}");
        }
        let main = self.modules.main.as_ref();
        let version = match &node.module {
            Some(module) if module.go_version.is_empty() => "1.16".to_string(),
            Some(module) => semver::go_language(&module.go_version),
            // Named files outside of any module.
            None => main.map_or(release.clone(), |main| {
                semver::go_language(&main.go_version)
            }),
        };
        format!("go{version}")
    }

    pub(crate) fn package_of(&self, node: &Node, variant: Variant) -> Package {
        let contents = &node.contents;
        let mut files = contents.go.files.clone();
        let mut embeds = contents.go.embeds.clone();
        let mut errors = node.errors.clone();
        let mut go_debug = contents.go.go_debug.clone();
        let (mut import_path, mut name) = (node.path.clone(), contents.name.clone());
        match variant {
            Variant::Plain | Variant::Recompiled | Variant::TestMain => {}
            Variant::InternalTest => {
                files.extend(contents.test.files.iter().cloned());
                for embed in &contents.test.embeds {
                    if !embeds.iter().any(|known| known.pattern == embed.pattern) {
                        embeds.push(embed.clone());
                    }
                }
                errors.extend(contents.test.errors.iter().cloned());
                go_debug.extend(contents.test.go_debug.iter().cloned());
            }
            Variant::ExternalTest => {
                files.clone_from(&contents.external_test.files);
                embeds.clone_from(&contents.external_test.embeds);
                errors.clone_from(&contents.external_test.errors);
                go_debug.clone_from(&contents.external_test.go_debug);
                import_path.push_str("_test");
                name.push_str("_test");
            }
        }
        let names = |group: &FileGroup| group.files.iter().map(|file| file.name()).collect();
        Package {
            id: PackageId(u32::MAX),
            import_path,
            name,
            dir: node.dir.clone(),
            module: node.module.clone(),
            is_std: node.is_std,
            variant,
            for_test: None,
            files,
            imports: BTreeMap::new(),
            language: self.language(node),
            embeds,
            go_debug,
            body_less_ok: contents.body_less_ok || node.is_std,
            overlay: contents.overlay.clone(),
            errors,
            deps_have_errors: false,
            ignored_files: contents.ignored.clone(),
            invalid_files: contents.invalid.clone(),
            test_files: names(&contents.test),
            external_test_files: names(&contents.external_test),
            is_root: node.is_root,
            match_patterns: node.match_patterns.clone(),
        }
    }

    /// Reads the directory of a loaded package once more, now with its tests.
    pub(crate) fn directory_with_tests(&self, package: &Package) -> directory::DirPackage {
        directory::read(&ReadRequest {
            system: self.modules.system(),
            import_path: &package.import_path,
            dir: &package.dir,
            context: &self.context,
            overlay: &self.options.overlay,
            is_std: package.is_std,
            only: None,
            with_tests: true,
            checks_tests: false,
        })
    }

    fn build_graph(&self, mut nodes: BTreeMap<String, Node>, roots: &[String]) -> PackageGraph {
        // Errors of go.mod-less directories that a wildcard matched: the packages vanish.
        let vanished: BTreeSet<String> = nodes
            .values()
            .filter(|node| {
                node.named_by_wildcard
                    && node.errors.is_empty()
                    && node.contents.go.files.is_empty()
                    && node.path != "unsafe"
                    && node.contents.test.files.is_empty()
                    && node.contents.external_test.files.is_empty()
                    && !node.contents.has_tests
            })
            .map(|node| node.path.clone())
            .collect();
        nodes.retain(|path, _| !vanished.contains(path));
        let mut graph = PackageGraph {
            cwd: self.cwd().to_path_buf(),
            main_module: self.modules.main.clone().map(Arc::new),
            ..PackageGraph::default()
        };
        let mut ids: BTreeMap<String, PackageId> = BTreeMap::new();
        let implicit = self.implicit_paths();
        // Depth first with an explicit stack: (package, next import). What only tests import is visited afterwards, when
        // everything that it may import in turn can have its id: such a package may well depend on one that is entered.
        let mut starts: VecDeque<&str> = roots.iter().chain(&implicit).map(|s| &**s).collect();
        let mut entered: BTreeSet<&str> = BTreeSet::new();
        while let Some(start) = starts.pop_front() {
            let Some(node) = nodes.get(start) else {
                continue;
            };
            if !entered.insert(node.path.as_str()) {
                continue;
            }
            let mut stack: Vec<(&Node, usize)> = vec![(node, 0)];
            while let Some((node, at)) = stack.pop() {
                let Some(edge) = node.imports.get(at) else {
                    self.give_id(node, &mut graph, &mut ids);
                    let tests = node.test_imports.iter().chain(&node.external_imports);
                    starts.extend(tests.map(|edge| edge.target.as_str()));
                    continue;
                };
                stack.push((node, at + 1));
                if let Some(target) = nodes.get(&edge.target)
                    && entered.insert(target.path.as_str())
                {
                    stack.push((target, 0));
                }
            }
        }
        graph.roots = roots
            .iter()
            .filter_map(|root| ids.get(root).copied())
            .collect();
        graph.implicit = self
            .program_paths()
            .filter_map(|path| Some((path.clone(), *ids.get(&path)?)))
            .collect();
        if self.options.tests {
            test_variants::add(self, &nodes, &ids, &mut graph);
        }
        graph.note_broken_dependencies();
        graph
    }

    fn give_id(
        &self,
        node: &Node,
        graph: &mut PackageGraph,
        ids: &mut BTreeMap<String, PackageId>,
    ) {
        if ids.contains_key(&node.path) {
            return;
        }
        let id = PackageId(graph.packages.len() as u32);
        let mut package = self.package_of(node, Variant::Plain);
        package.id = id;
        // A target without an id would be a back edge of a cycle, which is an error of its own.
        package.imports = node
            .imports
            .iter()
            .filter_map(|edge| Some((edge.written.clone(), *ids.get(&edge.target)?)))
            .collect();
        ids.insert(node.path.clone(), id);
        graph.packages.push(package);
    }
}
