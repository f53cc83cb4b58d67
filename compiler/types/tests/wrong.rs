//! Wrong programs with what `go build -gcflags=-e` of go1.27.3 prints for them, byte for byte.
//!
//! `wrong.txt` was written by running the official go; each program stands between `==== ` and `---- ` lines, what is
//! expected follows. Programs in `wrong_exceptions.txt` (by number) are known to differ.

mod world;

#[test]
fn wrong_programs_are_reported_as_gc_reports_them() {
    let Some(goroot) = world::goroot() else {
        return world::skip("wrong programs");
    };
    let world = world::World::new(&goroot);
    let exceptions: Vec<&str> = include_str!("wrong_exceptions.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    let text = include_str!("wrong.txt");
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
                "{head}: {}\n  want {want}  got  {got}",
                changed_line(program)
            )),
        }
    }
    eprintln!("{passed} of {total} programs");
    assert!(report.is_empty(), "{report}");
}

/// The line that makes the program wrong, for the report.
fn changed_line(program: &str) -> &str {
    program
        .lines()
        .find(|line| line.starts_with('\t') && !line.trim().is_empty())
        .unwrap_or_default()
}

fn check(world: &world::World, program: &str) -> String {
    let compile = world::Compile {
        path: "x",
        files: vec![("./a.go".into(), program.as_bytes().into())],
        rules: Default::default(),
        bodyless_ok: false,
        all_errors: true,
        late_errors: true,
        imports: &Default::default(),
    };
    world.compile(&compile).1
}
