//! Machine code kept between builds gives the same programs as compiling everything, also when the cache was damaged.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

const SOURCE: &str = r#"package main

import (
	"fmt"
	"os"
	"sort"
)

type shape interface{ area() float64 }
type square struct{ side float64 }

func (s square) area() float64 { return s.side * s.side }

func main() {
	defer fmt.Println("end")
	shapes := []shape{square{3}, square{2}}
	sort.Slice(shapes, func(i, j int) bool { return shapes[i].area() < shapes[j].area() })
	fmt.Fprintln(os.Stdout, shapes, VALUE)
}
"#;

fn build(dir: &Path, cache: &str, output: &str) -> Vec<u8> {
    let outcome = testkit::run(
        Command::new(env!("CARGO_BIN_EXE_ferrogo"))
            .args(["build", "-o", output, "main.go"])
            .current_dir(dir)
            .env("FERROGOCACHE", cache),
        Duration::from_secs(120),
    );
    assert_eq!(outcome.status, Some(0), "{}", outcome.stderr);
    std::fs::read(dir.join(output)).unwrap()
}

fn files(dir: &Path) -> Vec<std::path::PathBuf> {
    std::fs::read_dir(dir)
        .unwrap()
        .flatten()
        .filter(|e| e.path().is_dir())
        .flat_map(|e| std::fs::read_dir(e.path()).unwrap().flatten())
        .map(|e| e.path())
        .collect()
}

#[test]
fn kept_code_is_the_code() {
    let dir = std::env::temp_dir().join(format!("ferrogo-code-cache-{}", std::process::id()));
    let cache = dir.join("cache");
    std::fs::create_dir_all(&dir).unwrap();
    let cache_text = cache.display().to_string();
    let write = |value: &str| {
        std::fs::write(dir.join("main.go"), SOURCE.replace("VALUE", value)).unwrap();
    };
    write("1");
    assert!(build(&dir, &cache_text, "cold") == build(&dir, "off", "plain"));
    // Positions and one function change, the rest is taken from the cache.
    write("2, \"two\", len(shapes)");
    let plain = build(&dir, "off", "plain");
    assert!(build(&dir, &cache_text, "warm") == plain);
    // Entries that were cut off, and entries of another kind under their name.
    for (number, file) in files(&cache).iter().enumerate() {
        let bytes = std::fs::read(file).unwrap();
        match number % 3 {
            0 => std::fs::write(file, &bytes[..bytes.len() / 2]).unwrap(),
            1 => std::fs::write(file, b"something else").unwrap(),
            _ => {}
        }
    }
    assert!(build(&dir, &cache_text, "damaged") == plain);
    std::fs::remove_dir_all(&dir).unwrap();
}
