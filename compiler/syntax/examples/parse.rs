//! Parses the files named on the command line as one package and prints what is wrong with them
//! as `go tool compile -e` would. `--json` and `--rich` choose the other renderings.

fn main() {
    let map = source::SourceMap::new();
    let mut diagnostics = Vec::new();
    let (flags, paths): (Vec<_>, Vec<_>) = std::env::args()
        .skip(1)
        .partition(|arg| arg.starts_with("--"));
    for path in paths {
        let src = match std::fs::read(&path) {
            Ok(src) => src,
            Err(error) => {
                eprintln!("{path}: {error}");
                std::process::exit(2);
            }
        };
        let Some(file) = map.add(path, src) else {
            eprintln!("too much source");
            std::process::exit(2);
        };
        let (tree, found) = syntax::parse_file(&file);
        diagnostics.extend(found);
        if tree.no_package {
            break;
        }
    }
    let text = match flags.first().map(String::as_str) {
        Some("--json") => diagnostics::json::render(&map, &diagnostics),
        Some("--rich") => diagnostics
            .iter()
            .map(|d| diagnostics::rich::render(&map, d, Default::default()))
            .collect(),
        _ => diagnostics::gc::render(
            &map,
            &diagnostics,
            diagnostics::gc::Options {
                all_errors: true,
                ..Default::default()
            },
        ),
    };
    print!("{text}");
    std::process::exit(!diagnostics.is_empty() as i32);
}
