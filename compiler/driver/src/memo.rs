//! Functions that an earlier build compiled, in this program or another: passes and code generation leave them out.
//!
//! An entry is kept under the function's [fingerprint](mir::fingerprint) beside its package's machine code: what other functions
//! need to know of it (see [`passes::Known`]) and, unless it was inlined wherever it was called, what its machine code refers to
//! (see [`codegen::Unit`]).

use base::{FxHashMap, IndexVec};
use codegen::artifact::Artifact;
use codegen::{CodeCache, Kept, Unit};
use mir::callgraph::CallGraph;
use mir::fingerprint::{self, Entities, Files, Fingerprint, Names};
use mir::{FuncId, Program};
use passes::escape::Summary;
use passes::{Known, Work};
use rayon::prelude::*;
use source::SourceMap;

const INLINABLE: u8 = 1;
const CODE: u8 = 2;

/// What earlier builds left of a program's functions.
pub struct Memo<'a> {
    cache: &'a dyn CodeCache,
    names: &'a Names,
    files: Files,
    keys: IndexVec<FuncId, Option<Fingerprint>>,
    kept: FxHashMap<FuncId, Kept>,
}

impl<'a> Memo<'a> {
    /// Looks up all functions of a lowered program. Also returns what there is to do for the passes.
    pub fn look_up(
        program: &Program,
        sources: &SourceMap,
        graph: &CallGraph,
        names: &'a Names,
        cache: &'a dyn CodeCache,
    ) -> (Memo<'a>, IndexVec<FuncId, Option<Known>>) {
        let files = Files::new(sources);
        let keys = fingerprint::functions(program, graph, names, &files, b"function 1");
        let entities = Entities::new(program, names);
        let found: Vec<Option<(Known, Option<Kept>)>> = program
            .funcs
            .as_slice()
            .par_iter()
            .zip(keys.as_slice())
            .map(|(func, key)| {
                let group = codegen::artifact::group_of(func.name.as_str());
                let bytes = cache.get(group, key.as_ref()?)?;
                let counts = (func.params.len(), func.results.len());
                let (known, unit) = decode(&bytes, counts, &entities, &files)?;
                let kept = match unit {
                    None => None,
                    Some(unit) => {
                        let artifact = Artifact::decode(&cache.get(group, &unit.key)?)?;
                        let kept = Kept { unit, artifact };
                        kept.is_sound().then_some(())?;
                        Some(kept)
                    }
                };
                Some((known, kept))
            })
            .collect();
        let mut kept = FxHashMap::default();
        let mut known = IndexVec::new();
        for (id, found) in program.funcs.ids().zip(found) {
            let (knows, keeps) = found.map_or((None, None), |(knows, keeps)| (Some(knows), keeps));
            known.push(knows);
            kept.extend(keeps.map(|keeps| (id, keeps)));
        }
        let memo = Memo {
            cache,
            names,
            files,
            keys,
            kept,
        };
        (memo, known)
    }

    /// The functions that need no code generation after the passes.
    pub fn take_kept(&mut self, program: &Program, work: &Work) -> FxHashMap<FuncId, Kept> {
        let mut kept = std::mem::take(&mut self.kept);
        kept.retain(|&id, _| !work.fresh[id] && program.funcs[id].body.is_some());
        kept
    }

    /// Keeps what was compiled anew.
    pub fn store(&self, program: &Program, work: &Work, units: &[(FuncId, Unit)]) {
        let units: FxHashMap<FuncId, &Unit> = units.iter().map(|(id, unit)| (*id, unit)).collect();
        program
            .funcs
            .as_slice()
            .par_iter()
            .enumerate()
            .for_each(|(n, func)| {
                let id = FuncId(n as u32);
                let (Some(key), Some(known)) = (&self.keys[id], work.known_of(program, id)) else {
                    return;
                };
                let unit = units.get(&id).copied();
                if known.code != unit.is_some() {
                    return;
                }
                if let Some(bytes) = self.encode(program, &known, unit) {
                    let group = codegen::artifact::group_of(func.name.as_str());
                    self.cache.put(group, key, bytes);
                }
            });
    }

    fn encode(&self, program: &Program, known: &Known, unit: Option<&Unit>) -> Option<Vec<u8>> {
        let flag = |bit, on| if on { bit } else { 0 };
        let mut out = vec![flag(INLINABLE, known.inlinable) | flag(CODE, known.code)];
        let mut references = known.references.clone();
        references.sort();
        references.dedup();
        out.extend_from_slice(&(references.len() as u32).to_le_bytes());
        for f in references {
            let name = fingerprint::name_of(program.funcs[f].name);
            out.extend_from_slice(&name.to_le_bytes());
        }
        let summary = known.summary.encode();
        out.extend_from_slice(&(summary.len() as u32).to_le_bytes());
        out.extend_from_slice(&summary);
        if let Some(unit) = unit {
            unit.encode(program, self.names, &self.files, &mut out)?;
        }
        Some(out)
    }
}

/// Reads what `encode` wrote; `None` for anything else, and for references to what this program does not have.
fn decode(
    bytes: &[u8],
    (params, results): (usize, usize),
    entities: &Entities,
    files: &Files,
) -> Option<(Known, Option<Unit>)> {
    let (&flags, rest) = bytes.split_first()?;
    let (count, mut rest) = rest.split_first_chunk()?;
    let mut references = Vec::new();
    for _ in 0..u32::from_le_bytes(*count) {
        let (name, after) = rest.split_first_chunk()?;
        references.push((*entities.funcs.get(&u128::from_le_bytes(*name))?)?);
        rest = after;
    }
    let (count, rest) = rest.split_first_chunk()?;
    let (summary, rest) = rest.split_at_checked(u32::from_le_bytes(*count) as usize)?;
    // Of a function without code nobody asks where its parameters go.
    let summary = Summary::decode(summary, params, results)?;
    let code = flags & CODE != 0;
    let unit = match code {
        true => Some(Unit::decode(rest, entities, files)?),
        false => rest.is_empty().then_some(None)?,
    };
    let known = Known {
        inlinable: flags & INLINABLE != 0,
        code,
        references,
        summary,
    };
    Some((known, unit))
}
