//! The Go runtime inside an image: its module data, its variables, checked before anything is believed.

use std::borrow::Cow;

use rustc_hash::FxHashMap;

use crate::dwarf::DwarfInfo;
use crate::exe::Exe;
use crate::image::{Image, half, word};
use crate::layout::{self, Layout, Origin, SYMBOLS, WANTED};
use crate::pclntab::{Func, FuncTable, Functions};
use crate::{Error, Result, anchors};

/// Upper bounds for lists inside the target; longer ones are taken for damage.
const MAX_SPANS: u64 = 1 << 26;
const MAX_GOROUTINES: u64 = 1 << 25;
const MAX_MODULES: usize = 256;
/// Longest function decoded, in bytes.
const MAX_CODE: u64 = 1 << 20;

/// What one module (the program, or a plugin) says about itself. Addresses in the process.
#[derive(Clone, Debug, Default)]
pub struct Module {
    /// First and last instruction.
    pub text: (u64, u64),
    /// Initialised data with pointers.
    pub data: (u64, u64),
    /// Zeroed data with pointers.
    pub bss: (u64, u64),
    /// Type descriptors.
    pub types: (u64, u64),
    /// The function table.
    pub functions: u64,
    /// Start of read-only data.
    pub rodata: u64,
    /// Start of function metadata.
    pub gofunc: u64,
    /// Pointer bitmap of `data`: number of bits, address.
    pub data_mask: (u64, u64),
    /// Pointer bitmap of `bss`.
    pub bss_mask: (u64, u64),
}

/// What can be known of a program before it is stopped; shared by all snapshots of it.
pub struct Program {
    /// The executable.
    pub exe: Exe,
    /// DWARF, unless stripped or not asked for.
    pub dwarf: Option<DwarfInfo>,
    /// Field offsets.
    pub layout: Layout,
    /// What the user should know about them.
    pub warnings: Vec<String>,
}

impl Program {
    /// Reads what the executable tells.
    pub fn open(exe: Exe) -> Result<Program> {
        let release = exe.release().unwrap_or_default();
        let wanted = |name: &str| WANTED.iter().any(|(_, names, _)| names.contains(&name));
        let dwarf = if exe.has_dwarf {
            exe.dwarf(&wanted)
        } else {
            None
        };
        let mut warnings = Vec::new();
        let layout = dwarf
            .as_ref()
            .and_then(Layout::from_dwarf)
            .unwrap_or_else(|| Layout::from_table(&release));
        if let Origin::Nearest(used) = &layout.origin {
            warnings.push(format!(
                "{} is not a release this tool knows, and the program is stripped: the tables of Go {used} are tried, \
                 every number depends on them. Build without -ldflags=-s/-w for certainty",
                exe.go_version
            ));
        }
        Ok(Program {
            exe,
            dwarf,
            layout,
            warnings,
        })
    }
}

/// The runtime of a frozen process.
pub struct Runtime<'a> {
    /// Memory.
    pub image: Image<'a>,
    /// Field offsets.
    pub layout: &'a Layout,
    /// DWARF, where present.
    pub dwarf: Option<&'a DwarfInfo>,
    /// The functions of all modules.
    pub functions: Functions<'a>,
    /// Main module first.
    pub modules: Vec<Module>,
    /// Addresses of runtime variables, without `runtime.`.
    pub symbols: FxHashMap<String, u64>,
    /// Texts of wait reasons, by number.
    pub wait_reasons: Vec<String>,
    /// Go minor release, 26 of 1.26; large when unknown.
    pub minor: u32,
}

impl<'a> Runtime<'a> {
    /// Finds and checks everything.
    pub fn open(program: &'a Program, image: Image<'a>) -> Result<Runtime<'a>> {
        let mut runtime = Runtime::open_unchecked(program, image)?;
        runtime.check()?;
        runtime.wait_reasons = runtime.read_wait_reasons();
        for module in &runtime.modules[1..] {
            if let Ok(table) = FuncTable::of_plugin(&image, module) {
                runtime.functions.add(table);
            }
        }
        Ok(runtime)
    }

    /// Finds everything; for a running process, whose lists may change while they are read.
    pub fn open_unchecked(program: &'a Program, image: Image<'a>) -> Result<Runtime<'a>> {
        let exe = &program.exe;
        let layout = &program.layout;
        let first = find_moduledata(exe, &image)?;
        let modules = read_modules(&image, layout, first)?;
        let main = modules
            .first()
            .ok_or_else(|| Error::new("the program's module data is damaged"))?;
        let functions = Functions::of_program(FuncTable::open(exe, main, image.slide)?);
        let mut symbols = FxHashMap::default();
        for name in SYMBOLS {
            if let Some(address) = exe.symbols.get(&format!("runtime.{name}")) {
                symbols.insert((*name).to_string(), address.wrapping_add(image.slide));
            }
        }
        if !symbols.contains_key("mheap_") {
            let release = exe.release().unwrap_or_default();
            symbols = anchors::resolve(
                exe,
                functions.program(),
                image.slide,
                &layout::anchors(&release),
            );
        }
        if let (false, Some(dwarf)) = (symbols.contains_key("mheap_"), &program.dwarf) {
            for global in &dwarf.globals {
                if let Some(name) = global
                    .name
                    .strip_prefix("runtime.")
                    .filter(|name| SYMBOLS.contains(name))
                {
                    symbols.insert(name.to_string(), global.address.wrapping_add(image.slide));
                }
            }
        }
        let minor = exe
            .release()
            .and_then(|release| release.split('.').nth(1)?.parse().ok())
            .unwrap_or(u32::MAX);
        Ok(Runtime {
            image,
            layout,
            dwarf: program.dwarf.as_ref(),
            functions,
            modules,
            symbols,
            wait_reasons: Vec::new(),
            minor,
        })
    }

    /// Address of a runtime variable.
    pub fn symbol(&self, name: &str) -> Result<u64> {
        self.symbols.get(name).copied().ok_or_else(|| {
            Error::new(format!("runtime.{name} cannot be found in this executable"))
                .hint("build without -ldflags=-s/-w, so that symbols or DWARF are there")
        })
    }

    /// Offset of a field.
    pub fn field(&self, key: &str) -> Result<u64> {
        self.layout.get(key)
    }

    /// Addresses of all spans ever made (dead ones included).
    pub fn spans(&self) -> Result<Vec<u64>> {
        let address = self.symbol("mheap_")? + self.field("mheap.allspans")?;
        self.pointers(address, MAX_SPANS, "spans")
    }

    /// Addresses of all goroutines (dead ones included).
    pub fn goroutines(&self) -> Result<Vec<u64>> {
        self.pointers(self.symbol("allgs")?, MAX_GOROUTINES, "goroutines")
    }

    /// Addresses of all Ps.
    pub fn processors(&self) -> Result<Vec<u64>> {
        self.pointers(self.symbol("allp")?, 1 << 16, "processors")
    }

    /// Addresses of all Ms, following their list at most as far as threads can be many.
    pub fn machines(&self) -> Result<Vec<u64>> {
        let next = self.field("m.alllink")?;
        let mut at = self.image.u64(self.symbol("allm")?).unwrap_or(0);
        let mut result = Vec::new();
        while at != 0 && result.len() < 1 << 17 {
            result.push(at);
            at = self.image.u64(at.wrapping_add(next)).unwrap_or(0);
        }
        Ok(result)
    }

    /// System stacks: thread id, lowest and highest address of g0's stack.
    pub fn system_stacks(&self) -> Result<Vec<(u64, u64, u64)>> {
        let (procid, g0, stack) = (
            self.field("m.procid")?,
            self.field("m.g0")?,
            self.field("g.stack")?,
        );
        let mut result = Vec::new();
        for m in self.machines()? {
            let g0 = self.image.u64(m + g0).unwrap_or(0);
            if let (Some(tid), Some((low, high))) = (
                self.image.u64(m + procid),
                self.image.slice(g0.wrapping_add(stack)),
            ) {
                result.push((tid, low, high));
            }
        }
        Ok(result)
    }

    fn pointers(&self, address: u64, limit: u64, what: &str) -> Result<Vec<u64>> {
        let damaged = || {
            Error::new(format!(
                "the runtime's list of {what} cannot be read: it is damaged, or the layout is wrong"
            ))
        };
        let (pointer, length) = self.image.slice(address).ok_or_else(damaged)?;
        if length > limit {
            return Err(damaged());
        }
        let data = self.image.bytes(pointer, length * 8).ok_or_else(damaged)?;
        Ok(data.chunks_exact(8).map(|bytes| word(bytes, 0)).collect())
    }

    /// Tests what the layout and the anchors point at.
    fn check(&self) -> Result<()> {
        let wrong = |what: &str| {
            let how = match &self.layout.origin {
                Origin::Dwarf => "the executable's DWARF",
                Origin::Table => "the table for its release",
                Origin::Nearest(_) => "the table of the closest known release",
            };
            Error::new(format!("{} does not fit this process ({what}): nothing read with it could be believed", how))
                .hint("is the executable the one that runs? For an unknown Go release, build with DWARF (no -s, no -w)")
        };
        let spans = self.spans()?;
        let (start, pages) = (self.field("mspan.startAddr")?, self.field("mspan.npages")?);
        let state = self.field("mspan.state")?;
        let mut used = 0;
        let step = (spans.len() / 64).max(1);
        // After a peak nearly all spans may be free: then all of them are looked at until one is in use.
        let sample = spans.iter().step_by(step).map(|span| (span, false));
        for (&span, last_resort) in sample.chain(spans.iter().map(|span| (span, true))) {
            if last_resort && used > 0 {
                break;
            }
            let Some(data) = self.image.bytes(span, self.field("mspan#")?) else {
                return Err(wrong("spans"));
            };
            if data[state as usize] == 0 {
                continue;
            }
            used += 1;
            let (start, pages) = (word(&data, start as usize), word(&data, pages as usize));
            if start % 8192 != 0 || start == 0 || pages == 0 || pages > 1 << 35 {
                return Err(wrong("spans"));
            }
        }
        if used == 0 && !spans.is_empty() {
            return Err(wrong("no span in use"));
        }
        let goroutines = self.goroutines()?;
        let (stack, sched, status) = (
            self.field("g.stack")?,
            self.field("g.sched")?,
            self.field("g.atomicstatus")?,
        );
        let sp = sched + self.field("gobuf.sp")?;
        for &g in goroutines.iter().take(32) {
            let Some(data) = self.image.bytes(g, self.field("g#")?) else {
                return Err(wrong("goroutines"));
            };
            if half(&data, status as usize) & 0xfff != 4 {
                continue;
            }
            let (low, high) = (word(&data, stack as usize), word(&data, stack as usize + 8));
            let sp = word(&data, sp as usize);
            if !(low < sp && sp <= high) {
                return Err(wrong("stacks of goroutines"));
            }
        }
        Ok(())
    }

    fn read_wait_reasons(&self) -> Vec<String> {
        let Ok(table) = self.symbol("waitReasonStrings") else {
            return Vec::new();
        };
        let mut result = Vec::new();
        for index in 0..64 {
            let Some((pointer, length)) = self.image.slice(table + index * 16) else {
                break;
            };
            // Reason 0 is the empty string; the array ends where no short text follows.
            let text = if length == 0 {
                Some(String::new())
            } else {
                (length < 64)
                    .then(|| self.image.text(pointer, length))
                    .flatten()
            };
            match text {
                Some(text) if index == 0 || !text.is_empty() => result.push(text),
                _ => break,
            }
        }
        result
    }

    /// Plugins whose functions are not known: their tables could not be read.
    pub fn unread_plugins(&self) -> usize {
        self.modules
            .iter()
            .filter(|module| self.functions.find(module.text.0).is_none())
            .count()
    }

    /// Code of a function, from the executable or, of a plugin's function, from the process.
    pub fn code(&self, func: &Func<'_>) -> Cow<'a, [u8]> {
        let size = func.end.saturating_sub(func.entry).min(MAX_CODE);
        self.image
            .static_bytes(func.entry, size)
            .unwrap_or_default()
    }

    /// Whether an address is code of the program.
    pub fn is_code(&self, address: u64) -> bool {
        self.modules
            .iter()
            .any(|module| (module.text.0..module.text.1).contains(&address))
    }
}

/// The first module data: a symbol, a section of its own, or the place that points at the function table.
fn find_moduledata(exe: &Exe, image: &Image<'_>) -> Result<u64> {
    if let Some(address) = exe.symbols.get("runtime.firstmoduledata") {
        return Ok(address.wrapping_add(image.slide));
    }
    if let Some(section) = exe.section(".go.module") {
        return Ok(section.address.wrapping_add(image.slide));
    }
    let table = exe
        .pclntab_section()
        .map_or(0, |section| section.address)
        .wrapping_add(image.slide);
    for section in exe
        .sections
        .iter()
        .filter(|section| section.name.contains("data"))
    {
        let start = section.address.wrapping_add(image.slide);
        let Some(data) = image.bytes(start, section.size) else {
            continue;
        };
        for (index, bytes) in data.chunks_exact(8).enumerate() {
            // The second field is the slice of function names, which lies in the table too.
            if word(bytes, 0) == table && word(&data, index * 8 + 8).wrapping_sub(table) < 256 {
                return Ok(start + index as u64 * 8);
            }
        }
    }
    Err(Error::new("the program's module data cannot be found")
        .hint("build without -ldflags=-s/-w"))
}

fn read_modules(image: &Image<'_>, layout: &Layout, first: u64) -> Result<Vec<Module>> {
    let mut modules = Vec::new();
    let mut at = first;
    let size = layout.get("moduledata#")?;
    let field = |name: &str| {
        layout
            .get(&format!("moduledata.{name}"))
            .map(|offset| offset as usize)
    };
    while at != 0 && modules.len() < MAX_MODULES {
        let Some(data) = image.bytes(at, size) else {
            return Err(Error::new("the program's module data cannot be read"));
        };
        let range = |low: &str, high: &str| -> Result<(u64, u64)> {
            Ok((word(&data, field(low)?), word(&data, field(high)?)))
        };
        let mask = |name: &str| -> Result<(u64, u64)> {
            let at = field(name)?;
            Ok((u64::from(half(&data, at)), word(&data, at + 8)))
        };
        let module = Module {
            text: range("text", "etext")?,
            data: range("data", "edata")?,
            bss: range("bss", "ebss")?,
            types: range("types", "etypes")?,
            // The first field in every release.
            functions: word(&data, 0),
            rodata: word(&data, field("rodata")?),
            gofunc: word(&data, field("gofunc")?),
            data_mask: mask("gcdatamask")?,
            bss_mask: mask("gcbssmask")?,
        };
        let ordered = |range: (u64, u64)| range.0 <= range.1 && range.1 - range.0 < 1 << 32;
        if !ordered(module.text)
            || module.text.0 == module.text.1
            || !ordered(module.data)
            || !ordered(module.bss)
            || !ordered(module.types)
        {
            return Err(Error::new(
                "the program's module data does not have the layout of its Go release",
            ));
        }
        modules.push(module);
        at = word(&data, field("next")?);
    }
    Ok(modules)
}
