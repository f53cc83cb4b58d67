//! Where the runtime's fields are: from DWARF, or from a table per Go release.
//!
//! The table (`layouts.txt`) is generated from official compilers. It is only believed after
//! [`crate::runtime::Runtime::open`] has checked what it points at.

use rustc_hash::FxHashMap;

use crate::dwarf::DwarfInfo;
use crate::{Error, Result};

/// The generated table: per release the layouts and code anchors.
const TABLE: &str = include_str!("layouts.txt");

/// Short name, DWARF names (any of them), fields needed. Fields that a release does not have are simply absent.
pub const WANTED: &[(&str, &[&str], &[&str])] = &[
    (
        "mheap",
        &["runtime.mheap"],
        &["allspans", "sweepgen", "arenas"],
    ),
    (
        "mspan",
        &["runtime.mspan"],
        &[
            "startAddr",
            "npages",
            "freeindex",
            "nelems",
            "allocBits",
            "gcmarkBits",
            "sweepgen",
            "allocCount",
            "spanclass",
            "state",
            "elemsize",
            "specials",
            "largeType",
        ],
    ),
    ("special", &["runtime.special"], &["next", "offset", "kind"]),
    (
        "specialfinalizer",
        &["runtime.specialfinalizer"],
        &["fn", "nret", "fint", "ot"],
    ),
    (
        "specialCleanup",
        &["runtime.specialCleanup"],
        &["fn", "cleanup"],
    ),
    (
        "specialWeakHandle",
        &["runtime.specialWeakHandle"],
        &["handle"],
    ),
    (
        "moduledata",
        &["runtime.moduledata"],
        &[
            "text",
            "etext",
            "noptrdata",
            "enoptrdata",
            "data",
            "edata",
            "bss",
            "ebss",
            "noptrbss",
            "enoptrbss",
            "types",
            "etypes",
            "rodata",
            "gofunc",
            "gcdatamask",
            "gcbssmask",
            "next",
        ],
    ),
    (
        "g",
        &["runtime.g"],
        &[
            "stack",
            "m",
            "sched",
            "syscallsp",
            "syscallpc",
            "atomicstatus",
            "goid",
            "waitsince",
            "waitreason",
            "gopc",
            "startpc",
            "waiting",
            "parentGoid",
            "_panic",
            "_defer",
        ],
    ),
    ("gobuf", &["runtime.gobuf"], &["sp", "pc", "ctxt"]),
    (
        "m",
        &["runtime.m"],
        &["g0", "gsignal", "procid", "curg", "alllink"],
    ),
    ("p", &["runtime.p"], &["timers", "status", "id"]),
    ("timers", &["runtime.timers"], &["heap"]),
    (
        "timer",
        &["runtime.timer"],
        &[
            "when", "period", "f", "arg", "isChan", "blocked", "state", "ts",
        ],
    ),
    ("timeTimer", &["runtime.timeTimer"], &["c", "init", "timer"]),
    (
        "sudog",
        &["runtime.sudog"],
        &[
            "g", "next", "prev", "elem", "waitlink", "c", "ticket", "waiters",
        ],
    ),
    (
        "hchan",
        &["runtime.hchan"],
        &[
            "qcount", "dataqsiz", "buf", "elemsize", "closed", "elemtype", "sendx", "recvx",
            "recvq", "sendq",
        ],
    ),
    ("semaRoot", &["runtime.semaRoot"], &["treap", "nwait"]),
    (
        "gcController",
        &["runtime.gcControllerState"],
        &[
            "gcPercent",
            "memoryLimit",
            "heapLive",
            "heapMarked",
            "totalAlloc",
            "totalFree",
        ],
    ),
    (
        "memstats",
        &["runtime.mstats"],
        &[
            "numgc",
            "last_gc_unix",
            "stacks_sys",
            "mspan_sys",
            "mcache_sys",
            "buckhash_sys",
            "gcMiscSys",
            "other_sys",
            "heapStats",
        ],
    ),
    (
        "map",
        &["internal/runtime/maps.Map"],
        &["used", "dirPtr", "dirLen"],
    ),
    (
        "table",
        &["internal/runtime/maps.table"],
        &["used", "capacity", "growthLeft", "groups"],
    ),
    (
        "_type",
        &["internal/abi.Type"],
        &["Size_", "PtrBytes", "TFlag", "Kind_", "GCData", "Str"],
    ),
    ("ticker", &["time.Ticker"], &["C", "initTicker"]),
];

/// Runtime variables that are found by name or by anchors.
pub const SYMBOLS: &[&str] = &[
    "mheap_",
    "allgs",
    "allm",
    "allp",
    "sched",
    "semtable",
    "memstats",
    "gcController",
    "work",
    "waitReasonStrings",
    "firstmoduledata",
];

/// Where a layout came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The executable's DWARF.
    Dwarf,
    /// The table of the executable's own release.
    Table,
    /// The table of another release, since there is none for this one.
    Nearest(String),
}

/// One place in the runtime's code that refers to a runtime variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// Without `runtime.`.
    pub symbol: String,
    /// Full function name.
    pub function: String,
    /// Which of the function's RIP-relative memory operands.
    pub ordinal: u32,
    /// How many it has; a vote counts only where this agrees.
    pub total: u32,
    /// Operand minus symbol.
    pub addend: i64,
}

/// Field offsets and sizes of one release.
#[derive(Clone, Debug)]
pub struct Layout {
    /// Where it came from.
    pub origin: Origin,
    values: FxHashMap<String, u64>,
}

impl Layout {
    /// From DWARF; `None` when the runtime's structs are not there.
    pub fn from_dwarf(info: &DwarfInfo) -> Option<Layout> {
        let mut values = FxHashMap::default();
        for (short, names, fields) in WANTED {
            let Some(layout) = names.iter().find_map(|name| info.structs.get(*name)) else {
                continue;
            };
            values.insert(format!("{short}#"), layout.size);
            for (name, offset) in &layout.fields {
                if fields.contains(&name.as_str()) {
                    values.insert(format!("{short}.{name}"), *offset);
                }
            }
        }
        let layout = Layout {
            origin: Origin::Dwarf,
            values,
        };
        (layout.has("mspan.startAddr") && layout.has("g.goid") && layout.has("moduledata.types"))
            .then_some(layout)
    }

    /// From the table: the release itself, else the closest one.
    pub fn from_table(release: &str) -> Layout {
        let known = releases();
        let (name, origin) = if known.contains(&release) {
            (release, Origin::Table)
        } else {
            let nearest = nearest(release, &known);
            (nearest, Origin::Nearest(nearest.to_string()))
        };
        let mut values = FxHashMap::default();
        for line in lines_of(name) {
            let mut words = line.split(' ');
            if words.next() != Some("s") {
                continue;
            }
            let (Some(short), Some(size)) = (
                words.next(),
                words.next().and_then(|size| size.parse().ok()),
            ) else {
                continue;
            };
            values.insert(format!("{short}#"), size);
            for (field, offset) in words.filter_map(|word| word.split_once('=')) {
                if let Ok(offset) = offset.parse() {
                    values.insert(format!("{short}.{field}"), offset);
                }
            }
        }
        Layout { origin, values }
    }

    /// The table's text of this layout, for the generator.
    pub fn to_lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (short, _, fields) in WANTED {
            let Some(size) = self.values.get(&format!("{short}#")) else {
                continue;
            };
            let mut line = format!("s {short} {size}");
            for field in *fields {
                if let Some(offset) = self.values.get(&format!("{short}.{field}")) {
                    line.push_str(&format!(" {field}={offset}"));
                }
            }
            lines.push(line);
        }
        lines
    }

    /// Offset of `struct.field`, size of `struct#`.
    pub fn get(&self, key: &str) -> Result<u64> {
        self.values.get(key).copied().ok_or_else(|| {
            Error::new(format!(
                "the layout of runtime field {key} is not known for this Go release"
            ))
        })
    }

    /// Whether the release has it.
    pub fn has(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }
}

/// Releases in the table, oldest first.
pub fn releases() -> Vec<&'static str> {
    TABLE
        .lines()
        .filter_map(|line| line.strip_prefix("release "))
        .collect()
}

/// Anchors of a release (or of the closest one).
pub fn anchors(release: &str) -> Vec<Anchor> {
    let known = releases();
    let name = if known.contains(&release) {
        release
    } else {
        nearest(release, &known)
    };
    lines_of(name)
        .filter_map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            let ["a", symbol, function, ordinal, total, addend] = words[..] else {
                return None;
            };
            Some(Anchor {
                symbol: symbol.to_string(),
                function: function.to_string(),
                ordinal: ordinal.parse().ok()?,
                total: total.parse().ok()?,
                addend: addend.parse().ok()?,
            })
        })
        .collect()
}

fn lines_of(release: &str) -> impl Iterator<Item = &'static str> {
    let header = format!("release {release}");
    TABLE
        .lines()
        .skip_while(move |line| *line != header)
        .skip(1)
        .take_while(|line| !line.starts_with("release "))
}

fn nearest(release: &str, known: &[&'static str]) -> &'static str {
    let minor = |name: &str| {
        name.split('.')
            .nth(1)
            .and_then(|part| part.parse::<i64>().ok())
            .unwrap_or(i64::MAX)
    };
    let wanted = minor(release);
    known
        .iter()
        .copied()
        .min_by_key(|name| (minor(name).saturating_sub(wanted)).saturating_abs())
        .unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_holds_what_the_heap_walk_needs() {
        for release in releases() {
            let layout = Layout::from_table(release);
            assert_eq!(layout.origin, Origin::Table);
            for key in [
                "mspan#",
                "mspan.elemsize",
                "g.goid",
                "g.sched",
                "moduledata.types",
                "mheap.allspans",
                "timer.period",
            ] {
                assert!(layout.has(key), "{key} of {release}");
            }
            let anchors = anchors(release);
            for symbol in SYMBOLS
                .iter()
                .filter(|symbol| **symbol != "firstmoduledata")
            {
                assert!(
                    anchors.iter().any(|anchor| anchor.symbol == *symbol),
                    "{symbol} of {release}"
                );
            }
        }
    }

    #[test]
    fn an_unknown_release_gets_the_closest_table() {
        assert!(
            matches!(Layout::from_table("1.99").origin, Origin::Nearest(name) if name == *releases().last().unwrap())
        );
        assert!(
            matches!(Layout::from_table("1.20").origin, Origin::Nearest(name) if name == releases()[0])
        );
    }
}
