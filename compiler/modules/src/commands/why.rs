//! `go mod why`: a shortest chain of imports from the main module to a package or module.

use super::all_packages::{self, AllPackage};
use crate::build_context::BuildContext;
use crate::cache::SumMode;
use crate::error::{Error, Result};
use crate::modload::ModLoader;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io::Write;

/// Runs `mod why`; `by_module` is `-m`.
pub fn run(
    modules: &ModLoader,
    tags: &BuildContext,
    targets: &[String],
    by_module: bool,
    out: &mut dyn Write,
) -> Result<()> {
    if modules.main.is_none() {
        return Err(Error::new(
            "go.mod file not found in current directory or any parent directory; see 'go help modules'",
        ));
    }
    modules.fetcher.set_mode(SumMode::Update);
    let all = all_packages::load(modules, tags)?;
    let parents = breadth_first(&all);
    for (at, target) in targets.iter().enumerate() {
        let separator = if at > 0 { "\n" } else { "" };
        let mut text = format!("{separator}# {target}\n");
        let found = if by_module {
            parents.order.iter().find(|node| {
                let module = all
                    .get(node.trim_end_matches(".test"))
                    .and_then(|package| package.module.as_ref());
                !node.ends_with(".test")
                    && module.is_some_and(|module| module.module.path == *target)
            })
        } else {
            parents.order.iter().find(|node| *node == target)
        };
        match found {
            Some(node) => {
                let mut chain = vec![node];
                while let Some(parent) = parents.parent.get(chain[chain.len() - 1]) {
                    chain.push(parent);
                }
                for node in chain.into_iter().rev() {
                    text.push_str(&format!("{node}\n"));
                }
            }
            None => {
                let kind = if by_module { "module" } else { "package" };
                text.push_str(&format!("(main module does not need {kind} {target})\n"));
            }
        }
        out.write_all(text.as_bytes())
            .map_err(|error| Error::new(error.to_string()))?;
    }
    Ok(())
}

struct Search {
    /// In the order of discovery; tests are nodes `path.test`.
    order: Vec<String>,
    parent: BTreeMap<String, String>,
}

fn breadth_first(all: &BTreeMap<String, AllPackage>) -> Search {
    let mut search = Search {
        order: Vec::new(),
        parent: BTreeMap::new(),
    };
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut queue: VecDeque<String> = VecDeque::new();
    for (path, _) in all.iter().filter(|(_, package)| package.is_main()) {
        seen.insert(path.clone());
        queue.push_back(path.clone());
    }
    while let Some(node) = queue.pop_front() {
        search.order.push(node.clone());
        let test_of = node
            .strip_suffix(".test")
            .filter(|_| !all.contains_key(&node));
        let mut next: Vec<String> = Vec::new();
        match test_of {
            Some(path) => next.extend(
                all.get(path)
                    .into_iter()
                    .flat_map(|package| package.test_imports.iter().cloned()),
            ),
            None => {
                if let Some(package) = all.get(&node) {
                    next.extend(package.imports.iter().cloned());
                    if !package.test_imports.is_empty() {
                        next.push(format!("{node}.test"));
                    }
                }
            }
        }
        for target in next {
            if seen.insert(target.clone()) {
                search.parent.insert(target.clone(), node.clone());
                queue.push_back(target);
            }
        }
    }
    search
}
