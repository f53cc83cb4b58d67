//! One function to bytes.

use cranelift_codegen::Context;
use cranelift_codegen::binemit::Reloc as ClifReloc;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::{ExternalName, UserExternalName};
use cranelift_codegen::isa::TargetIsa;
use cranelift_codegen::{FinalizedMachExceptionHandler, FinalizedRelocTarget};
use cranelift_frontend::FunctionBuilderContext;
use mir::{FuncId, Loc, Program};

use crate::func::{self, LocTable, SymbolSpace};

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
    /// Compiles one function.
    ///
    /// # Errors
    /// Cranelift refused it: a defect of ours, with the function's name.
    pub fn compile(
        &mut self,
        program: &Program,
        id: FuncId,
        isa: &dyn TargetIsa,
        dump: Option<&str>,
    ) -> Result<CompiledFunc, String> {
        let func = &program.funcs[id];
        self.context.clear();
        self.locs.clear();
        func::translate(
            program,
            func,
            id.0,
            &mut self.context.func,
            &mut self.builder,
            &mut self.locs,
            isa.frontend_config(),
        );
        if dump.is_some_and(|name| func.name.as_str() == name) {
            eprintln!("{}", self.context.func.display());
        }
        let names = &self.context.func.params.clone();
        let mut control = ControlPlane::default();
        let compiled = match self.context.compile(isa, &mut control) {
            Ok(compiled) => compiled,
            Err(err) => {
                return Err(format!(
                    "{}: code generation failed: {:?}",
                    func.name, err.inner
                ));
            }
        };
        let buffer = &compiled.buffer;
        let mut out = CompiledFunc {
            code: buffer.data().to_vec(),
            align: buffer.alignment.max(16),
            ..CompiledFunc::default()
        };
        for reloc in buffer.relocs() {
            let user = match &reloc.target {
                FinalizedRelocTarget::ExternalName(ExternalName::User(name)) => {
                    names.user_named_funcs()[*name].clone()
                }
                FinalizedRelocTarget::Func(offset) => {
                    // A reference into the function itself (jump tables, constants): same symbol plus offset.
                    out.relocs.push(CodeReloc {
                        offset: reloc.offset,
                        absolute: reloc.kind == ClifReloc::Abs8,
                        space: SymbolSpace::Func,
                        index: id.0,
                        addend: reloc.addend + *offset as i64,
                    });
                    continue;
                }
                other => {
                    return Err(format!(
                        "{}: unexpected relocation target {other:?}",
                        func.name
                    ));
                }
            };
            let UserExternalName { namespace, index } = user;
            let absolute = match reloc.kind {
                ClifReloc::X86PCRel4 | ClifReloc::X86CallPCRel4 | ClifReloc::X86CallPLTRel4 => {
                    false
                }
                ClifReloc::Abs8 => true,
                other => return Err(format!("{}: unexpected relocation {other:?}", func.name)),
            };
            out.relocs.push(CodeReloc {
                offset: reloc.offset,
                absolute,
                space: SymbolSpace::from_u32(namespace),
                index,
                addend: reloc.addend,
            });
        }
        let none = Loc::default();
        let mut last = None;
        for range in buffer.get_srclocs_sorted() {
            let loc = if range.loc.is_default() {
                none
            } else {
                self.locs.locs[range.loc.bits() as usize]
            };
            if loc.pos.is_some() && last != Some(loc) {
                out.lines.push((range.start, loc));
                last = Some(loc);
            }
        }
        for site in buffer.call_sites() {
            if let Some(FinalizedMachExceptionHandler::Default(handler)) =
                site.exception_handlers.first()
            {
                let below = site
                    .frame_offset
                    .ok_or_else(|| format!("{}: no frame offset at a call", func.name))?;
                out.handlers.push((site.ret_addr, *handler, below));
            }
        }
        Ok(out)
    }
}
