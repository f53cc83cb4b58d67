//! What runs below a goroutine's stack limit fits into the slack there: the machine code of every entry point that stays on the
//! goroutine's stack is followed through its calls, and the bytes that it pushes and subtracts are added up.
//! Skipped where there is no linker.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

use iced_x86::{Code, Decoder, DecoderOptions, FlowControl, Instruction, OpKind, Register};
use object::{Object, ObjectSection, ObjectSymbol, SymbolKind};

/// Bytes that Go code without a stack check may have used up when it calls an entry point: two frames at the compiler's limit, with return
/// addresses and saved frame pointers.
const FRAMES_ABOVE: u64 = 2 * (192 + 16);

/// Called by functions with a stack check only, from above the limit.
const CALLED_AT_CHECKS: &[&str] = &["runtime.morestack", "runtime.pollslow"];

/// Functions that never return print a report and end the process: what they need does not count.
const ENDS: &[&str] = &[
    "panic",
    "throw",
    "fatal",
    "unwrap_failed",
    "expect_failed",
    "slice_index_fail",
    "rust_begin_unwind",
    "dying",
];

struct Function<'a> {
    address: u64,
    code: &'a [u8],
}

struct Program<'a> {
    by_address: HashMap<u64, &'a str>,
    functions: HashMap<&'a str, Function<'a>>,
    need: HashMap<&'a str, u64>,
}

impl<'a> Program<'a> {
    /// Bytes that the function needs below its return address; 0 from where it moves to another stack.
    fn need(&mut self, name: &'a str, path: &mut Vec<&'a str>) -> u64 {
        if let Some(&known) = self.need.get(name) {
            return known;
        }
        if ENDS.iter().any(|end| name.contains(end)) || path.contains(&name) {
            return 0;
        }
        let Some(function) = self.functions.get(name) else {
            return 0;
        };
        let (code, address) = (function.code, function.address);
        path.push(name);
        let (mut depth, mut most) = (0u64, 0u64);
        let mut instruction = Instruction::default();
        let mut decoder = Decoder::with_ip(64, code, address, DecoderOptions::NONE);
        while decoder.can_decode() {
            decoder.decode_out(&mut instruction);
            if leaves_stack(&instruction) {
                break;
            }
            match instruction.code() {
                Code::Push_r64 | Code::Pushq_imm8 | Code::Pushq_imm32 => depth += 8,
                Code::Sub_rm64_imm8 | Code::Sub_rm64_imm32
                    if instruction.op0_register() == Register::RSP =>
                {
                    depth += instruction.immediate(1);
                }
                _ => {}
            }
            most = most.max(depth);
            let is_call = matches!(instruction.flow_control(), FlowControl::Call);
            let is_jump = matches!(instruction.flow_control(), FlowControl::UnconditionalBranch);
            if (is_call || is_jump)
                && instruction.op0_kind() == OpKind::NearBranch64
                && let Some(&callee) = self.by_address.get(&instruction.near_branch_target())
                && callee != name
            {
                let below = self.need(callee, path);
                most = most.max(depth + below + if is_call { 8 } else { 0 });
            }
        }
        path.pop();
        self.need.insert(name, most);
        most
    }
}

/// `mov rsp, [r15 + ..]`: on to the system stack.
fn leaves_stack(instruction: &Instruction) -> bool {
    instruction.code() == Code::Mov_r64_rm64
        && instruction.op0_register() == Register::RSP
        && instruction.memory_base() == Register::R15
}

/// Entry points as Go names them: `package.name`, `package.(*Type).name`; Rust's own symbols are mangled.
fn is_entry_point(name: &str) -> bool {
    !name.starts_with("_Z") && !name.starts_with("_R") && name.contains('.')
}

#[test]
fn what_runs_below_the_stack_limit_fits_into_the_slack() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let image = here.join("../image");
    let tool = |name: &str| Command::new(name).arg("--version").output().is_ok();
    if !tool("ld") {
        return;
    }
    let built = Command::new(env!("CARGO"))
        .args(["build", "--release", "--quiet"])
        .current_dir(&image)
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("CARGO_TARGET_DIR")
        .status();
    assert!(
        built.is_ok_and(|status| status.success()),
        "the runtime builds"
    );
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("whole-runtime");
    let linked = Command::new("ld")
        .args([
            "-static",
            "--whole-archive",
            "--unresolved-symbols=ignore-all",
            "-e",
            "_start",
            "-o",
        ])
        .arg(&out)
        .arg(image.join("target/x86_64-unknown-linux-gnu/release/libferrogo_runtime.a"))
        .status();
    assert!(
        linked.is_ok_and(|status| status.success()),
        "the runtime links"
    );
    let bytes = std::fs::read(&out).expect("just written");
    let file = object::File::parse(&*bytes).expect("an ELF file");
    let mut program = Program {
        by_address: HashMap::new(),
        functions: HashMap::new(),
        need: HashMap::new(),
    };
    for symbol in file.symbols() {
        if symbol.kind() != SymbolKind::Text || symbol.size() == 0 {
            continue;
        }
        let (Ok(name), Some(section)) = (symbol.name(), symbol.section_index()) else {
            continue;
        };
        let code = file.section_by_index(section).ok().and_then(|section| {
            section
                .data_range(symbol.address(), symbol.size())
                .ok()
                .flatten()
        });
        let Some(code) = code else { continue };
        program.by_address.entry(symbol.address()).or_insert(name);
        let address = symbol.address();
        program.functions.insert(name, Function { address, code });
    }
    let entries: Vec<&str> = program
        .functions
        .keys()
        .copied()
        .filter(|name| is_entry_point(name))
        .collect();
    assert!(entries.len() > 300, "{} entry points found", entries.len());
    let mut too_deep: Vec<(u64, &str)> = entries
        .into_iter()
        .map(|name| (8 + program.need(name, &mut vec![]), name))
        .filter(|(need, name)| {
            let above = if CALLED_AT_CHECKS.contains(name) {
                0
            } else {
                FRAMES_ABOVE
            };
            need + above > abi::g::STACK_SLACK
        })
        .collect();
    too_deep.sort();
    assert!(
        too_deep.is_empty(),
        "too much of a goroutine's stack (these belong on the system stack, see deep_leaf_stubs): {too_deep:#?}"
    );
}
