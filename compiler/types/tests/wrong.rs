//! Wrong programs with what `go build -gcflags=-e` of go1.27.3 prints for them, byte for byte.
//!
//! `wrong.txt` and `wrong_modules.txt` were written by running the official go; each program stands between `==== ` and `---- `
//! lines, what is expected follows. Those of the second file are modules: files begin with `-- path --`, and what is printed has a
//! `# path` line for each package. Programs in `wrong_exceptions.txt` (by heading) are known to differ.

mod world;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use syntax::pragma::Rules;
use types::PkgId;

#[test]
fn wrong_programs_are_reported_as_gc_reports_them() {
    check_record("wrong programs", include_str!("wrong.txt"), program);
}

#[test]
fn wrong_modules_are_reported_as_the_go_command_reports_them() {
    check_record("wrong modules", include_str!("wrong_modules.txt"), module);
}

fn check_record(what: &str, text: &str, check: fn(&world::World, &str) -> String) {
    let Some(goroot) = world::goroot() else {
        return world::skip(what);
    };
    let world = world::World::new(&goroot);
    let exceptions: Vec<&str> = include_str!("wrong_exceptions.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    let (mut total, mut passed) = (0, 0);
    let mut report = String::new();
    for section in text.split("==== ").skip(1) {
        let (head, rest) = section.split_once('\n').unwrap();
        let (program, want) = rest.split_once("---- errors\n").unwrap();
        total += 1;
        let got = check(&world, program);
        let listed = exceptions.contains(&head);
        match (got == want, listed) {
            (true, false) => passed += 1,
            (false, true) => {}
            (true, true) => report.push_str(&format!("{head} passes but is listed\n")),
            (false, false) => report.push_str(&format!(
                "{head}: {}\n{}",
                changed_line(program),
                difference(want, &got)
            )),
        }
    }
    eprintln!("{passed} of {total} {what}");
    assert!(report.is_empty(), "{report}");
}

/// The line that makes the program wrong, for the report.
fn changed_line(program: &str) -> &str {
    program
        .lines()
        .find(|line| line.starts_with('\t') && !line.trim().is_empty())
        .unwrap_or_default()
}

/// The lines that only one of the texts has.
fn difference(want: &str, got: &str) -> String {
    let only = |sign: char, text: &str, other: &str| -> String {
        text.lines()
            .filter(|line| !other.lines().any(|o| o == *line))
            .map(|line| format!("  {sign} {line}\n"))
            .collect()
    };
    only('-', want, got) + &only('+', got, want)
}

fn program(world: &world::World, program: &str) -> String {
    let compile = world::Compile {
        path: "x",
        files: vec![("./a.go".into(), program.as_bytes().into())],
        rules: Rules::default(),
        bodyless_ok: false,
        all_errors: true,
        late_errors: true,
        imports: &HashMap::new(),
    };
    world.compile(&compile).1
}

/// Checks the packages of a module, dependencies first.
fn module(world: &world::World, text: &str) -> String {
    let padded = format!("\n{text}");
    let files: BTreeMap<&str, &str> = padded
        .split("\n-- ")
        .skip(1)
        .map(|part| part.split_once(" --\n").expect("a file's name"))
        .collect();
    let go_mod = files.get("go.mod").copied().unwrap_or_default();
    let word = |key: &str| {
        go_mod
            .lines()
            .find_map(|line| line.strip_prefix(key).map(str::trim))
            .unwrap_or_default()
    };
    let minor = word("go 1.").split('.').next().and_then(|n| n.parse().ok());
    let rules = Rules {
        go_version: (1, minor.unwrap_or(27)),
        ..Rules::default()
    };
    let mut packages: BTreeMap<String, Vec<(&str, &str)>> = BTreeMap::new();
    for (name, body) in files.iter().filter(|(name, _)| name.ends_with(".go")) {
        let path = match name.rsplit_once('/') {
            Some((dir, _)) => format!("{}/{dir}", word("module ")),
            None => word("module ").to_owned(),
        };
        packages.entry(path).or_default().push((name, body));
    }
    // What has been checked: the package, or nothing if it has errors or needs one that has.
    let mut done: BTreeMap<String, Option<PkgId>> = BTreeMap::new();
    let mut printed: BTreeMap<String, String> = BTreeMap::new();
    while done.len() < packages.len() {
        let before = done.len();
        for (path, sources) in &packages {
            let needed: Vec<String> = sources
                .iter()
                .flat_map(|(_, body)| modules::scan::header(body.as_bytes()).imports)
                .map(|import| import.path)
                .filter(|path| packages.contains_key(path))
                .collect();
            if done.contains_key(path) || needed.iter().any(|path| !done.contains_key(path)) {
                continue;
            }
            if needed.iter().any(|path| done[path].is_none()) {
                done.insert(path.clone(), None);
                continue;
            }
            let imports: HashMap<String, PkgId> = done
                .iter()
                .filter_map(|(path, pkg)| Some((path.clone(), (*pkg)?)))
                .collect();
            let files = sources.iter().map(|(name, body)| {
                let name = match name.contains('/') {
                    true => (*name).to_owned(),
                    false => format!("./{name}"),
                };
                (name, Arc::from(body.as_bytes()))
            });
            let compile = world::Compile {
                path,
                files: files.collect(),
                rules,
                bodyless_ok: false,
                all_errors: true,
                late_errors: true,
                imports: &imports,
            };
            let (pkg, text) = world.compile(&compile);
            let src = format!("{}/src/", world.goroot.display());
            let text = text.replace(&src, "$GOROOT/src/");
            done.insert(path.clone(), text.is_empty().then_some(pkg));
            if !text.is_empty() {
                printed.insert(path.clone(), format!("# {path}\n{text}"));
            }
        }
        assert!(done.len() > before, "packages that import each other");
    }
    printed.into_values().collect()
}
