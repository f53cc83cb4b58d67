//! Parses the files named on the command line and prints what is wrong with them, one error a
//! line, sorted as gc does.

fn main() {
    let map = source::SourceMap::new();
    let mut wrong = false;
    for path in std::env::args().skip(1) {
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
        let (_, diagnostics) = syntax::parse_file(&file);
        wrong |= !diagnostics.is_empty();
        let mut lines: Vec<_> = diagnostics
            .iter()
            .map(|d| (file.line_col(d.pos), &d.message))
            .collect();
        lines.sort();
        for ((line, col), message) in lines {
            println!("{}:{line}:{col}: {message}", file.name);
        }
    }
    std::process::exit(wrong as i32);
}
