//! Times the parser: `bench_parse THREADS LIST`, with the list that `bench/frontend/run.sh` makes
//! (`importpath<TAB>file<TAB>file...` lines). Sources are in memory before the clock starts.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use source::SourceMap;

fn main() {
    let mut args = std::env::args().skip(1);
    let (Some(Ok(threads)), Some(list)) = (args.next().map(|n| n.parse::<usize>()), args.next())
    else {
        eprintln!("usage: bench_parse THREADS LIST");
        std::process::exit(2);
    };
    let list = std::fs::read_to_string(list).expect("readable list");
    let packages: Vec<Vec<(String, Arc<[u8]>)>> = list
        .lines()
        .map(|line| {
            line.split('\t')
                .skip(1)
                .map(|name| {
                    (
                        name.to_owned(),
                        std::fs::read(name).expect("readable").into(),
                    )
                })
                .collect()
        })
        .collect();
    let map = SourceMap::new();
    let next = AtomicUsize::new(0);
    let start = Instant::now();
    let parse = || {
        let mut trees = Vec::new();
        while let Some(files) = packages.get(next.fetch_add(1, Ordering::Relaxed)) {
            for (name, src) in files {
                let file = map.add(name.as_str(), src.clone()).expect("fits");
                let (tree, diagnostics) = syntax::parse_file(&file);
                assert!(diagnostics.is_empty(), "{name}: {diagnostics:?}");
                trees.push(tree);
            }
        }
        trees
    };
    let trees: Vec<Vec<_>> = std::thread::scope(|scope| {
        let workers: Vec<_> = (1..threads).map(|_| scope.spawn(parse)).collect();
        let mut all = vec![parse()];
        all.extend(
            workers
                .into_iter()
                .map(|worker| worker.join().expect("no panic")),
        );
        all
    });
    println!(
        "parse {threads} {:.1}",
        start.elapsed().as_secs_f64() * 1000.0
    );
    drop(trees);
}
