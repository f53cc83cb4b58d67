//! The pass table.

use std::time::{Duration, Instant};

use mir::{Function, Program};
use rayon::prelude::*;

use crate::work::Work;

/// A pass.
pub struct Pass {
    /// Name in dumps and flags; unique.
    pub name: &'static str,
    /// Passes that must have run before (checked when the table is used).
    pub after: &'static [&'static str],
    #[allow(missing_docs)]
    pub run: Run,
    /// Needed for correct code: runs without optimisation too.
    pub required: bool,
}

/// What a pass works on.
pub enum Run {
    /// Each function by itself, in parallel.
    Function(fn(&Program, &mut Function)),
    /// The program as a whole.
    Program(fn(&mut Program, &mut Work)),
}

/// All passes in order.
pub const PASSES: &[Pass] = &[
    Pass {
        name: "simplify",
        after: &[],
        run: Run::Function(crate::simplify::run),
        required: false,
    },
    Pass {
        name: "inline",
        after: &["simplify"],
        run: Run::Program(crate::inline::run),
        required: false,
    },
    Pass {
        name: "simplify2",
        after: &["inline"],
        run: Run::Function(crate::simplify::run),
        required: false,
    },
    Pass {
        name: "prune",
        after: &["inline", "simplify2"],
        run: Run::Program(crate::prune::run),
        required: false,
    },
    Pass {
        name: "escape",
        after: &["inline", "prune"],
        run: Run::Program(crate::escape::run),
        required: false,
    },
    Pass {
        name: "promote",
        after: &["escape"],
        run: Run::Function(crate::promote::run),
        required: false,
    },
    Pass {
        name: "simplify3",
        after: &["promote"],
        run: Run::Function(crate::simplify::run),
        required: false,
    },
    Pass {
        name: "cse",
        after: &["simplify3"],
        run: Run::Function(crate::cse::run),
        required: false,
    },
    Pass {
        name: "simplify4",
        after: &["cse"],
        run: Run::Function(crate::simplify::run),
        required: false,
    },
    Pass {
        name: "checks",
        after: &["simplify4"],
        run: Run::Function(crate::checks::run),
        required: false,
    },
    Pass {
        name: "bounds",
        after: &["cse", "checks"],
        run: Run::Function(crate::bounds::run),
        required: false,
    },
    Pass {
        name: "barriers",
        after: &["escape", "promote"],
        run: Run::Function(crate::barriers::run),
        required: false,
    },
    Pass {
        name: "safepoints",
        after: &["inline"],
        run: Run::Function(crate::safepoints::run),
        required: true,
    },
    Pass {
        name: "layout",
        after: &["safepoints"],
        run: Run::Function(crate::layout::run),
        required: false,
    },
];

/// How to run the table.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Only required passes.
    pub no_optimize: bool,
    /// Print functions before this pass (`*` = every pass).
    pub dump_before: Option<String>,
    /// Print functions after this pass.
    pub dump_after: Option<String>,
    /// Print only this function (link name).
    pub dump_func: Option<String>,
    /// Leave these passes out.
    pub skip: Vec<String>,
}

impl Options {
    /// Whether all passes run and nothing is printed.
    pub fn is_plain(&self) -> bool {
        let Options {
            no_optimize,
            dump_before,
            dump_after,
            dump_func: _,
            skip,
        } = self;
        !no_optimize && dump_before.is_none() && dump_after.is_none() && skip.is_empty()
    }
}

/// Runs all passes over what there is to do. Returns how long each took.
///
/// # Panics
/// In debug builds, if a pass leaves a function that the verifier refuses: names pass and function.
pub fn run(
    program: &mut Program,
    options: &Options,
    work: &mut Work,
) -> Vec<(&'static str, Duration)> {
    check_order();
    let mut timings: Vec<(&'static str, Duration)> = PASSES
        .iter()
        .map(|pass| (pass.name, Duration::ZERO))
        .collect();
    verify_all(program, "lowering");
    let prune = PASSES.iter().position(|p| p.name == "prune");
    let (rounds, rest) = PASSES.split_at(prune.map_or(0, |at| at + 1));
    let (round_times, rest_times) = timings.split_at_mut(rounds.len());
    while work.next_round(program) {
        for (pass, (_, time)) in rounds.iter().zip(&mut *round_times) {
            *time += run_one(pass, program, options, work);
        }
    }
    work.only_fresh();
    for (pass, (_, time)) in rest.iter().zip(rest_times) {
        *time = run_one(pass, program, options, work);
    }
    timings
}

fn run_one(pass: &Pass, program: &mut Program, options: &Options, work: &mut Work) -> Duration {
    if options.skip.iter().any(|s| s == pass.name) || (options.no_optimize && !pass.required) {
        return Duration::ZERO;
    }
    let before = options.dump_before.as_deref();
    dump(program, options, before, pass.name, "before");
    let start = Instant::now();
    apply_to(pass, program, work);
    let time = start.elapsed();
    verify_all(program, pass.name);
    let after = options.dump_after.as_deref();
    dump(program, options, after, pass.name, "after");
    time
}

/// Runs one pass over all functions.
pub fn apply(pass: &Pass, program: &mut Program) {
    let mut work = Work::all(program);
    apply_to(pass, program, &mut work);
}

fn apply_to(pass: &Pass, program: &mut Program, work: &mut Work) {
    match pass.run {
        Run::Program(f) => f(program, work),
        Run::Function(f) => {
            let mut funcs = std::mem::take(&mut program.funcs);
            {
                // Functions see each other's signatures and flags only through the program; bodies are being changed.
                let signatures: base::IndexVec<mir::FuncId, Function> = funcs
                    .iter()
                    .map(|f| Function {
                        body: None,
                        params: f.params.clone(),
                        results: f.results.clone(),
                        ..shallow(f)
                    })
                    .collect();
                program.funcs = signatures;
            }
            let shared = &*program;
            funcs
                .as_mut_slice()
                .par_iter_mut()
                .zip(work.active.as_slice())
                .filter(|(func, active)| **active && func.body.is_some())
                .for_each(|(func, _)| f(shared, func));
            program.funcs = funcs;
        }
    }
}

fn shallow(f: &Function) -> Function {
    Function {
        name: f.name,
        display: f.display,
        pos: f.pos,
        params: Box::new([]),
        results: Box::new([]),
        flags: f.flags,
        body: None,
    }
}

fn check_order() {
    for (i, pass) in PASSES.iter().enumerate() {
        for need in pass.after {
            assert!(
                PASSES[..i].iter().any(|p| p.name == *need),
                "pass {} must come after {need}",
                pass.name
            );
        }
    }
}

fn verify_all(program: &Program, when: &str) {
    if !cfg!(debug_assertions) {
        return;
    }
    program.funcs.as_slice().par_iter().for_each(|func| {
        if let Err(errors) = mir::verify::verify(program, func) {
            panic!(
                "after {when}: {}:\n{}\n{}",
                func.name,
                errors.join("\n"),
                mir::print::print_function(program, func)
            );
        }
    });
}

fn dump(program: &Program, options: &Options, which: Option<&str>, pass: &str, word: &str) {
    if !which.is_some_and(|w| w == "*" || w == pass) {
        return;
    }
    for func in program.funcs.iter().filter(|f| f.body.is_some()) {
        if options
            .dump_func
            .as_deref()
            .is_none_or(|name| func.name.as_str() == name)
        {
            eprintln!(
                "# {word} {pass}\n{}",
                mir::print::print_function(program, func)
            );
        }
    }
}
