//! What tracebacks say of panics.

mod place;

use place::Place;

const PANICS: &str = "\
-- main.go --
package main

func main() {
	defer func() {
		defer func() { panic(\"third\") }()
		panic(\"second\")
	}()
	panic(\"first\")
}
";

#[test]
fn panics_in_progress_show_their_values() {
    let place = Place::new("panics", PANICS);
    let got = place.run("run .");
    assert_eq!(got.status, Some(1), "{got:?}");
    let lines: Vec<&str> = got.stderr.lines().collect();
    assert_eq!(
        lines[..3],
        ["panic: first", "\tpanic: second", "\tpanic: third"]
    );
    let values: Vec<Vec<u64>> = (lines.iter())
        .filter_map(|line| line.strip_prefix("panic({")?.strip_suffix("})"))
        .map(|words| {
            let words = words.split(", ").map(|word| {
                let digits = word.strip_prefix("0x").and_then(|w| w.strip_suffix('?'));
                u64::from_str_radix(digits.expect(word), 16).unwrap()
            });
            words.collect()
        })
        .collect();
    // The last panic is what the report begins with: its call is not shown.
    let [second, first] = &values[..] else {
        panic!("{lines:#?}");
    };
    // Both are strings, of different text.
    assert_eq!((second.len(), first.len()), (2, 2));
    assert_eq!(second[0], first[0]);
    assert_ne!(second[1], first[1]);
    assert!(first.iter().chain(second).all(|&word| word != 0));
}
