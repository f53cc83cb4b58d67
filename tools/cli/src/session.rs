//! What every building command does first: environment, GOROOT, package graph, checked packages.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use driver::cache::{self, Cache};
use driver::timings::Timings;
use driver::verdicts::Verdicts;
use driver::{BuildOptions, CheckRequest, Frontend};
use modules::env::Env;
use modules::modload::ModOptions;
use modules::{LoadOptions, Loader, PackageGraph, PackageId};
use source::system::{OsSystem, ReplacedSystem, System, clean_join};

use modules::patterns::split_version;

use crate::flags::{self, Flag, Parsed};
use crate::gcflags;

/// Why a command ends, with its exit status.
#[derive(Debug)]
pub struct Failure {
    /// Printed on standard error.
    pub text: String,
    #[allow(missing_docs)]
    pub status: u8,
}

impl From<String> for Failure {
    fn from(text: String) -> Self {
        Failure { text, status: 1 }
    }
}

impl From<modules::Error> for Failure {
    fn from(error: modules::Error) -> Self {
        Failure {
            text: error.to_string(),
            status: 1,
        }
    }
}

impl Failure {
    /// A wrong command line: exit status 2.
    pub fn usage(text: impl Into<String>) -> Self {
        Failure {
            text: text.into(),
            status: 2,
        }
    }
}

/// A linked program.
pub enum Program {
    /// In the cache, checked.
    Cached(PathBuf),
    /// In memory.
    Bytes(Vec<u8>),
    /// Only shown (`-n`).
    Planned,
}

/// State of one command.
pub struct Session {
    #[allow(missing_docs)]
    pub system: Arc<dyn System>,
    #[allow(missing_docs)]
    pub env: Env,
    #[allow(missing_docs)]
    pub goroot: PathBuf,
    #[allow(missing_docs)]
    pub timings: Timings,
    #[allow(missing_docs)]
    pub flags: Parsed,
    /// Directory to work in.
    pub dir: PathBuf,
    /// Prints packages as they are compiled (`-v`; `go test` has another use for the flag).
    pub names_packages: bool,
    /// Temporary directory that is printed and kept (`-work`).
    pub work: Option<PathBuf>,
}

impl Session {
    /// Finds GOROOT and reads the environment. `known` are the flags that `GOFLAGS` may set for this command.
    ///
    /// # Errors
    /// No usable GOROOT, a broken environment, a flag that is not supported.
    pub fn new(command: &str, mut flags: Parsed, known: &[&[Flag]]) -> Result<Session, Failure> {
        check_supported(command, &flags)?;
        let system: Arc<dyn System> = Arc::new(OsSystem::default());
        let mut env = Env::load(system.clone())?;
        flags::add_goflags(&mut flags, &env.goflags, known)?;
        check_supported(command, &flags)?;
        check_environment(&env)?;
        let mut system = system;
        if let Some(file) = flags.get("overlay").filter(|file| !file.is_empty()) {
            let dir = system
                .current_dir()
                .map_err(|e| format!("go: getwd: {e}"))?;
            system = replaced(system, &dir, file)?;
            env.system = system.clone();
        }
        let mut timings = Timings::default();
        let goroot = timings.time("goroot", || modules::goroot::find(&env))?.0;
        env.set_goroot(&goroot);
        let dir = system
            .current_dir()
            .map_err(|e| format!("go: getwd: {e}"))?;
        // Profiles do not steer this compiler, but one that is not there is a mistake.
        if let Some(profile) = flags
            .get("pgo")
            .filter(|p| !matches!(*p, "" | "auto" | "off"))
        {
            let path = dir.join(profile);
            if let Err(error) = system.stat(&path) {
                return Err(Failure::from(format!(
                    "# {path}\npreprofile: error opening profile: open {path}: {}",
                    modules::error::io_text(&error),
                    path = path.display()
                )));
            }
        }
        let names_packages = command != "test" && flags.is_set("v");
        let work = match flags.is_set("work") && !flags.is_set("n") {
            true => {
                let dir = crate::build::temp_dir("build")?;
                eprintln!("WORK={}", dir.display());
                Some(dir)
            }
            false => None,
        };
        Ok(Session {
            work,
            names_packages,
            system,
            env,
            goroot,
            timings,
            flags,
            dir,
        })
    }

    /// The module flags.
    pub fn mod_options(&self) -> ModOptions {
        ModOptions {
            mod_flag: self.flags.get("mod").unwrap_or_default().to_owned(),
            modfile: self
                .flags
                .get("modfile")
                .filter(|name| !name.is_empty())
                .map(PathBuf::from),
            ..ModOptions::default()
        }
    }

    /// `-tags`, split.
    pub fn tags(&self) -> Vec<String> {
        self.flags.get("tags").map_or_else(Vec::new, |t| {
            t.split([',', ' '])
                .filter(|t| !t.is_empty())
                .map(str::to_owned)
                .collect()
        })
    }

    /// What to load; `overlaid` is with ferrogo's replacements in std (needed to build).
    pub fn load_options(&self, tests: bool, overlaid: bool) -> LoadOptions {
        LoadOptions {
            tags: self.tags(),
            modules: self.mod_options(),
            overlay: match overlaid {
                true => Arc::new(driver::overlay::overlay(&self.goroot)),
                false => Arc::default(),
            },
            tests,
            implicit: Vec::new(),
            dir: self.dir.clone(),
        }
    }

    /// Loads the packages that the patterns name. Errors of packages end the command.
    ///
    /// # Errors
    /// What `go` prints.
    pub fn load(&mut self, patterns: &[String]) -> Result<(Loader, PackageGraph), Failure> {
        let loaded = self.load_any(patterns, false)?;
        report_errors(loaded)
    }

    /// Like [`Session::load`], for a package that is to be run: one that has nothing but tests is no program.
    ///
    /// # Errors
    /// What `go` prints.
    pub fn load_program(&mut self, patterns: &[String]) -> Result<(Loader, PackageGraph), Failure> {
        let loaded = self.load_any(patterns, false)?;
        let graph = &loaded.1;
        let lines = graph.error_lines();
        if let ([root], [line]) = (&graph.roots[..], &lines[..])
            && line.contains(": no non-test Go files in ")
            && !graph.package(*root).errors.is_empty()
            && graph.package(*root).name != "main"
        {
            return Err(Failure::from(format!(
                "package {} is not a main package",
                graph.package(*root).import_path
            )));
        }
        report_errors(loaded)
    }

    /// Loads the packages that the patterns name with their tests. Errors of packages are in the graph.
    ///
    /// # Errors
    /// What `go` prints if nothing can be loaded.
    pub fn load_tests(&mut self, patterns: &[String]) -> Result<PackageGraph, Failure> {
        let (_loader, graph) = self.load_any(patterns, true)?;
        for warning in &graph.warnings {
            eprintln!("{warning}");
        }
        Ok(graph)
    }

    fn load_any(
        &mut self,
        patterns: &[String],
        tests: bool,
    ) -> Result<(Loader, PackageGraph), Failure> {
        let options = self.load_options(tests, true);
        let (env, goroot) = (&self.env, &self.goroot);
        let loaded = self.timings.time("load", || -> Result<_, modules::Error> {
            let loader = Loader::with_goroot(env, goroot, options)?;
            let graph = loader.load(patterns)?;
            Ok((loader, graph))
        })?;
        Ok(loaded)
    }

    /// Loads `path@version` arguments of `run` and `install`: without a main module, all of one module at one version.
    ///
    /// # Errors
    /// What `go` prints.
    pub fn load_versioned(&mut self, specs: &[String]) -> Result<(Loader, PackageGraph), Failure> {
        let version_of = |spec: &'_ str| split_version(spec).map(|(_, v)| v.to_owned());
        let first = specs.first().map(String::as_str).unwrap_or_default();
        let wanted = specs.iter().find_map(|s| version_of(s)).unwrap_or_default();
        if let Some(spec) = specs.iter().find(|spec| spec.ends_with('@')) {
            return Err(Failure::from(format!(
                "go: {spec}: version must not be empty"
            )));
        }
        let different = |spec: &str| {
            Failure::from(format!(
                "go: {spec}: all arguments must refer to packages in the same module at the same version (@{wanted})"
            ))
        };
        if let Some(spec) = specs
            .iter()
            .find(|s| version_of(s).as_ref() != Some(&wanted))
        {
            return Err(different(spec));
        }
        let options = self.load_options(false, true);
        let env = &self.env;
        let loaded = self.timings.time("load", || -> Result<_, modules::Error> {
            let (loader, _) = Loader::at_version(env, first, options)?;
            let paths: Vec<String> = specs
                .iter()
                .filter_map(|s| split_version(s).map(|(path, _)| path.to_owned()))
                .collect();
            let graph = loader.load(&paths)?;
            Ok((loader, graph))
        })?;
        let (loader, graph) = report_errors(loaded)?;
        let module_of = |id: PackageId| graph.package(id).module.as_ref().map(|m| &m.module);
        for (&id, spec) in graph.roots.iter().zip(specs) {
            if module_of(id) != graph.roots.first().and_then(|&first| module_of(first)) {
                return Err(different(spec));
            }
        }
        Ok((loader, graph))
    }

    /// `-n`: commands are shown, not run.
    pub fn is_dry(&self) -> bool {
        self.flags.is_set("n")
    }

    /// Prints a command on standard error with `-x` and `-n`.
    pub fn show(&self, line: impl FnOnce() -> String) {
        if self.is_dry() || self.flags.is_set("x") {
            eprintln!("{}", line());
        }
    }

    /// Prints a command of `clean`, which tells on standard output.
    pub fn show_on_stdout(&self, line: impl FnOnce() -> String) {
        if self.is_dry() || self.flags.is_set("x") {
            println!("{}", line());
        }
    }

    /// Shows what building a program consists of: reading and checking every package, the program's last, then one link.
    fn show_build(&self, graph: &PackageGraph, main: PackageId) {
        let mut ids = graph.closure(&[main]);
        ids.retain(|&id| id != main && !graph.package(id).files.is_empty());
        ids.push(main);
        for id in ids {
            let package = graph.package(id);
            if self.names_packages && self.is_dry() {
                eprintln!("{}", package.display_path());
            }
            self.show(|| {
                let files: Vec<String> = package
                    .files
                    .iter()
                    .map(|f| match f.path.strip_prefix(&package.dir) {
                        Ok(name) => format!("./{}", name.display()),
                        Err(_) => f.path.display().to_string(),
                    })
                    .collect();
                format!(
                    "\n#\n# {path}\n#\n\ncd {}\ncompile -p {path} {}",
                    package.dir.display(),
                    files.join(" "),
                    path = package.display_path(),
                )
            });
        }
    }

    /// Checks packages (closed under imports). The tables of those `needed` will be asked for, of the others only whether they have
    /// errors.
    pub fn check(
        &mut self,
        graph: &PackageGraph,
        wanted: &[PackageId],
        needed: &[PackageId],
        extra: &driver::ExtraFiles<'_>,
    ) -> Frontend {
        let options = driver::frontend::CheckOptions {
            all_errors: self.gcflag("-e"),
            no_columns: self.gcflag("-C"),
            lang: self
                .gcflag_value("-lang=")
                .map(driver::frontend::language_version),
        };
        let system = &*self.system;
        let cache = Cache::open(system).filter(|_| !self.flags.is_set("a"));
        let verdicts = cache.as_ref().and_then(|cache| {
            self.timings.time("verdicts", || {
                Verdicts::look_up(graph, wanted, extra, options, cache, system)
            })
        });
        if self.names_packages {
            // What an earlier build has checked is not compiled again, as far as anybody can see.
            let is_known = |id| verdicts.as_ref().is_some_and(|known| known.is_good(id));
            for &id in wanted {
                let package = graph.package(id);
                if !package.files.is_empty() && !is_known(id) {
                    eprintln!("{}", package.display_path());
                }
            }
        }
        let request = CheckRequest {
            wanted,
            needed,
            extra,
            options,
            verdicts: verdicts.as_ref(),
        };
        let frontend = driver::check_graph(graph, &request, &mut self.timings);
        if let (Some(verdicts), Some(cache)) = (&verdicts, &cache) {
            verdicts.store(&frontend, cache, system);
        }
        frontend
    }

    /// Those of some programs that will have to be linked, as far as can be told without reading them.
    pub fn not_kept(
        &mut self,
        graph: &PackageGraph,
        mains: &[PackageId],
    ) -> Result<Vec<PackageId>, Failure> {
        let options = self.build_options()?;
        let cache = Cache::open(&*self.system).filter(|_| !self.flags.is_set("a"));
        let is_kept = |main: PackageId| {
            let key = cache::program_key(graph, main, &[], &options, &*self.system);
            (cache.as_ref().zip(key)).is_some_and(|(cache, key)| cache.has(&key))
        };
        Ok(mains.iter().copied().filter(|&id| !is_kept(id)).collect())
    }

    /// Whether `-gcflags` holds this flag.
    pub fn gcflag(&self, flag: &str) -> bool {
        self.flags.all("gcflags").any(|v| {
            v.trim_start_matches("all=")
                .split_whitespace()
                .any(|f| f == flag)
        })
    }

    /// The value of a compiler flag in `-gcflags`; of several the last.
    fn gcflag_value(&self, prefix: &str) -> Option<&str> {
        let mut found = None;
        for value in self.flags.all("gcflags") {
            let flags = value.trim_start_matches("all=").split_whitespace();
            found = flags.rev().find_map(|f| f.strip_prefix(prefix)).or(found);
        }
        found
    }

    /// Build options from the flags.
    ///
    /// # Errors
    /// Names a flag that is malformed or unknown.
    pub fn build_options(&self) -> Result<BuildOptions, Failure> {
        let mut options = BuildOptions {
            trimpath: self.flags.is_set("trimpath"),
            keep_all: self.flags.is_set("keep-all"),
            mod_cache: self.env.modcache().ok(),
            ..BuildOptions::default()
        };
        for value in self.flags.all("gcflags") {
            gcflags::apply(value, &mut options)?;
        }
        let mut words = Vec::new();
        for value in self.flags.all("ldflags") {
            let split = modules::env::split_quoted(value.trim_start_matches("all="))
                .map_err(Failure::usage)?;
            words.extend(split);
        }
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let word = word
                .strip_prefix("--")
                .map_or(word.clone(), |w| format!("-{w}"));
            match word.as_str() {
                "-s" | "-s=1" | "-s=true" => options.strip = true,
                // There is no DWARF; a symbol defined twice is an error at any setting.
                w if w == "-w" || w.starts_with("-w=") || w.starts_with("-strictdups=") => {}
                "-X" => {
                    let define = words
                        .next()
                        .ok_or_else(|| Failure::usage("ferrogo: -ldflags: -X needs an argument"))?;
                    options.defines.push(parse_define(&define)?);
                }
                w if w.starts_with("-X=") => options.defines.push(parse_define(&w[3..])?),
                w if w.starts_with("-buildid") => {
                    if w == "-buildid" {
                        words.next();
                    }
                }
                other => {
                    return Err(Failure::usage(format!(
                        "ferrogo: -ldflags: flag {other} is not supported"
                    )));
                }
            }
        }
        options.passes.dump_before = self.flags.get("dump-before").map(str::to_owned);
        options.passes.dump_after = self.flags.get("dump-after").map(str::to_owned);
        options.passes.dump_func = self.flags.get("dump-func").map(str::to_owned);
        let skipped = self.flags.all("skip-pass").map(str::to_owned);
        options.passes.skip.extend(skipped);
        options.dump_clif = self.flags.get("dump-clif").map(str::to_owned);
        // The order and the names of the official go. The program says gc of itself, as runtime.Compiler does.
        let settings = &mut options.settings;
        let mut add = |key: &'static str, value: &str| settings.push((key, value.to_owned()));
        let trimpath = options.trimpath;
        if let Some(flags) = self.flags.get("asmflags") {
            add("-asmflags", flags);
        }
        add("-buildmode", "exe");
        add("-compiler", "gc");
        if let Some(flags) = self.flags.get("gcflags") {
            add("-gcflags", flags);
        }
        // With -trimpath the flags are left out: they may name directories.
        if let Some(flags) = self.flags.get("ldflags").filter(|_| !trimpath) {
            add("-ldflags", flags);
        }
        let tags = self.tags().join(",");
        if !tags.is_empty() {
            add("-tags", &tags);
        }
        if trimpath {
            add("-trimpath", "true");
        }
        for (key, value) in [
            ("CGO_ENABLED", "0"),
            ("GOARCH", "amd64"),
            ("GOOS", "linux"),
            ("GOAMD64", "v2"),
        ] {
            add(key, value);
        }
        Ok(options)
    }

    /// The program of package `main` as a file in the cache, or its bytes if there is no cache: from the cache if nothing changed, else
    /// checked and built. `extra` are files made for the main package (test mains).
    ///
    /// # Errors
    /// What `go build` prints.
    pub fn program(
        &mut self,
        graph: &PackageGraph,
        main: PackageId,
        extra: &[(String, Vec<u8>)],
        frontend: &mut Option<Frontend>,
    ) -> Result<Program, Failure> {
        let options = self.build_options()?;
        let plain = options.dump_clif.is_none()
            && options.passes.dump_before.is_none()
            && options.passes.dump_after.is_none();
        let cache = if plain {
            Cache::open(&*self.system)
        } else {
            None
        };
        let system = self.system.clone();
        let key = cache.as_ref().and_then(|_| {
            self.timings.time("key", || {
                cache::program_key(graph, main, extra, &options, &*system)
            })
        });
        if let (Some(cache), Some(key)) = (&cache, &key)
            && !self.flags.is_set("a")
            && let Some(path) = self.timings.time("cache", || cache.find(&*system, key))
        {
            return Ok(Program::Cached(path));
        }
        self.show_build(graph, main);
        if self.is_dry() {
            return Ok(Program::Planned);
        }
        let ids = graph.closure(&[main]);
        if !frontend.as_ref().is_some_and(|f| f.has(graph, &ids)) {
            let files = |package: &modules::Package| -> Vec<(String, Arc<[u8]>)> {
                match package.id == main {
                    true => extra
                        .iter()
                        .map(|(name, bytes)| (name.clone(), Arc::from(bytes.as_slice())))
                        .collect(),
                    false => Vec::new(),
                }
            };
            *frontend = Some(self.check(graph, &ids, &ids, &files));
        }
        let Some(checked) = frontend.as_ref() else {
            return Err(Failure::from("ferrogo: nothing was checked".to_owned()));
        };
        if let Some(text) = render_errors(graph, checked) {
            return Err(Failure::from(text));
        }
        let image = driver::build_program(
            graph,
            checked,
            main,
            &self.goroot,
            &*self.system,
            &options,
            cache.as_ref().filter(|_| !self.flags.is_set("a")),
            &mut self.timings,
        )?;
        if let Some(work) = &self.work {
            // What gc leaves there of a link.
            let dir = work.join("b001/exe");
            let path = dir.join("a.out");
            let written = system
                .create_dir_all(&dir)
                .and_then(|()| system.write_atomic(&path, &image, 0o755));
            if let Err(e) = written {
                return Err(Failure::from(format!(
                    "open {}: {}",
                    path.display(),
                    modules::error::io_text(&e)
                )));
            }
        }
        if let (Some(cache), Some(key)) = (&cache, &key)
            && let Some(path) = self
                .timings
                .time("cache", || cache.store(&*system, key, &image))
        {
            self.show(|| format!("link -o {}", path.display()));
            return Ok(Program::Cached(path));
        }
        Ok(Program::Bytes(image))
    }

    /// Prints what phases took, if asked for.
    pub fn print_timings(&self) {
        if self.flags.is_set("timings") {
            eprint!("{}", self.timings.render());
        }
    }

    /// The bytes of a program.
    ///
    /// # Errors
    /// The file in the cache is gone.
    pub fn image<'a>(&self, program: &'a Program) -> Result<Cow<'a, [u8]>, Failure> {
        match program {
            Program::Planned => Ok(Cow::Borrowed(&[])),
            Program::Bytes(bytes) => Ok(Cow::Borrowed(bytes)),
            Program::Cached(file) => {
                let bytes = self.system.read(file).map_err(|e| {
                    Failure::from(format!(
                        "open {}: {}",
                        file.display(),
                        modules::error::io_text(&e)
                    ))
                })?;
                Ok(Cow::Owned(bytes))
            }
        }
    }

    /// Writes an executable.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_executable(&self, path: &Path, program: &Program) -> Result<(), Failure> {
        let failed = |e: std::io::Error| {
            Failure::from(format!(
                "open {}: {}",
                path.display(),
                modules::error::io_text(&e)
            ))
        };
        match program {
            Program::Planned => {
                self.show(|| format!("link -o {}", path.display()));
                Ok(())
            }
            Program::Cached(file) if self.is_dry() => {
                self.show(|| format!("cp {} {}", file.display(), path.display()));
                Ok(())
            }
            Program::Bytes(image) => {
                self.show(|| format!("link -o {}", path.display()));
                self.system.write_atomic(path, image, 0o755).map_err(failed)
            }
            Program::Cached(file) => {
                self.show(|| format!("cp {} {}", file.display(), path.display()));
                let image = self.system.read(file).map_err(failed)?;
                self.system
                    .write_atomic(path, &image, 0o755)
                    .map_err(failed)
            }
        }
    }
}

/// `-overlay`: the machine with the replacements that a JSON file lists.
fn replaced(system: Arc<dyn System>, dir: &Path, file: &str) -> Result<Arc<dyn System>, Failure> {
    #[derive(serde::Deserialize)]
    struct Overlay {
        #[serde(default, rename = "Replace")]
        replace: BTreeMap<String, String>,
    }
    let bytes = system.read(&clean_join(dir, file)).map_err(|e| {
        format!(
            "go: reading overlay: open {file}: {}",
            modules::error::io_text(&e)
        )
    })?;
    let overlay: Overlay = serde_json::from_slice(&bytes).map_err(|e| match e.is_eof() {
        true => "go: parsing overlay JSON: unexpected end of JSON input".to_owned(),
        false => format!("go: parsing overlay JSON: {e}"),
    })?;
    let replaced = ReplacedSystem::new(system, dir, &overlay.replace);
    Ok(Arc::new(replaced.map_err(|why| format!("go: {why}"))?))
}

/// Prints warnings; the errors of packages end the command.
fn report_errors(loaded: (Loader, PackageGraph)) -> Result<(Loader, PackageGraph), Failure> {
    for warning in &loaded.1.warnings {
        eprintln!("{warning}");
    }
    if loaded.1.has_errors() {
        let lines = loaded.1.error_lines();
        // That there is nothing to compile turns out only when all has been found.
        let only_tests = |line: &String| line.contains(": no non-test Go files in ");
        let first: Vec<String> = lines.iter().filter(|l| !only_tests(l)).cloned().collect();
        let told = if first.is_empty() { lines } else { first };
        return Err(Failure::from(told.join("\n")));
    }
    Ok(loaded)
}

/// Variables that decide what is built, or whether anything can be.
fn check_environment(env: &Env) -> Result<(), Failure> {
    let (os, arch) = (env.get("GOOS"), env.get("GOARCH"));
    if (os.as_str(), arch.as_str()) != ("linux", "amd64") {
        let known = modules::build_context::is_platform(&os, &arch);
        return Err(Failure::usage(match known {
            true => format!(
                "ferrogo: GOOS={os} GOARCH={arch} is not supported by ferrogo yet; it builds for linux/amd64"
            ),
            false => format!("go: unsupported GOOS/GOARCH pair {os}/{arch}"),
        }));
    }
    let module_mode = env.get("GO111MODULE");
    if !matches!(module_mode.as_str(), "" | "on" | "off" | "auto") {
        return Err(Failure::from(format!(
            "go: unknown environment setting GO111MODULE={module_mode}"
        )));
    }
    if let Some(entry) = env.gopath_list().iter().find(|entry| !entry.is_absolute()) {
        return Err(Failure::usage(format!(
            "go: GOPATH entry is relative; must be absolute path: {:?}.\nFor more details see: 'go help gopath'",
            entry.display().to_string()
        )));
    }
    Ok(())
}

fn check_supported(command: &str, parsed: &Parsed) -> Result<(), Failure> {
    if let Some(text) = flags::unsupported(parsed) {
        return Err(Failure::usage(format!("ferrogo {command}: {text}")));
    }
    if let Some(count) = parsed.get("p").filter(|n| {
        n.starts_with('-') || n.trim_start_matches(['+', '0', 'x', 'o', 'b']).is_empty()
    }) {
        return Err(Failure::from(format!(
            "go: -p must be a positive integer: {count}"
        )));
    }
    if command != "list"
        && let Some(tags) = parsed.get("tags")
        && tags.contains(' ')
        && tags.contains(',')
    {
        return Err(Failure::usage(
            "go: -tags space-separated list contains comma",
        ));
    }
    if let Some(mode) = parsed
        .get("buildmode")
        .filter(|m| !matches!(*m, "default" | "exe"))
    {
        if !matches!(
            mode,
            "archive" | "c-archive" | "c-shared" | "pie" | "plugin" | "shared"
        ) {
            return Err(Failure::from(format!("buildmode={mode} not supported")));
        }
        return Err(Failure::usage(format!(
            "ferrogo {command}: -buildmode={mode} is not supported by ferrogo yet"
        )));
    }
    Ok(())
}

fn parse_define(text: &str) -> Result<(String, String), Failure> {
    match text.split_once('=') {
        Some((name, value)) if name.contains('.') => Ok((name.to_owned(), value.to_owned())),
        _ => Err(Failure::usage(format!(
            "ferrogo: -X flag requires argument of the form importpath.name=value, got {text:?}"
        ))),
    }
}

/// Renders the errors of a front end as `go build` prints them.
pub fn render_errors(graph: &PackageGraph, frontend: &Frontend) -> Option<String> {
    if frontend.errors.is_empty() {
        return None;
    }
    let mut text = String::new();
    for (id, errors) in &frontend.errors {
        text.push_str(&format!(
            "# {}\n{errors}",
            graph.package(*id).display_path()
        ));
    }
    Some(text)
}
