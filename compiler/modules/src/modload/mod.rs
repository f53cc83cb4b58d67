//! The main module and the modules around it.
//!
//! Reading order: this file (finding and reading go.mod, module summaries, the graph),
//! [`resolve`] (which module provides an import), [`query`] (version queries).

pub mod query;
pub mod resolve;

use crate::ModuleVersion;
use crate::cache::{Fetcher, SumMode};
use crate::env::Env;
use crate::error::{Error, ErrorKind, Result};
use crate::gomod::file::{self, GoMod, Strictness};
use crate::gomod::vendor::{ModulesTxt, parse_modules_txt};
use crate::gomod::{Replace, Require};
use crate::module_path::{self, quote};
use crate::mvs::{ModuleGraph, Pruning, Summary};
use crate::{GO_RELEASE, semver};
use source::system::{System, clean_join};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

/// `-mod`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModMode {
    /// go.mod and go.sum must be complete.
    ReadOnly,
    /// Missing requirements are added.
    Mod,
    /// Dependencies come from the vendor directory.
    Vendor,
}

/// What the command line says about modules.
#[derive(Clone, Debug, Default)]
pub struct ModOptions {
    /// `-mod=...`; empty for the default.
    pub mod_flag: String,
    /// `-modfile=...`.
    pub modfile: Option<PathBuf>,
    /// No `go: downloading` lines (`list -m -json` of tools and the like).
    pub quiet: bool,
    /// The command works with what go.mod means even if it would have to be written otherwise (`mod download`, `mod verify`).
    pub tolerant: bool,
    /// Ignore go.mod of the current directory (`run pkg@version`, `install pkg@version`).
    pub no_main_module: bool,
}

/// The module that contains the current directory.
#[derive(Clone, Debug)]
pub struct MainModule {
    /// Its root directory.
    pub dir: PathBuf,
    /// Its go.mod (or `-modfile`).
    pub go_mod: PathBuf,
    /// Parsed.
    pub file: GoMod,
    /// Text read.
    pub original: Vec<u8>,
    /// Module path.
    pub path: String,
    /// Effective go version (`1.16` if the directive is missing).
    pub go_version: String,
}

/// Where a module's files come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleInfo {
    /// Path and version as required.
    pub module: ModuleVersion,
    /// Replacement; an empty version means that `path` is a directory as written.
    pub replace: Option<ModuleVersion>,
    /// Directory of the files; empty if not downloaded.
    pub dir: PathBuf,
    /// Language version `1.N` of its go.mod.
    pub go_version: String,
    /// The main module.
    pub is_main: bool,
    /// Some file is only required indirectly (as go.mod marks it).
    pub indirect: bool,
}

/// The requirements that hold now: go.mod's, or with additions.
#[derive(Clone, Debug, Default)]
pub struct Requirements {
    /// Sorted by path; without `go` and `toolchain`.
    pub roots: Vec<ModuleVersion>,
    /// Paths that packages of the main module import.
    pub direct: BTreeSet<String>,
}

impl Requirements {
    /// The root version of a path.
    pub fn root(&self, path: &str) -> Option<&str> {
        self.roots
            .binary_search_by(|root| root.path.as_str().cmp(path))
            .ok()
            .map(|at| self.roots[at].version.as_str())
    }

    /// Adds or raises a root; true if something changed.
    pub fn raise(&mut self, module: &ModuleVersion) -> bool {
        match self
            .roots
            .binary_search_by(|root| root.path.cmp(&module.path))
        {
            Ok(at) => {
                if semver::compare(&self.roots[at].version, &module.version) == Ordering::Less {
                    self.roots[at].version.clone_from(&module.version);
                    true
                } else {
                    false
                }
            }
            Err(at) => {
                self.roots.insert(at, module.clone());
                true
            }
        }
    }
}

/// Knows the main module, the module graph and the cache.
pub struct ModLoader {
    /// Variables.
    pub env: Env,
    /// Downloads.
    pub fetcher: Fetcher,
    /// `None` outside any module.
    pub main: Option<MainModule>,
    /// `-mod`.
    pub mode: ModMode,
    /// Vendored modules in vendor mode.
    pub vendor: Option<ModulesTxt>,
    /// GOROOT.
    pub goroot: PathBuf,
    /// The current directory.
    pub cwd: PathBuf,
    requirements: Mutex<Requirements>,
    graph: Mutex<Option<Arc<ModuleGraph>>>,
    summaries: Mutex<BTreeMap<ModuleVersion, Result<Arc<Summary>>>>,
    pub(crate) package_dirs: Mutex<BTreeMap<PathBuf, bool>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// The path as `go` shows it: relative to the current directory if that is shorter.
pub fn short_path(cwd: &Path, path: &Path) -> String {
    let full = path.display().to_string();
    match relative(cwd, path) {
        Some(short) if short.len() < full.len() => short,
        _ => full,
    }
}

/// `path` relative to `base`, with `..` where needed.
pub fn relative(base: &Path, path: &Path) -> Option<String> {
    if !base.is_absolute() || !path.is_absolute() {
        return None;
    }
    let (mut left, mut right) = (base.components().peekable(), path.components().peekable());
    while left.peek().is_some() && left.peek() == right.peek() {
        left.next();
        right.next();
    }
    let mut parts: Vec<String> = left.map(|_| "..".to_string()).collect();
    parts.extend(right.map(|component| component.as_os_str().to_string_lossy().into_owned()));
    Some(if parts.is_empty() {
        ".".to_string()
    } else {
        parts.join("/")
    })
}

/// The directory with go.mod, from `start` upwards.
pub fn find_module_root(system: &dyn System, start: &Path) -> Option<PathBuf> {
    start
        .ancestors()
        .find(|dir| system.is_file(&dir.join("go.mod")))
        .map(Path::to_path_buf)
}

/// The go.work file that the environment or the directories above `start` name.
pub fn find_workspace(env: &Env, start: &Path) -> Option<PathBuf> {
    match env.explicit("GOWORK") {
        Some(value) if value == "off" => None,
        Some(value) => Some(PathBuf::from(value)),
        None => start
            .ancestors()
            .map(|dir| dir.join("go.work"))
            .find(|path| env.system.is_file(path)),
    }
}

/// Reads and checks the main module's go.mod.
pub fn read_main_module(env: &Env, cwd: &Path, dir: &Path, go_mod: &Path) -> Result<MainModule> {
    let shown = short_path(cwd, go_mod);
    let original = env
        .system
        .read(go_mod)
        .map_err(|error| Error::io("open", go_mod, &error))?;
    let file = file::parse(&original, &go_mod.display().to_string(), Strictness::Main).map_err(
        |errors| {
            let lines: Vec<String> = errors.iter().map(|error| error.render(&shown)).collect();
            Error::new(format!("errors parsing {shown}:\n{}", lines.join("\n")))
        },
    )?;
    let Some(path) = file.module.clone() else {
        return Err(Error::new(format!(
            "error reading {shown}: missing module declaration. To specify the module path:\n\tgo mod edit -module=example.com/mod"
        )));
    };
    if matches!(path.as_str(), "go" | "toolchain") {
        return Err(Error::new(format!(
            "error reading {shown}: invalid module path: {}",
            quote(&path)
        )));
    }
    for tool in &file.tool {
        if let Err(error) = module_path::check_import_path(tool) {
            let text = error.to_string().replace("import path", "tool path");
            return Err(Error::new(text));
        }
    }
    if let Err(error) = check_main_path(&path) {
        return Err(Error::new(format!(
            "errors parsing {shown}:\n{shown}:{}: {error}",
            module_line(&file)
        )));
    }
    for require in &file.require {
        if semver::canonical(&require.version).is_none_or(|canonical| canonical != require.version)
        {
            // A query in go.mod: only -mod=mod may resolve it.
            if !semver::is_valid(&require.version)
                && module_path::check_path(&require.path).is_err()
            {
                let text = module_path::check_path(&require.path)
                    .err()
                    .map_or(String::new(), |error| error.to_string());
                return Err(Error::new(format!(
                    "errors parsing {shown}:\n{shown}:{}: {text}",
                    require.line
                )));
            }
        }
    }
    for (at, replace) in file.replace.iter().enumerate() {
        let same = |other: &&Replace| {
            (&other.old_path, &other.old_version) == (&replace.old_path, &replace.old_version)
        };
        if let Some(earlier) = file.replace[..at].iter().find(same)
            && (&earlier.new_path, &earlier.new_version)
                != (&replace.new_path, &replace.new_version)
        {
            return Err(Error::new(format!(
                "conflicting replacements for {}:\n\t{}\n\t{}",
                ModuleVersion::new(&replace.old_path, &replace.old_version),
                ModuleVersion::new(&earlier.new_path, &earlier.new_version),
                ModuleVersion::new(&replace.new_path, &replace.new_version)
            )));
        }
    }
    let go_version = file.go.clone().unwrap_or_else(|| "1.16".to_string());
    if semver::compare_go(&go_version, GO_RELEASE) == Ordering::Greater {
        return Err(Error::new(format!(
            "{shown} requires go >= {go_version} (running go {GO_RELEASE}{})",
            pinned(env)
        )));
    }
    Ok(MainModule {
        dir: dir.to_path_buf(),
        go_mod: go_mod.to_path_buf(),
        file,
        original,
        path,
        go_version,
    })
}

/// What is said where a newer release would be needed and may not be looked for.
fn pinned(env: &Env) -> &'static str {
    match env.get("GOTOOLCHAIN").as_str() {
        "local" => "; GOTOOLCHAIN=local",
        _ => "",
    }
}

fn module_line(file: &GoMod) -> u32 {
    use crate::gomod::syntax::Stmt;
    file.syntax
        .stmts
        .iter()
        .find_map(|stmt| match stmt {
            Stmt::Line(line) if line.tokens.first().is_some_and(|verb| verb == "module") => {
                Some(line.number)
            }
            Stmt::Line(_) | Stmt::Block(_) | Stmt::Comments(_) => None,
        })
        .unwrap_or(1)
}

/// A main module's path only has to be a valid import path.
fn check_main_path(path: &str) -> Result<(), String> {
    module_path::check_import_path(path)
        .map_err(|error| error.to_string().replace("import path", "module path"))
}

impl ModLoader {
    /// Finds the main module of `cwd` and prepares the fetcher. `goroot` is the standard library in use.
    pub fn new(env: &Env, cwd: &Path, goroot: &Path, options: &ModOptions) -> Result<ModLoader> {
        if env.get("GO111MODULE") == "off" {
            return Err(Error::new(
                "GOPATH mode (GO111MODULE=off) is not supported yet",
            ));
        }
        let mut main = None;
        if !options.no_main_module {
            if let Some(path) = find_workspace(env, cwd) {
                return Err(Error::new(format!(
                    "workspaces are not supported yet ({}); set GOWORK=off to ignore the file",
                    short_path(cwd, &path)
                )));
            }
            if let Some(dir) = find_module_root(&*env.system, cwd) {
                let go_mod = match &options.modfile {
                    Some(path) => {
                        if path.extension().is_none_or(|extension| extension != "mod") {
                            return Err(Error::new(format!(
                                "-modfile={}: file does not have .mod extension",
                                path.display()
                            )));
                        }
                        let full = clean_join(cwd, &path.display().to_string());
                        if let Err(error) = env.system.stat(&full) {
                            return Err(Error::io("open", path, &error));
                        }
                        full
                    }
                    None => dir.join("go.mod"),
                };
                main = Some(read_main_module(env, cwd, &dir, &go_mod)?);
            }
        }
        let flag = if options.mod_flag.is_empty() {
            env.goflag_value("mod").unwrap_or("")
        } else {
            &options.mod_flag
        };
        let mode = match flag {
            "" => match &main {
                Some(main)
                    if semver::compare_go(&main.go_version, "1.14") != Ordering::Less
                        && env.system.is_dir(&main.dir.join("vendor")) =>
                {
                    ModMode::Vendor
                }
                _ => ModMode::ReadOnly,
            },
            "readonly" => ModMode::ReadOnly,
            "mod" => ModMode::Mod,
            "vendor" => ModMode::Vendor,
            other => {
                return Err(Error::bare(format!(
                    "-mod={other} not supported (can be '', 'mod', 'readonly', or 'vendor')"
                )));
            }
        };
        let sum_mode = match (&main, mode) {
            (None, _) => SumMode::None,
            (Some(_), ModMode::Mod) => SumMode::Update,
            (Some(_), ModMode::ReadOnly | ModMode::Vendor) => SumMode::ReadOnly,
        };
        let fetcher = Fetcher::new(env, sum_mode, options.quiet)?;
        let mut requirements = Requirements::default();
        // Whether go.mod says something else than what will be used.
        let mut unsettled = false;
        if let Some(main) = &main {
            if mode != ModMode::Vendor {
                let sum = main.go_mod.with_extension("sum");
                fetcher
                    .load_sums(&sum, &sum.display().to_string())
                    .map_err(|error| Error {
                        kind: ErrorKind::Bare,
                        ..error
                    })?;
            }
            for require in &main.file.require {
                if main.file.is_excluded(&require.path, &require.version) {
                    let verb = match mode {
                        ModMode::Mod => "dropping",
                        ModMode::ReadOnly | ModMode::Vendor => "ignoring",
                    };
                    env.system.eprint_line(&format!(
                        "go: {verb} requirement on excluded version {} {}",
                        require.path, require.version
                    ));
                    unsettled = true;
                    continue;
                }
                unsettled |= requirements.root(&require.path).is_some();
                requirements.raise(&ModuleVersion::new(&require.path, &require.version));
                if !require.indirect {
                    requirements.direct.insert(require.path.clone());
                }
            }
        }
        let mut loader = ModLoader {
            env: env.clone(),
            fetcher,
            main,
            mode,
            vendor: None,
            goroot: goroot.to_path_buf(),
            cwd: cwd.to_path_buf(),
            requirements: Mutex::new(requirements),
            graph: Mutex::new(None),
            summaries: Mutex::default(),
            package_dirs: Mutex::default(),
        };
        loader.resolve_queries_of_go_mod()?;
        if unsettled
            && !options.tolerant
            && mode == ModMode::ReadOnly
            && loader.pruning() == Pruning::Pruned
        {
            return Err(loader.updates_needed());
        }
        if mode == ModMode::Vendor {
            loader.load_vendor()?;
        }
        Ok(loader)
    }

    /// The machine.
    pub fn system(&self) -> &dyn System {
        &*self.env.system
    }

    /// The requirements as they are now.
    pub fn requirements(&self) -> Requirements {
        locked(&self.requirements).clone()
    }

    /// Replaces the requirements; the graph is loaded anew when needed.
    pub fn set_requirements(&self, requirements: Requirements) {
        *locked(&self.requirements) = requirements;
        *locked(&self.graph) = None;
    }

    /// Versions such as `master` or `v1` in go.mod are resolved with `-mod=mod` and an error otherwise.
    fn resolve_queries_of_go_mod(&mut self) -> Result<()> {
        let Some(main) = &self.main else {
            return Ok(());
        };
        let mut requirements = self.requirements();
        let mut changed = false;
        for require in &main.file.require {
            if semver::canonical(&require.version).as_deref() == Some(&require.version) {
                continue;
            }
            let shown = short_path(&self.cwd, &main.go_mod);
            let position = format!("errors parsing {shown}:\n{shown}:{}", require.line);
            if self.mode != ModMode::Mod {
                let text = match module_path::check_path(&require.path) {
                    Err(error) => error.to_string(),
                    Ok(()) => format!(
                        "require {}: version {} invalid: must be of the form v1.2.3",
                        require.path,
                        quote(&require.version)
                    ),
                };
                return Err(Error::new(format!("{position}: {text}")));
            }
            let info = self
                .query(&require.path, &require.version, "")
                .map_err(|error| {
                    Error::new(format!(
                        "{position}: require {}: {}",
                        require.path, error.text
                    ))
                })?;
            for root in &mut requirements.roots {
                if root.path == require.path {
                    root.version.clone_from(&info.version);
                    changed = true;
                }
            }
        }
        if changed {
            self.set_requirements(requirements);
        }
        Ok(())
    }

    /// Pruning of the main module's graph. Outside a module nothing is pruned away that counts.
    pub fn pruning(&self) -> Pruning {
        self.main
            .as_ref()
            .map_or(Pruning::Pruned, |main| Pruning::of(&main.go_version))
    }

    /// The replacement that the main module has for a module.
    pub fn replacement(&self, module: &ModuleVersion) -> Option<&Replace> {
        self.main
            .as_ref()?
            .file
            .replacement(&module.path, &module.version)
    }

    /// The directory of a directory replacement.
    pub fn replacement_dir(&self, replace: &Replace) -> PathBuf {
        let base = self
            .main
            .as_ref()
            .map_or(self.cwd.as_path(), |main| main.dir.as_path());
        clean_join(base, &replace.new_path)
    }

    /// The go.mod summary of a module version, replacements applied.
    pub fn summary(&self, module: &ModuleVersion) -> Result<Arc<Summary>> {
        if let Some(known) = locked(&self.summaries).get(module) {
            return known.clone();
        }
        let result = self.read_summary(module).map(Arc::new);
        locked(&self.summaries).insert(module.clone(), result.clone());
        result
    }

    fn read_summary(&self, module: &ModuleVersion) -> Result<Summary> {
        if crate::mvs::is_toolchain(&module.path) {
            let require = match module.path.as_str() {
                "go" if semver::compare_go(&module.version, "1.21") != Ordering::Less => {
                    vec![ModuleVersion::new(
                        "toolchain",
                        format!("go{}", module.version),
                    )]
                }
                _ => Vec::new(),
            };
            return Ok(Summary {
                require,
                pruned: true,
                ..Summary::default()
            });
        }
        let (bytes, shown, expected_path) = match self.replacement(module) {
            Some(replace) if replace.is_dir() => {
                let dir = self.replacement_dir(replace);
                let path = dir.join("go.mod");
                let bytes = self.system().read(&path).map_err(|error| {
                    let reason = crate::error::io_text(&error);
                    Error::new(format!(
                        "{module} (replaced by {}): reading {}: open {}: {reason}",
                        replace.new_path,
                        short_path(&self.cwd, &path),
                        path.display()
                    ))
                })?;
                (Arc::from(bytes), short_path(&self.cwd, &path), None)
            }
            Some(replace) => {
                let target = ModuleVersion::new(&replace.new_path, &replace.new_version);
                let bytes = self.fetcher.go_mod(&target)?;
                (bytes, format!("{target}/go.mod"), None)
            }
            None => (
                self.fetcher.go_mod(module)?,
                format!("{module}/go.mod"),
                Some(module.path.as_str()),
            ),
        };
        let file = file::parse(&bytes, &shown, Strictness::Dependency).map_err(|errors| {
            let lines: Vec<String> = errors.iter().map(|error| error.render(&shown)).collect();
            Error::new(format!("{module}: parsing go.mod: {}", lines.join("\n")))
        })?;
        if expected_path.is_some() && file.module.is_none() {
            return Err(Error::new(format!(
                "{module}: parsing go.mod: missing module line"
            )));
        }
        if let (Some(expected), Some(found)) = (expected_path, &file.module)
            && expected != found
        {
            return Err(Error::new(format!(
                "{module}: parsing go.mod:\n\tmodule declares its path as: {found}\n\t        but was required as: {expected}"
            )));
        }
        let go_version = file.go.clone().unwrap_or_else(|| "1.16".to_string());
        if semver::compare_go(&go_version, GO_RELEASE) == Ordering::Greater {
            return Err(Error::new(format!(
                "{module} requires go >= {go_version} (running go {GO_RELEASE}{})",
                pinned(&self.env)
            )));
        }
        let main = self.main.as_ref();
        let mut require: Vec<ModuleVersion> = file
            .require
            .iter()
            .filter(|require| {
                main.is_none_or(|main| !main.file.is_excluded(&require.path, &require.version))
            })
            .map(|require| ModuleVersion::new(&require.path, &require.version))
            .collect();
        if semver::compare_go(&go_version, "1.21") != Ordering::Less {
            require.push(ModuleVersion::new("go", go_version.clone()));
        }
        Ok(Summary {
            require,
            pruned: Pruning::of(&go_version) == Pruning::Pruned,
            go_version: file.go.unwrap_or_default(),
            path: file.module.unwrap_or_default(),
            deprecated: file.deprecated,
        })
    }

    /// The module graph of the current requirements, loaded once.
    pub fn graph(&self) -> Result<Arc<ModuleGraph>> {
        if let Some(graph) = locked(&self.graph).as_ref() {
            return Ok(Arc::clone(graph));
        }
        let graph = Arc::new(self.load_graph(&self.requirements())?);
        *locked(&self.graph) = Some(Arc::clone(&graph));
        Ok(graph)
    }

    /// True if the graph has been loaded.
    pub fn graph_is_loaded(&self) -> bool {
        locked(&self.graph).is_some()
    }

    /// Loads the graph of other requirements.
    pub fn load_graph(&self, requirements: &Requirements) -> Result<ModuleGraph> {
        let main = self.main.as_ref();
        let main_path = main.map_or("", |main| main.path.as_str());
        let mut roots = requirements.roots.clone();
        if let Some(main) = main {
            if main.file.go.is_some() {
                roots.push(ModuleVersion::new("go", main.go_version.clone()));
            }
            if let Some(toolchain) = main
                .file
                .toolchain
                .as_ref()
                .filter(|name| *name != "default")
            {
                roots.push(ModuleVersion::new("toolchain", toolchain.clone()));
            }
            roots.sort();
        }
        ModuleGraph::load(main_path, &roots, self.pruning(), &|module| {
            self.summary(module)
        })
    }

    /// In read-only mode go.mod must already list the selected versions.
    pub fn check_roots(&self, graph: &ModuleGraph) -> Result<()> {
        let stale = self.requirements().roots.iter().any(|root| {
            graph
                .selected(&root.path)
                .is_some_and(|selected| selected != root.version)
        });
        if stale && self.mode == ModMode::ReadOnly {
            Err(self.updates_needed())
        } else {
            Ok(())
        }
    }

    /// "updates to go.mod needed".
    pub fn updates_needed(&self) -> Error {
        Error {
            text: "updates to go.mod needed; to update it:\n\tgo mod tidy".to_string(),
            kind: ErrorKind::ReadOnly,
        }
    }

    /// Where a module's files are, downloading them if needed.
    pub fn locate(&self, module: &ModuleVersion) -> Result<ModuleInfo> {
        if let Some(main) = self.main.as_ref().filter(|main| main.path == module.path) {
            return Ok(self.main_info(main));
        }
        let replace = self.replacement(module);
        let (dir, shown) = match replace {
            Some(replace) if replace.is_dir() => {
                let dir = self.replacement_dir(replace);
                if !self.system().is_dir(&dir) {
                    return Err(Error::new(format!(
                        "{module}: replacement directory {} does not exist",
                        replace.new_path
                    )));
                }
                (dir, Some(ModuleVersion::new(&replace.new_path, "")))
            }
            Some(replace) => {
                let target = ModuleVersion::new(&replace.new_path, &replace.new_version);
                (self.fetcher.download(&target)?, Some(target))
            }
            None => (self.fetcher.download(module)?, None),
        };
        let summary = self.summary(module)?;
        Ok(ModuleInfo {
            module: module.clone(),
            replace: shown,
            dir,
            go_version: summary.go_version.clone(),
            is_main: false,
            indirect: !locked(&self.requirements).direct.contains(&module.path),
        })
    }

    /// The main module as a [`ModuleInfo`].
    pub fn main_info(&self, main: &MainModule) -> ModuleInfo {
        ModuleInfo {
            module: ModuleVersion::new(&main.path, ""),
            replace: None,
            dir: main.dir.clone(),
            go_version: main.file.go.clone().unwrap_or_default(),
            is_main: true,
            indirect: false,
        }
    }

    fn load_vendor(&mut self) -> Result<()> {
        let Some(main) = &self.main else {
            return Ok(());
        };
        let path = main.dir.join("vendor/modules.txt");
        let parsed = match self.env.system.read(&path) {
            Ok(bytes) => parse_modules_txt(&bytes),
            Err(_) => ModulesTxt::default(),
        };
        check_vendor(main, &parsed)?;
        self.vendor = Some(parsed);
        Ok(())
    }

    /// Writes go.mod and go.sum if `-mod=mod` changed them.
    pub fn commit(&self) -> Result<()> {
        let Some(main) = &self.main else {
            return Ok(());
        };
        if self.mode != ModMode::Mod {
            return Ok(());
        }
        let requirements = self.requirements();
        self.write_requirements(main, &requirements)?;
        self.fetcher.save_sums(false)
    }

    /// Writes requirements to go.mod if they differ from the file's.
    pub fn write_requirements(&self, main: &MainModule, requirements: &Requirements) -> Result<()> {
        let wanted: Vec<Require> = requirements
            .roots
            .iter()
            .map(|root| Require {
                path: root.path.clone(),
                version: root.version.clone(),
                indirect: !requirements.direct.contains(&root.path),
                line: 0,
            })
            .collect();
        let mut have: Vec<(String, String, bool)> = main
            .file
            .require
            .iter()
            .map(|require| {
                (
                    require.path.clone(),
                    require.version.clone(),
                    require.indirect,
                )
            })
            .collect();
        let mut want: Vec<(String, String, bool)> = wanted
            .iter()
            .map(|require| {
                (
                    require.path.clone(),
                    require.version.clone(),
                    require.indirect,
                )
            })
            .collect();
        have.sort();
        want.sort();
        if have == want && main.file.go.is_some() {
            return Ok(());
        }
        let mut file = main.file.clone();
        if file.go.is_none() {
            file.set_go(&semver::go_language(GO_RELEASE));
        }
        file.set_requirements(&wanted, self.pruning() == Pruning::Pruned);
        self.write_go_mod(main, &file.format())
    }

    /// Replaces go.mod under the lock that the official `go` uses.
    pub fn write_go_mod(&self, main: &MainModule, text: &str) -> Result<()> {
        if text.as_bytes() == main.original {
            return Ok(());
        }
        let _lock = self.fetcher.side_lock()?;
        let now = self
            .system()
            .read(&main.go_mod)
            .map_err(|error| Error::io("open", &main.go_mod, &error))?;
        if now != main.original {
            return Err(Error::new("existing contents have changed since last read"));
        }
        self.system()
            .write_atomic(&main.go_mod, text.as_bytes(), 0o644)
            .map_err(|error| Error::io("write", &main.go_mod, &error))
    }
}

/// Compares go.mod with vendor/modules.txt.
fn check_vendor(main: &MainModule, vendor: &ModulesTxt) -> Result<()> {
    if semver::compare_go(&main.go_version, "1.14") == Ordering::Less {
        return Ok(());
    }
    let mut problems = Vec::new();
    let find = |path: &str, version: &str| {
        vendor
            .modules
            .iter()
            .find(|known| known.module.path == path && known.module.version == version)
    };
    for require in &main.file.require {
        let name = format!("{}@{}", require.path, require.version);
        match find(&require.path, &require.version) {
            Some(known) if known.explicit => {}
            _ => problems.push(format!("{name}: is explicitly required in go.mod, but not marked as explicit in vendor/modules.txt")),
        }
    }
    for known in &vendor.modules {
        let required = main.file.require.iter().any(|require| {
            require.path == known.module.path && require.version == known.module.version
        });
        if known.explicit && !required {
            problems.push(format!("{}: is marked as explicit in vendor/modules.txt, but not explicitly required in go.mod", known.module));
        }
        let wanted = main
            .file
            .replacement(&known.module.path, &known.module.version);
        match (wanted, &known.replacement) {
            (None, Some(_)) => problems.push(format!("{}: is marked as replaced in vendor/modules.txt, but not replaced in go.mod", known.module)),
            (Some(replace), None) => problems.push(format!(
                "{}: is replaced in go.mod, but not marked as replaced in vendor/modules.txt",
                ModuleVersion::new(&replace.old_path, &replace.old_version)
            )),
            (Some(replace), Some(target)) if replace.new_path != target.path || replace.new_version != target.version => problems.push(format!(
                "{}: is replaced by {} in go.mod, but marked as replaced by {target} in vendor/modules.txt",
                known.module,
                ModuleVersion::new(&replace.new_path, &replace.new_version)
            )),
            (Some(_), Some(_)) | (None, None) => {}
        }
    }
    if problems.is_empty() {
        return Ok(());
    }
    let lines: String = problems
        .iter()
        .map(|problem| format!("\n\t{problem}"))
        .collect();
    Err(Error::new(format!(
        "inconsistent vendoring in {}:{lines}\n\n\tTo ignore the vendor directory, use -mod=readonly or -mod=mod.\n\tTo sync the vendor directory, run:\n\t\tgo mod vendor",
        main.dir.display()
    )))
}
