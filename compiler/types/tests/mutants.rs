//! Differential test: programs of std and of Go's `test/` corpus with one slip of the hand each, judged by us and by the official
//! compiler, whose answers are recorded in `mutants.txt`: seed, file, and `ok` or where the first error is.
//!
//! `UPDATE=1` records anew (needs the official go of the pinned release), `UPDATE=gone` only those whose files are not part of the
//! build any more; `MUTANTS=from..to` runs some seeds,
//! `FERROGO_SHOW=1` prints what we say about every mutant that is judged differently and leaves it in the temporary folder.
//! Seeds in `mutants_exceptions.txt` are known to be judged differently.

mod world;

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use source::SourceFile;
use syntax::ast;
use syntax::mutate::{Rng, mutate_slightly};
use syntax::pragma::Rules;
use testkit::gotest;
use testkit::official::Compiler;
use world::{Compile, World};

const COUNT: u64 = 2000;

/// Packages of std with more source than this are left out, as are larger programs of the corpus.
const LARGEST: u64 = 120_000;

/// A file that keeps the official compiler from generating code for a whole package of std.
const STOP: &str = "zzz_stop.go";

struct Mutant {
    seed: u64,
    /// Below `src/` of GOROOT, or `test/...` of the corpus.
    file: String,
    /// `ok`, `LINE` in the mutated file, or `FILE:LINE`.
    answer: String,
}

/// Where the first error of compiler output is, as recorded.
fn first_error(output: &str, file: &str) -> String {
    let base = file.rsplit('/').next().unwrap_or(file);
    let Some(line) = output
        .lines()
        .find(|line| !line.starts_with('\t') && !line.contains(STOP))
    else {
        return "ok".into();
    };
    let mut parts = line.split(':');
    let (name, number) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    let name = name.rsplit('/').next().unwrap_or(name);
    if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
        return format!("?{line}");
    }
    match name == base {
        true => number.to_owned(),
        false => format!("{name}:{number}"),
    }
}

struct Rig {
    world: World,
    corpus: Option<PathBuf>,
    /// Parsed files of packages, for the files that are not mutated.
    parsed: Mutex<HashMap<PathBuf, (Arc<SourceFile>, Arc<ast::File>)>>,
    compiler: Option<Compiler>,
}

impl Rig {
    fn path(&self, file: &str) -> Option<PathBuf> {
        match file.strip_prefix("test/") {
            Some(rest) => Some(self.corpus.as_ref()?.join(rest)),
            None => Some(self.world.goroot.join("src").join(file)),
        }
    }

    /// The package of a std file, with its files.
    fn package(&self, file: &str) -> (String, Vec<PathBuf>) {
        let package = file.rsplit_once('/').map_or("", |(dir, _)| dir);
        let dir = self.world.goroot.join("src").join(package);
        (package.to_owned(), self.world.files(package, &dir))
    }

    fn is_part_of_the_build(&self, mutant: &Mutant) -> bool {
        mutant.file.starts_with("test/")
            || self
                .path(&mutant.file)
                .is_some_and(|path| self.package(&mutant.file).1.contains(&path))
    }

    fn mutated(&self, mutant: &Mutant) -> Option<Vec<u8>> {
        let text = std::fs::read(self.path(&mutant.file)?).ok()?;
        Some(mutate_slightly(&text, &mut Rng::new(mutant.seed)))
    }

    fn ours(&self, mutant: &Mutant, text: &[u8]) -> String {
        let is_test = mutant.file.starts_with("test/");
        let base = mutant.file.rsplit('/').next().unwrap_or_default();
        let (path, files) = match is_test {
            true => ("p".to_owned(), vec![PathBuf::from(base)]),
            false => self.package(&mutant.file),
        };
        let own = self.path(&mutant.file);
        let parsed = files
            .iter()
            .map(|file| {
                if is_test || Some(file) == own.as_ref() {
                    return self.world.parse_source(base, text.into());
                }
                let mut cache = self.parsed.lock().unwrap();
                let (file, tree) = cache
                    .entry(file.clone())
                    .or_insert_with(|| {
                        let name = file.file_name().unwrap_or_default().to_string_lossy();
                        let text = std::fs::read(file).unwrap_or_default();
                        let (file, tree, _) = self.world.parse_source(&name, text.into());
                        (file, tree)
                    })
                    .clone();
                (file, tree, Vec::new())
            })
            .collect();
        let compile = Compile {
            path: &path,
            files: Vec::new(),
            rules: Rules {
                std: !is_test,
                ..Rules::default()
            },
            bodyless_ok: true,
            all_errors: true,
            late_errors: is_test,
            imports: &HashMap::new(),
        };
        self.world.compile_parsed(&compile, parsed).1
    }

    fn official(&self, compiler: &Compiler, mutant: &Mutant, text: &[u8]) -> String {
        let is_test = mutant.file.starts_with("test/");
        let base = PathBuf::from(mutant.file.rsplit('/').next().unwrap_or_default());
        std::fs::write(compiler.dir.join(&base), text).expect("temporary file");
        let (path, mut files) = match is_test {
            true => ("p".to_owned(), vec![base.clone()]),
            false => self.package(&mutant.file),
        };
        let own = self.path(&mutant.file);
        for file in &mut files {
            if Some(&*file) == own.as_ref() {
                *file = base.clone();
            }
        }
        let path = format!("-p={path}");
        let mut flags = vec!["-e", "-lang=go1.27", "-o", "out.a", &path];
        if !is_test {
            let name = std::fs::read(&files[0])
                .ok()
                .or_else(|| std::fs::read(self.path(&mutant.file)?).ok())
                .map(|text| modules::scan::header(&text).package)
                .unwrap_or_default();
            std::fs::write(
                compiler.dir.join(STOP),
                format!("package {name}\n\nvar _ = stopHere\n"),
            )
            .expect("temporary file");
            flags.push("-std");
            files.push(STOP.into());
        }
        let (_, output) = compiler.compile(&flags, "", &files);
        let _ = std::fs::remove_file(compiler.dir.join(&base));
        output
    }

    /// Chooses files for new seeds.
    fn choose(&self) -> Vec<Mutant> {
        let size = |path: &Path| std::fs::metadata(path).map_or(u64::MAX, |m| m.len());
        let std: Vec<Vec<String>> = self
            .world
            .std_packages()
            .into_iter()
            .filter_map(|package| {
                let files = self.world.files(&package, &self.world.dir(&package));
                let total: u64 = files.iter().map(|file| size(file)).sum();
                (total <= LARGEST && package != "unsafe").then(|| {
                    files
                        .iter()
                        .filter_map(|f| {
                            let below = f.strip_prefix(self.world.goroot.join("src")).ok()?;
                            Some(below.display().to_string())
                        })
                        .collect()
                })
            })
            .collect();
        let corpus = self.corpus.as_ref().expect("recording needs the corpus");
        let programs: Vec<String> = gotest::cases(corpus, &["run", "compile", "build"])
            .into_iter()
            .filter(|case| case.args.is_empty() && size(&corpus.join(&case.name)) <= LARGEST / 2)
            .map(|case| format!("test/{}", case.name))
            .collect();
        (1..=COUNT)
            .map(|seed| {
                // Not the mutation's numbers: those depend on the seed alone.
                let mut rng = Rng::new(seed + (1 << 32));
                let file = match seed % 2 {
                    0 => rng.pick(&programs).clone(),
                    _ => {
                        let files = rng.pick(&std);
                        rng.pick(files).clone()
                    }
                };
                Mutant {
                    seed,
                    file,
                    answer: String::new(),
                }
            })
            .collect()
    }
}

fn read_record(text: &str) -> Vec<Mutant> {
    text.lines()
        .filter_map(|line| {
            let mut words = line.splitn(3, ' ');
            Some(Mutant {
                seed: words.next()?.parse().ok()?,
                file: words.next()?.to_owned(),
                answer: words.next()?.to_owned(),
            })
        })
        .collect()
}

/// Runs `work` on all items in two threads; results in order.
fn in_threads<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let results: Mutex<BTreeMap<usize, R>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            std::thread::Builder::new()
                .stack_size(64 << 20)
                .spawn_scoped(scope, || {
                    loop {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        let Some(item) = items.get(at) else { break };
                        let result = work(item);
                        results.lock().unwrap().insert(at, result);
                    }
                })
                .expect("a thread");
        }
    });
    results.into_inner().unwrap().into_values().collect()
}

#[test]
fn mutants_are_judged_as_the_official_compiler_does() {
    let Some(goroot) = world::goroot() else {
        return world::skip("mutants");
    };
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let temp = std::env::temp_dir().join(format!("ferrogo-mutants-{}", std::process::id()));
    let record = std::env::var_os("UPDATE").is_some();
    let only_gone = std::env::var_os("UPDATE").is_some_and(|how| how == "gone");
    let rig = Rig {
        world: World::new(&goroot),
        corpus: gotest::corpus(),
        parsed: Mutex::default(),
        compiler: record.then(|| Compiler::find(&temp).expect("UPDATE needs the official go")),
    };
    if let Some(compiler) = &rig.compiler {
        let known = std::fs::read_to_string(here.join("mutants.txt")).unwrap_or_default();
        let known: BTreeMap<u64, Mutant> = read_record(&known)
            .into_iter()
            .filter(|mutant| only_gone && rig.is_part_of_the_build(mutant))
            .map(|mutant| (mutant.seed, mutant))
            .collect();
        let mut mutants = rig.choose();
        for mutant in &mut mutants {
            if let Some(known) = known.get(&mutant.seed) {
                mutant.file.clone_from(&known.file);
                mutant.answer.clone_from(&known.answer);
                continue;
            }
            let text = rig.mutated(mutant).expect("a file");
            mutant.answer = first_error(&rig.official(compiler, mutant, &text), &mutant.file);
        }
        let text: String = mutants
            .iter()
            .map(|m| format!("{} {} {}\n", m.seed, m.file, m.answer))
            .collect();
        std::fs::write(here.join("mutants.txt"), text).expect("writable record");
    }
    let text = std::fs::read_to_string(here.join("mutants.txt")).unwrap_or_default();
    let mut mutants = read_record(&text);
    let range = std::env::var("MUTANTS").ok().and_then(|range| {
        let (from, to) = range.split_once("..")?;
        Some(from.parse::<u64>().ok()?..to.parse::<u64>().ok()?)
    });
    if let Some(range) = &range {
        mutants.retain(|mutant| range.contains(&mutant.seed));
    }
    if rig.corpus.is_none() {
        eprintln!("skipped: mutants of Go's test corpus: no installed Go with a test folder");
        mutants.retain(|mutant| !mutant.file.starts_with("test/"));
    }
    // Which files of std belong to the build may change: the others are left out until the record is renewed.
    let recorded = mutants.len();
    mutants.retain(|mutant| rig.is_part_of_the_build(mutant));
    let gone = recorded - mutants.len();
    assert!(
        gone <= 50,
        "{gone} mutants are not part of the build any more: record anew"
    );
    // Imports are checked in one thread, so that each package exists once.
    for mutant in &mutants {
        if let Some(path) = rig.path(&mutant.file) {
            for import in modules::scan::header(&std::fs::read(path).unwrap_or_default()).imports {
                let _ = rig.world.import(&import.path);
            }
        }
        if !mutant.file.starts_with("test/") {
            let _ = rig.world.import(&rig.package(&mutant.file).0);
        }
    }
    let exceptions: BTreeMap<u64, String> =
        std::fs::read_to_string(here.join("mutants_exceptions.txt"))
            .unwrap_or_default()
            .lines()
            .filter_map(|line| {
                let (seed, why) = line.split_once(' ')?;
                Some((seed.parse().ok()?, why.to_owned()))
            })
            .collect();
    let outputs = in_threads(&mutants, |mutant| {
        let text = rig.mutated(mutant).unwrap_or_default();
        let output = rig.ours(mutant, &text);
        (first_error(&output, &mutant.file), output, text)
    });
    let (mut verdicts, mut lines) = (0, 0);
    let mut report = String::new();
    let show = std::env::var_os("FERROGO_SHOW").is_some();
    for (mutant, (got, output, text)) in mutants.iter().zip(&outputs) {
        let (seed, file, answer) = (mutant.seed, &mutant.file, &mutant.answer);
        let same = got == answer;
        verdicts += usize::from((got == "ok") != (answer == "ok"));
        lines += usize::from(!same);
        match (same, exceptions.contains_key(&seed)) {
            (true, true) => {
                let _ = writeln!(report, "{seed} {file}: judged alike, but is listed");
            }
            (false, false) => {
                let _ = writeln!(report, "{seed} {file}: official {answer}, ours {got}");
            }
            _ => {}
        }
        if show && !same {
            let path = std::env::temp_dir().join(format!("mutant{seed}.go"));
            let _ = std::fs::write(&path, text);
            eprintln!("{seed} {file}: official {answer}, ours {got}\n{output}");
        }
    }
    let _ = std::fs::remove_dir_all(&temp);
    eprintln!(
        "{} mutants: verdicts differ {verdicts}, first lines {lines}",
        mutants.len()
    );
    assert!(report.is_empty(), "{report}");
    assert!(
        range.is_some() || verdicts * 200 <= mutants.len() && lines * 100 <= 3 * mutants.len(),
        "more than 0.5 % of the verdicts or 3 % of the lines differ"
    );
}
