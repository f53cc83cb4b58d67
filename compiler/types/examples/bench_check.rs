//! Times the front end: `bench_check THREADS LIST`, with the list that `bench/frontend/run.sh` makes
//! (`importpath<TAB>file<TAB>file...` lines, dependencies first). Sources are in memory before the clock starts; wall and CPU
//! milliseconds of parsing and checking are printed, and the peak of memory.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Instant;

use source::SourceMap;
use syntax::ast;
use types::{CheckInput, PkgId, Store, TypedPackage};

/// The command's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

struct Package {
    path: String,
    files: Vec<(String, Arc<[u8]>)>,
}

/// CPU milliseconds of this process so far.
fn cpu() -> f64 {
    // Fields 14 and 15 of /proc/self/stat, behind the parenthesised name: user and system time in hundredths of a second.
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<u64> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .map(|field| field.parse().unwrap_or(0))
        .collect();
    (fields.get(11).unwrap_or(&0) + fields.get(12).unwrap_or(&0)) as f64 * 10.0
}

/// Peak resident memory in MiB.
fn peak() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib: f64 = line
        .and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or(0.0);
    kib / 1024.0
}

fn main() {
    let mut args = std::env::args().skip(1);
    let (Some(Ok(threads)), Some(list)) = (args.next().map(|n| n.parse::<usize>()), args.next())
    else {
        eprintln!("usage: bench_check THREADS LIST");
        std::process::exit(2);
    };
    let packages: Vec<Package> = std::fs::read_to_string(list)
        .expect("readable list")
        .lines()
        .filter(|line| !line.starts_with("unsafe\t"))
        .map(|line| {
            let mut fields = line.split('\t');
            Package {
                path: fields.next().unwrap_or_default().to_owned(),
                files: fields
                    .map(|name| {
                        (
                            name.to_owned(),
                            std::fs::read(name).expect("readable").into(),
                        )
                    })
                    .collect(),
            }
        })
        .collect();
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .stack_size(256 << 20)
        .build()
        .expect("threads");
    let map = SourceMap::new();
    let (start, cpu_start) = (Instant::now(), cpu());
    let trees = pool.install(|| parse(&map, &packages));
    let (parsed, cpu_parsed) = (Instant::now(), cpu());
    println!(
        "parse {threads} {:.1} {:.0}",
        (parsed - start).as_secs_f64() * 1000.0,
        cpu_parsed - cpu_start
    );
    let store = Store::new();
    let checked = pool.install(|| check(&store, &map, &packages, trees));
    println!(
        "check {threads} {:.1} {:.0}",
        parsed.elapsed().as_secs_f64() * 1000.0,
        cpu() - cpu_parsed
    );
    println!("memory {threads} {:.0} 0", peak());
    std::mem::forget(checked);
}

fn parse(map: &SourceMap, packages: &[Package]) -> Vec<Vec<Arc<ast::File>>> {
    use rayon::prelude::*;
    packages
        .par_iter()
        .map(|package| {
            package
                .files
                .par_iter()
                .map(|(name, src)| {
                    let file = map.add(name.as_str(), src.clone()).expect("fits");
                    let (tree, found) = syntax::parse_file(&file);
                    assert!(found.is_empty(), "{name}: {found:?}");
                    Arc::new(tree)
                })
                .collect()
        })
        .collect()
}

struct Checking<'a> {
    store: &'a Store,
    map: &'a SourceMap,
    packages: &'a [Package],
    trees: Vec<Mutex<Vec<Arc<ast::File>>>>,
    by_path: HashMap<&'a str, usize>,
    dependents: Vec<Vec<usize>>,
    waiting: Vec<AtomicUsize>,
    /// Packages that can be imported.
    declared: Vec<OnceLock<PkgId>>,
    done: Vec<OnceLock<TypedPackage>>,
}

/// Checks dependencies first, packages that do not depend on each other in parallel.
fn check(
    store: &Store,
    map: &SourceMap,
    packages: &[Package],
    trees: Vec<Vec<Arc<ast::File>>>,
) -> Vec<OnceLock<TypedPackage>> {
    let by_path: HashMap<&str, usize> = packages
        .iter()
        .enumerate()
        .map(|(at, package)| (package.path.as_str(), at))
        .collect();
    let mut dependents = vec![Vec::new(); packages.len()];
    let mut waiting: Vec<AtomicUsize> = Vec::new();
    for (at, files) in trees.iter().enumerate() {
        let mut imports: Vec<usize> = files
            .iter()
            .flat_map(|file| imports(file))
            .filter_map(|path| find(&by_path, &path))
            .collect();
        imports.sort_unstable();
        imports.dedup();
        waiting.push(AtomicUsize::new(imports.len()));
        for import in imports {
            dependents[import].push(at);
        }
    }
    let checking = Checking {
        store,
        map,
        packages,
        trees: trees.into_iter().map(Mutex::new).collect(),
        by_path,
        dependents,
        waiting,
        declared: packages.iter().map(|_| OnceLock::new()).collect(),
        done: packages.iter().map(|_| OnceLock::new()).collect(),
    };
    let ready: Vec<usize> = (0..packages.len())
        .filter(|&at| checking.waiting[at].load(Ordering::Relaxed) == 0)
        .collect();
    rayon::scope(|scope| {
        for at in ready {
            let checking = &checking;
            scope.spawn(move |scope| checking.one(at, scope));
        }
    });
    checking.done
}

impl Checking<'_> {
    fn one<'s>(&'s self, at: usize, scope: &rayon::Scope<'s>) {
        let package = &self.packages[at];
        let resolve = |path: &str| -> Result<PkgId, String> {
            if path == "unsafe" {
                return Ok(PkgId::UNSAFE);
            }
            find(&self.by_path, path)
                .and_then(|at| self.declared[at].get().copied())
                .ok_or_else(|| format!("no package {path}"))
        };
        let files = std::mem::take(&mut *self.trees[at].lock().expect("no panic"));
        let mut input = CheckInput::new(package.path.as_str().into(), files, (1, 27), &resolve);
        input.bodyless_ok = true;
        // Dependents need no function bodies.
        let declared = |pkg: PkgId| {
            let _ = self.declared[at].set(pkg);
            for &dependent in &self.dependents[at] {
                if self.waiting[dependent].fetch_sub(1, Ordering::AcqRel) == 1 {
                    scope.spawn(move |scope| self.one(dependent, scope));
                }
            }
        };
        input.declared = Some(&declared);
        let (typed, found) = types::check_package(self.store, self.map, input);
        assert!(found.is_empty(), "{}: {found:?}", package.path);
        let _ = self.done[at].set(typed);
    }
}

/// Standard packages see their dependencies under vendor/.
fn find(by_path: &HashMap<&str, usize>, path: &str) -> Option<usize> {
    by_path
        .get(path)
        .or_else(|| by_path.get(format!("vendor/{path}").as_str()))
        .copied()
}

fn imports(file: &ast::File) -> Vec<String> {
    file.decls
        .iter()
        .filter_map(|&decl| match &file.decl_arena[decl].kind {
            ast::DeclKind::Import { path, .. } => match &file.exprs[*path].kind {
                ast::ExprKind::BasicLit { text, .. } => Some(text.trim_matches('"').to_owned()),
                _ => None,
            },
            _ => None,
        })
        .collect()
}
