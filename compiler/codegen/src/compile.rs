//! One function to bytes.

use std::hash::{Hash, Hasher};

use base::IndexVec;
use cranelift_codegen::Context;
use cranelift_codegen::binemit::Reloc as ClifReloc;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::{ExternalName, Function};
use cranelift_codegen::isa::TargetIsa;
use cranelift_codegen::{FinalizedMachExceptionHandler, FinalizedRelocTarget};
use cranelift_frontend::FunctionBuilderContext;
use mir::{FuncId, Loc, Program};
use sha2::{Digest as _, Sha256};

use crate::artifact::{self, Artifact, ArtifactReloc, CodeCache, CodeKey};
use crate::func::{self, LocTable, StackCheck, SymbolSpace};
use crate::unit::Unit;

/// Machine code of a function.
#[derive(Clone, Debug, Default)]
pub struct CompiledFunc {
    #[allow(missing_docs)]
    pub code: Vec<u8>,
    #[allow(missing_docs)]
    pub align: u32,
    #[allow(missing_docs)]
    pub relocs: Vec<CodeReloc>,
    /// (code offset, location from there on), sorted.
    pub lines: Vec<(u32, Loc)>,
    /// (return offset, handler offset, rsp below rbp).
    pub handlers: Vec<(u32, u32, u32)>,
    /// What of the frame is live at each call, see [`abi::module::frame`]; empty without calls.
    pub frame: Vec<u8>,
    /// Places of its parameters, see [`abi::module::args`]; empty if none is known.
    pub args: Vec<u8>,
}

/// A reference from code.
#[derive(Clone, Copy, Debug)]
pub struct CodeReloc {
    #[allow(missing_docs)]
    pub offset: u32,
    /// 4-byte pc-relative, or 8-byte absolute.
    pub absolute: bool,
    #[allow(missing_docs)]
    pub space: SymbolSpace,
    #[allow(missing_docs)]
    pub index: u32,
    #[allow(missing_docs)]
    pub addend: i64,
}

/// Bytes of the largest frame of a function without a stack check: two of them, one calling the other, and the runtime's leaf
/// functions share `abi::g::STACK_SLACK`. A function with a check may be called in place of a leaf: it writes to no more of its frame
/// before the check.
const UNCHECKED_FRAME: u32 = 192;

/// Per-thread compiler state, reused between functions.
pub struct FuncCompiler {
    context: Context,
    builder: FunctionBuilderContext,
    locs: LocTable,
}

impl Default for FuncCompiler {
    fn default() -> Self {
        Self {
            context: Context::new(),
            builder: FunctionBuilderContext::new(),
            locs: LocTable::default(),
        }
    }
}

impl FuncCompiler {
    /// Compiles one function, or takes its code from the cache.
    ///
    /// # Errors
    /// Cranelift refused it: a defect of ours, with the function's name.
    pub fn compile(
        &mut self,
        program: &Program,
        id: FuncId,
        isa: &dyn TargetIsa,
        dump: Option<&str>,
        cache: Option<&dyn CodeCache>,
    ) -> Result<(CompiledFunc, Option<Unit>), String> {
        for check in [StackCheck::IfNeeded, StackCheck::Always, StackCheck::Copies] {
            if let Some((artifact, key)) = self.artifact(program, id, isa, dump, cache, check)? {
                let names = self.context.func.params.user_named_funcs().values();
                let mut unit = Unit {
                    key: key.unwrap_or_default(),
                    names: names
                        .map(|name| (SymbolSpace::from_u32(name.namespace), name.index))
                        .collect(),
                    locs: std::mem::take(&mut self.locs.locs),
                    types: Vec::new(),
                    inlines: IndexVec::new(),
                };
                let Some(code) = unit.resolve(id, artifact) else {
                    return Err(format!(
                        "{}: the build cache holds code of something else",
                        program.funcs[id].name
                    ));
                };
                let unit = key.is_some().then(|| {
                    unit.describe(&program.funcs[id]);
                    unit
                });
                return Ok((code, unit));
            }
        }
        Err(format!(
            "{}: writes further down than the stack's slack before it looks at the limit",
            program.funcs[id].name
        ))
    }

    /// The function's code with this kind of stack check, and what it is kept under; `None` if its frame is too large for there being none,
    /// or if it stores arguments too far down before it looks at the limit.
    fn artifact(
        &mut self,
        program: &Program,
        id: FuncId,
        isa: &dyn TargetIsa,
        dump: Option<&str>,
        cache: Option<&dyn CodeCache>,
        check: StackCheck,
    ) -> Result<Option<(Artifact, Option<CodeKey>)>, String> {
        let func = &program.funcs[id];
        self.context.clear();
        self.locs.clear();
        let checked = func::translate(
            program,
            func,
            id.0,
            &mut self.context.func,
            &mut self.builder,
            &mut self.locs,
            isa.frontend_config(),
            check,
        );
        if dump.is_some_and(|name| func.name.as_str() == name) {
            eprintln!("{}", self.context.func.display());
        }
        let key = cache.map(|cache| {
            (
                cache,
                artifact::group_of(func.name.as_str()),
                cache_key(isa, &self.context.func),
            )
        });
        let kept = key
            .as_ref()
            .and_then(|(cache, group, key)| cache.get(group, key))
            .and_then(|bytes| Artifact::decode(&bytes));
        let artifact = match kept {
            Some(artifact) => artifact,
            None => {
                let (mut artifact, frame) = self
                    .generate(isa)
                    .map_err(|error| format!("{}: {error}", func.name))?;
                let unchecked = match checked {
                    true => crate::liveness::stored_before_branch(&artifact.code),
                    false => frame,
                };
                if unchecked > UNCHECKED_FRAME {
                    // Kept as such: an artifact without code.
                    artifact = Artifact {
                        align: artifact.align,
                        ..Artifact::default()
                    };
                }
                if let Some((cache, group, key)) = &key {
                    cache.put(group, key, artifact.encode());
                }
                artifact
            }
        };
        Ok((!artifact.code.is_empty()).then_some((artifact, key.map(|k| k.2))))
    }

    /// Runs Cranelift on the function that was translated; also returns the bytes of its frame.
    fn generate(&mut self, isa: &dyn TargetIsa) -> Result<(Artifact, u32), String> {
        let mut control = ControlPlane::default();
        let compiled = self
            .context
            .compile(isa, &mut control)
            .map_err(|err| format!("code generation failed: {:?}", err.inner))?;
        let buffer = &compiled.buffer;
        let mut out = Artifact {
            code: buffer.data().to_vec(),
            align: buffer.alignment.max(16),
            ..Artifact::default()
        };
        for reloc in buffer.relocs() {
            let absolute = match reloc.kind {
                ClifReloc::X86PCRel4 | ClifReloc::X86CallPCRel4 | ClifReloc::X86CallPLTRel4 => {
                    false
                }
                ClifReloc::Abs8 => true,
                other => return Err(format!("unexpected relocation {other:?}")),
            };
            let (name, addend) = match &reloc.target {
                FinalizedRelocTarget::ExternalName(ExternalName::User(name)) => {
                    (Some(name.as_u32()), reloc.addend)
                }
                // A reference into the function itself (jump tables, constants): same symbol plus offset.
                FinalizedRelocTarget::Func(offset) => (None, reloc.addend + *offset as i64),
                other => return Err(format!("unexpected relocation target {other:?}")),
            };
            out.relocs.push(ArtifactReloc {
                offset: reloc.offset,
                absolute,
                name,
                addend,
            });
        }
        for range in buffer.get_srclocs_sorted() {
            let loc = (!range.loc.is_default()).then(|| range.loc.bits());
            out.lines.push((range.start, loc));
        }
        for site in buffer.call_sites() {
            if let Some(FinalizedMachExceptionHandler::Default(handler)) =
                site.exception_handlers.first()
            {
                let below = site.frame_offset.ok_or("no frame offset at a call")?;
                out.handlers.push((site.ret_addr, *handler, below));
            }
        }
        let bytes = buffer
            .frame_layout()
            .ok_or("no frame layout")?
            .frame_to_fp_offset;
        let handlers: Vec<(u32, u32)> = out.handlers.iter().map(|h| (h.0, h.1)).collect();
        let compiled = self.context.compiled_code().ok_or("no code")?;
        (out.frame, out.args) = crate::liveness::analyze(&self.context.func, compiled, &handlers);
        Ok((out, bytes))
    }
}

/// SHA-256 of everything that decides what Cranelift makes of a function.
fn cache_key(isa: &dyn TargetIsa, func: &Function) -> [u8; 32] {
    struct Sha(Sha256);
    impl Hasher for Sha {
        fn finish(&self) -> u64 {
            0
        }
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
    }
    let mut hasher = Sha(Sha256::new());
    func.stencil.hash(&mut hasher);
    UNCHECKED_FRAME.hash(&mut hasher);
    isa.flags().hash(&mut hasher);
    isa.isa_flags_hash_key().hash(&mut hasher);
    hasher.0.finalize().into()
}
