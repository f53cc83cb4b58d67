//! What a function's code refers to: everything that, with an [`Artifact`], makes up the function in a program.
//!
//! A [`Unit`] as bytes names what it refers to as [`mir::fingerprint`] does, so that a later build finds it in its own program.

use base::{FxHashMap, IndexVec, Symbol};
use mir::fingerprint::{Entities, Files, Names};
use mir::{DataId, FuncId, Function, GlobalId, InlineId, InlineSite, ItabId, Loc, Program, Ty};
use source::Pos;

use crate::artifact::{Artifact, CodeKey, Reader};
use crate::compile::{CodeReloc, CompiledFunc};
use crate::func::{HELPERS, SymbolSpace};
use crate::tables::uleb;

/// References of a compiled function.
#[derive(Clone, Debug)]
pub struct Unit {
    /// Its artifact's key in the cache.
    pub key: CodeKey,
    /// What the artifact's names stand for.
    pub names: Vec<(SymbolSpace, u32)>,
    /// What the artifact's locations stand for.
    pub locs: Vec<Loc>,
    /// Types that need a descriptor.
    pub types: Vec<Ty>,
    /// Calls that were inlined; the function itself first.
    pub inlines: IndexVec<InlineId, InlineSite>,
}

/// A function as an earlier build left it.
#[derive(Clone, Debug)]
pub struct Kept {
    #[allow(missing_docs)]
    pub unit: Unit,
    #[allow(missing_docs)]
    pub artifact: Artifact,
}

impl Kept {
    /// The function's code in this program.
    ///
    /// # Errors
    /// Unit and artifact do not belong together, see [`Kept::is_sound`].
    pub(crate) fn code(&self, id: FuncId) -> Result<CompiledFunc, String> {
        let code = self.unit.resolve(id, self.artifact.clone());
        code.ok_or_else(|| "a kept function without its references".to_owned())
    }

    /// Whether unit and artifact belong together.
    pub fn is_sound(&self) -> bool {
        let names = self.unit.names.len();
        let locs = self.unit.locs.len();
        let inlines = self.unit.inlines.len() as u32;
        let inside = |n: Option<u32>, count: usize| n.is_none_or(|n| (n as usize) < count);
        let mut relocs = self.artifact.relocs.iter();
        let mut lines = self.artifact.lines.iter();
        !self.artifact.code.is_empty()
            && relocs.all(|r| inside(r.name, names))
            && lines.all(|l| inside(l.1, locs))
            && self.unit.locs.iter().all(|loc| loc.inline.0 < inlines)
            && self.unit.inlines.iter_enumerated().all(|(n, site)| {
                // Chains end: a call is in what was inlined before.
                site.call.is_none_or(|call| call.inline.0 < n.0)
            })
    }
}

impl Unit {
    /// Replaces numbers of the function's own tables by what they stand for in this program. `None`: a number that the tables lack.
    pub(crate) fn resolve(&self, id: FuncId, artifact: Artifact) -> Option<CompiledFunc> {
        let mut out = CompiledFunc {
            code: artifact.code,
            align: artifact.align,
            handlers: artifact.handlers,
            frame: artifact.frame,
            args: artifact.args,
            ..CompiledFunc::default()
        };
        for reloc in artifact.relocs {
            let (space, index) = match reloc.name {
                None => (SymbolSpace::Func, id.0),
                Some(name) => *self.names.get(name as usize)?,
            };
            out.relocs.push(CodeReloc {
                offset: reloc.offset,
                absolute: reloc.absolute,
                space,
                index,
                addend: reloc.addend,
            });
        }
        let mut last = None;
        for (start, number) in artifact.lines {
            let loc = match number {
                None => Loc::default(),
                Some(number) => *self.locs.get(number as usize)?,
            };
            // What has no position belongs to what is before it, but not to another function: generated wrappers have none at all.
            let own = loc.pos.is_some() || loc.inline != InlineId(0);
            if own && last != Some(loc) {
                out.lines.push((start, loc));
                last = Some(loc);
            }
        }
        Some(out)
    }

    /// Takes from the finished function what its code does not tell.
    pub(crate) fn describe(&mut self, func: &Function) {
        crate::typedesc::for_each_type(func, |ty| self.types.push(ty));
        self.types.sort();
        self.types.dedup();
        if let Some(body) = &func.body {
            self.inlines = body.inlines.clone();
        }
    }

    /// Appends the bytes to keep; `None` if something has no name that another program would know.
    pub fn encode(
        &self,
        program: &Program,
        names: &Names,
        files: &Files,
        out: &mut Vec<u8>,
    ) -> Option<()> {
        out.extend_from_slice(&self.key);
        uleb(out, self.names.len() as u64);
        for &(space, index) in &self.names {
            let name = match space {
                SymbolSpace::Func | SymbolSpace::FuncVal => {
                    mir::fingerprint::name_of(program.funcs[FuncId(index)].name)
                }
                SymbolSpace::Global => {
                    mir::fingerprint::name_of(program.globals[GlobalId(index)].name)
                }
                SymbolSpace::Data => names.data[DataId(index)]?,
                SymbolSpace::TypeDesc => names.types[Ty(index)],
                SymbolSpace::Itab => names.itab(program, ItabId(index)),
                SymbolSpace::Helper => index as u128,
            };
            out.push(space as u8);
            out.extend_from_slice(&name.to_le_bytes());
        }
        uleb(out, self.types.len() as u64);
        for &ty in &self.types {
            out.extend_from_slice(&names.types[ty].to_le_bytes());
        }
        let mut places = Places::default();
        uleb(out, self.inlines.len() as u64);
        for site in self.inlines.iter() {
            places.text(site.func.as_str(), out);
            out.push(site.wrapper as u8);
            places.pos(site.decl, files, out)?;
            out.push(site.call.is_some() as u8);
            if let Some(call) = site.call {
                places.pos(call.pos, files, out)?;
                uleb(out, call.inline.0 as u64);
            }
        }
        uleb(out, self.locs.len() as u64);
        for loc in &self.locs {
            places.pos(loc.pos, files, out)?;
            uleb(out, loc.inline.0 as u64);
        }
        Some(())
    }

    /// Reads what [`Unit::encode`] wrote, all of it; `None` for anything else, and for references to what this program does not have.
    pub fn decode(bytes: &[u8], entities: &Entities, files: &Files) -> Option<Unit> {
        let (&key, rest) = bytes.split_first_chunk()?;
        let mut r = Reader(rest);
        let mut unit = Unit {
            key,
            names: Vec::new(),
            locs: Vec::new(),
            types: Vec::new(),
            inlines: IndexVec::new(),
        };
        for _ in 0..r.count(17)? {
            let space = r.byte()?;
            let name = r.name()?;
            let space = SymbolSpace::try_from_u32(space as u32)?;
            let index = match space {
                SymbolSpace::Func | SymbolSpace::FuncVal => (*entities.funcs.get(&name)?)?.0,
                SymbolSpace::Global => (*entities.globals.get(&name)?)?.0,
                SymbolSpace::Data => entities.data.get(&name)?.0,
                SymbolSpace::TypeDesc => (*entities.types.get(&name)?)?.0,
                SymbolSpace::Itab => (*entities.itabs.get(&name)?)?.0,
                SymbolSpace::Helper => {
                    let index = u32::try_from(name).ok()?;
                    ((index as usize) < HELPERS.len()).then_some(index)?
                }
            };
            unit.names.push((space, index));
        }
        for _ in 0..r.count(16)? {
            unit.types.push((*entities.types.get(&r.name()?)?)?);
        }
        let mut places = Places::default();
        for _ in 0..r.count(4)? {
            let func = places.read_text(&mut r)?;
            let wrapper = r.byte()? == 1;
            let decl = places.read_pos(files, &mut r)?;
            let call = match r.byte()? {
                0 => None,
                _ => Some(Loc {
                    pos: places.read_pos(files, &mut r)?,
                    inline: InlineId(r.small()?),
                }),
            };
            unit.inlines.push(InlineSite {
                func,
                decl,
                call,
                wrapper,
            });
        }
        for _ in 0..r.count(2)? {
            unit.locs.push(Loc {
                pos: places.read_pos(files, &mut r)?,
                inline: InlineId(r.small()?),
            });
        }
        r.0.is_empty().then_some(unit)
    }
}

/// Texts and positions; files and function names stand where they are first used and are numbers after that.
#[derive(Default)]
struct Places {
    index: FxHashMap<String, u64>,
    texts: Vec<String>,
}

impl Places {
    fn text(&mut self, text: &str, out: &mut Vec<u8>) {
        if let Some(&n) = self.index.get(text) {
            uleb(out, n);
            return;
        }
        let n = self.index.len() as u64;
        self.index.insert(text.to_owned(), n);
        uleb(out, n);
        uleb(out, text.len() as u64);
        out.extend_from_slice(text.as_bytes());
    }

    fn read(&mut self, r: &mut Reader<'_>) -> Option<&str> {
        let n = r.small()? as usize;
        if n == self.texts.len() {
            let length = r.count(1)?;
            let (text, rest) = r.0.split_at_checked(length)?;
            r.0 = rest;
            self.texts.push(std::str::from_utf8(text).ok()?.to_owned());
        }
        self.texts.get(n).map(String::as_str)
    }

    fn read_text(&mut self, r: &mut Reader<'_>) -> Option<Symbol> {
        self.read(r).map(Symbol::intern)
    }

    /// 0 without a position, else offset plus 1 and the file.
    fn pos(&mut self, pos: Pos, files: &Files, out: &mut Vec<u8>) -> Option<()> {
        if !pos.is_some() {
            uleb(out, 0);
            return Some(());
        }
        let (file, offset) = files.place(pos)?;
        uleb(out, offset as u64 + 1);
        self.text(file, out);
        Some(())
    }

    fn read_pos(&mut self, files: &Files, r: &mut Reader<'_>) -> Option<Pos> {
        match r.unsigned()? {
            0 => Some(Pos::NONE),
            n => {
                let offset = u32::try_from(n - 1).ok()?;
                files.pos(self.read(r)?, offset)
            }
        }
    }
}
