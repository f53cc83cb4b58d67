//! What the program's code tells: which functions use a global, and where values of a type are allocated.
//!
//! One linear decode of the text. A type's descriptor loaded by LEA and followed, within a dozen instructions,
//! by a call of an allocating function marks an allocation site. Both survive stripping.

use iced_x86::{FlowControl, Mnemonic, OpKind, Register};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::anchors::visit_code;
use crate::runtime::Runtime;

/// Functions that take a descriptor and allocate.
const ALLOCATORS: &[&str] = &[
    "runtime.newobject",
    "runtime.malloc",
    "runtime.makeslice",
    "runtime.growslice",
    "runtime.makechan",
    "runtime.makemap",
    "runtime.newarray",
    "runtime.convT",
    "internal/runtime/maps.New",
    "runtime.rawbyteslice",
];
/// Instructions between the descriptor and the call.
const DISTANCE: u32 = 12;
/// Sites kept per type, users per global.
const MAX_SITES: usize = 256;
const MAX_USERS: usize = 3;

/// Functions whose callers matter for advice.
pub const CALLEES: &[&str] = &[
    "time.NewTicker",
    "time.Tick",
    "time.NewTimer",
    "time.AfterFunc",
    "time.After",
    "context.WithTimeout",
    "context.WithTimeoutCause",
    "context.WithDeadline",
    "context.WithDeadlineCause",
];
const MAX_CALLERS: usize = 64;

/// A place that uses a global.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Full function name.
    pub function: String,
    /// Address after the instruction.
    pub pc: u64,
    /// 0: writes it; 1: reads it; 2: initialises it; 3: the runtime's code.
    pub rank: u8,
}

/// Result of the scan. Addresses as in the process.
#[derive(Default)]
pub struct CodeScan {
    /// Addresses of static data that code refers to, with places that do: stores first, runtime's own last.
    pub users: FxHashMap<u64, Vec<User>>,
    /// Return addresses of calls of [`CALLEES`].
    pub callers: FxHashMap<&'static str, Vec<u64>>,
    /// Descriptor to the return addresses of allocating calls.
    pub sites: FxHashMap<u64, Vec<u64>>,
}

/// Decodes the whole program.
pub fn scan(runtime: &Runtime<'_>) -> CodeScan {
    let allocators: FxHashSet<u64> = runtime
        .functions
        .all()
        .filter(|func| ALLOCATORS.iter().any(|name| func.name().starts_with(name)))
        .map(|func| func.entry)
        .collect();
    let callees: FxHashMap<u64, &'static str> = runtime
        .functions
        .all()
        .filter_map(|func| {
            Some((
                func.entry,
                *CALLEES.iter().find(|name| **name == func.name())?,
            ))
        })
        .collect();
    let mut result = CodeScan::default();
    let data: Vec<(u64, u64)> = runtime
        .modules
        .iter()
        .flat_map(|module| [module.data, module.bss])
        .collect();
    let types: Vec<(u64, u64)> = runtime.modules.iter().map(|module| module.types).collect();
    let within = |ranges: &[(u64, u64)], address: u64| {
        ranges
            .iter()
            .any(|range| (range.0..range.1).contains(&address))
    };
    for func in runtime.functions.all() {
        let name = func.name();
        let own = name.starts_with("runtime.");
        let initialises = name.ends_with(".init") || name.contains(".init.");
        let mut pending: Option<(u64, u32)> = None;
        visit_code(&runtime.code(&func), &func, |instruction| {
            if let Some((_, age)) = &mut pending {
                *age += 1;
                if *age > DISTANCE {
                    pending = None;
                }
            }
            if instruction.memory_base() == Register::RIP
                && (0..instruction.op_count()).any(|op| instruction.op_kind(op) == OpKind::Memory)
            {
                let address = instruction.memory_displacement64();
                if within(&data, address) {
                    let writes = instruction.op0_kind() == OpKind::Memory
                        && instruction.mnemonic() == Mnemonic::Mov;
                    let rank = if own {
                        3
                    } else if initialises {
                        2
                    } else {
                        u8::from(!writes)
                    };
                    let users = result.users.entry(address).or_default();
                    match users.iter_mut().find(|user| user.function == name) {
                        Some(user) if user.rank > rank => {
                            (user.rank, user.pc) = (rank, instruction.next_ip())
                        }
                        Some(_) => {}
                        None => users.push(User {
                            function: name.to_string(),
                            pc: instruction.next_ip(),
                            rank,
                        }),
                    }
                    users.sort_by_key(|user| (user.rank, user.pc));
                    users.truncate(MAX_USERS);
                } else if instruction.mnemonic() == Mnemonic::Lea && within(&types, address) {
                    pending = Some((address, 0));
                }
            } else if instruction.flow_control() == FlowControl::Call {
                if let Some(callee) = callees.get(&instruction.near_branch_target()) {
                    let callers = result.callers.entry(*callee).or_default();
                    if callers.len() < MAX_CALLERS {
                        callers.push(instruction.next_ip());
                    }
                }
                if let Some((descriptor, _)) = pending.take() {
                    if !own && allocators.contains(&instruction.near_branch_target()) {
                        let sites = result.sites.entry(descriptor).or_default();
                        if sites.len() < MAX_SITES {
                            sites.push(instruction.next_ip());
                        }
                    }
                }
            }
        });
    }
    result
}

/// Locking in one function's code, by address.
#[derive(Default, Clone)]
pub struct LockCode {
    /// Return addresses of Lock calls and ends of LOCK CMPXCHG.
    pub locks: Vec<u64>,
    /// The same of Unlock and LOCK XADD.
    pub unlocks: Vec<u64>,
    /// Static addresses taken by LEA.
    pub statics: Vec<u64>,
}

/// Decodes one function for locking.
pub fn lock_code(runtime: &Runtime<'_>, pc: u64) -> LockCode {
    let mut result = LockCode::default();
    let Some(func) = runtime.functions.find(pc) else {
        return result;
    };
    visit_code(&runtime.code(&func), &func, |instruction| {
        let end = instruction.next_ip();
        if instruction.memory_base() == Register::RIP {
            result.statics.push(instruction.memory_displacement64());
        }
        if instruction.has_lock_prefix() {
            match instruction.mnemonic() {
                Mnemonic::Cmpxchg => result.locks.push(end),
                Mnemonic::Xadd => result.unlocks.push(end),
                _ => {}
            }
        }
        if instruction.flow_control() == FlowControl::Call {
            let Some(callee) = runtime.functions.find(instruction.near_branch_target()) else {
                return;
            };
            let name = callee.name();
            if !name.starts_with("sync.(*") && !name.starts_with("internal/sync.(*") {
                return;
            }
            if name.ends_with(").Lock") || name.ends_with(").RLock") || name.ends_with(").lockSlow")
            {
                result.locks.push(end);
            } else if name.ends_with(").Unlock")
                || name.ends_with(").RUnlock")
                || name.ends_with(").unlockSlow")
            {
                result.unlocks.push(end);
            }
        }
    });
    result
}
