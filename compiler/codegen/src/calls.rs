//! Calls.

use abi::call::ArgPlace;
use abi::g;
use cranelift_codegen::ir::{
    self, BlockArg, ExceptionTableData, ExceptionTableItem, FuncRef, InstBuilder, MemFlagsData,
    SigRef, types,
};
use mir::{Callee, Ty, Value};
use smallvec::{SmallVec, smallvec};

use crate::func::{SymbolSpace, Translator, Vals};
use crate::sig::{self, FuncAbi, ResultPlace, clif_type};

/// What a Cranelift call goes to.
#[derive(Clone, Copy)]
enum Target {
    Direct(FuncRef),
    Indirect(SigRef, ir::Value),
}

impl Translator<'_, '_> {
    /// Emits a call and returns the scalars of each result.
    pub(crate) fn call(&mut self, callee: Callee, args: &[Value], results: &[Ty]) -> Vec<Vals> {
        let types = &self.program.types;
        let (params, external): (Vec<Ty>, bool) = match callee {
            Callee::Func(f) => {
                let f = &self.program.funcs[f];
                (f.params.to_vec(), f.body.is_none())
            }
            _ => (args.iter().map(|&a| self.body.ty(a)).collect(), false),
        };
        let fa = sig::func_abi(types, &params, results, external);
        let mut passed: SmallVec<[ir::Value; 16]> = SmallVec::new();
        let mut area = None;
        if fa.area_size > 0 {
            let slot = self.b.create_sized_stack_slot(ir::StackSlotData::new(
                ir::StackSlotKind::ExplicitSlot,
                fa.area_size,
                3,
            ));
            let addr = self.b.ins().stack_addr(types::I64, slot, 0);
            area = Some(slot);
            passed.push(addr);
        }
        let scalars: Vals = args.iter().flat_map(|&a| self.vals[a].clone()).collect();
        debug_assert_eq!(
            scalars.len(),
            fa.args.len(),
            "argument scalars of a call in {}",
            self.func.name
        );
        let overflow = fa.has_overflow().then(|| {
            let data =
                ir::StackSlotData::new(ir::StackSlotKind::ExplicitSlot, fa.overflow_words * 8, 3);
            self.b.create_sized_stack_slot(data)
        });
        for (&val, &(_, place)) in scalars.iter().zip(&fa.args) {
            match place {
                ArgPlace::Overflow(n) => {
                    let base =
                        self.b
                            .ins()
                            .stack_addr(types::I64, overflow.expect("an overflow area"), 0);
                    self.b
                        .ins()
                        .store(MemFlagsData::trusted(), val, base, n as i32 * 8);
                }
                _ => passed.push(val),
            }
        }
        if let Some(slot) = overflow {
            for _ in 0..fa.padding {
                let zero = self.iconst(0);
                passed.push(zero);
            }
            let addr = self.b.ins().stack_addr(types::I64, slot, 0);
            passed.push(addr);
        }
        let target = match callee {
            Callee::Func(f) => {
                let sig = fa.sig.clone();
                Target::Direct(self.func_ref_with(SymbolSpace::Func, f.0, || sig))
            }
            Callee::Closure(closure) => {
                if self.recover.is_some() {
                    self.nil_check(closure);
                }
                let object = self.one(closure);
                let code = self
                    .b
                    .ins()
                    .load(types::I64, MemFlagsData::new(), object, 0);
                self.store_g(object, g::CLOSURE_CTX);
                Target::Indirect(self.b.import_signature(fa.sig.clone()), code)
            }
            Callee::Code(code) => {
                let code = self.one(code);
                Target::Indirect(self.b.import_signature(fa.sig.clone()), code)
            }
        };
        let returned = self.emit(target, &passed);
        self.unpack_results(&fa, results, area, &returned)
    }

    fn unpack_results(
        &mut self,
        fa: &FuncAbi,
        results: &[Ty],
        area: Option<ir::StackSlot>,
        returned: &[ir::Value],
    ) -> Vec<Vals> {
        let mut next = 0;
        let mut out = Vec::with_capacity(results.len());
        for (&ty, place) in results.iter().zip(&fa.results) {
            out.push(match place {
                ResultPlace::Registers(scalars) => {
                    let vals = returned[next..next + scalars.len()].into();
                    next += scalars.len();
                    vals
                }
                ResultPlace::AreaSsa(at) => {
                    let leaves = self.program.types.leaves(ty).expect("an SSA type");
                    let slot = area.expect("a result area");
                    leaves
                        .into_iter()
                        .map(|(s, offset)| {
                            self.b.ins().stack_load(
                                types::I64,
                                clif_type(s),
                                slot,
                                *at as i32 + offset as i32,
                            )
                        })
                        .collect()
                }
                ResultPlace::AreaMemory(at) => {
                    smallvec![self.b.ins().stack_addr(
                        types::I64,
                        area.expect("a result area"),
                        *at as i32
                    )]
                }
            });
        }
        out
    }

    /// Calls a helper or function with ready scalars.
    pub(crate) fn emit_call(&mut self, f: FuncRef, args: &[ir::Value]) -> Vals {
        self.emit(Target::Direct(f), args)
    }

    /// In a frame that owns defers every call may continue in the recover block instead.
    fn emit(&mut self, target: Target, args: &[ir::Value]) -> Vals {
        let Some(handler) = self.recover else {
            let inst = match target {
                Target::Direct(f) => self.b.ins().call(f, args),
                Target::Indirect(sig, code) => self.b.ins().call_indirect(sig, code, args),
            };
            return self.b.inst_results(inst).into();
        };
        let sig = match target {
            Target::Direct(f) => self.b.func.dfg.ext_funcs[f].signature,
            Target::Indirect(sig, _) => sig,
        };
        let go_on = self.b.create_block();
        let returns: SmallVec<[ir::Type; 8]> = self.b.func.dfg.signatures[sig]
            .returns
            .iter()
            .map(|p| p.value_type)
            .collect();
        let results: Vals = returns
            .iter()
            .map(|&ty| self.b.append_block_param(go_on, ty))
            .collect();
        let normal_args: SmallVec<[BlockArg; 8]> = (0..returns.len())
            .map(|i| BlockArg::TryCallRet(i as u32))
            .collect();
        let normal = self.b.func.dfg.block_call(go_on, &normal_args);
        let unwind = self.b.func.dfg.block_call(handler, &[]);
        let table = ExceptionTableData::new(sig, normal, [ExceptionTableItem::Default(unwind)]);
        let table = self.b.func.dfg.exception_tables.push(table);
        match target {
            Target::Direct(f) => self.b.ins().try_call(f, args, table),
            Target::Indirect(_, code) => self.b.ins().try_call_indirect(code, args, table),
        };
        self.b.switch_to_block(go_on);
        results
    }
}
