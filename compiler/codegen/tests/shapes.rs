//! Code generation accepts every shape of function that the ABI distinguishes.

use mir::{
    BinOp, Callee, FieldTy, FuncBuilder, FuncId, Function, Op, Program, Terminator, Ty, TyKind,
    TypeTable,
};
use smallvec::smallvec;
use source::{Pos, SourceMap};

fn add(
    program: &mut Program,
    name: &str,
    params: &[Ty],
    results: &[Ty],
    body: impl FnOnce(&mut Program, &mut FuncBuilder, Vec<mir::Value>),
) -> FuncId {
    let mut b = FuncBuilder::new(name.into(), Pos::NONE);
    let values = params
        .iter()
        .map(|&ty| {
            let ty = if program.types.is_ssa(ty) {
                ty
            } else {
                program.types.pointer(ty)
            };
            b.add_param(ty)
        })
        .collect();
    body(program, &mut b, values);
    let body = b.finish();
    program.funcs.push(Function {
        name: name.into(),
        display: name.into(),
        pos: Pos::NONE,
        params: params.into(),
        results: results.into(),
        flags: Default::default(),
        body: Some(body),
    })
}

fn check(mut program: Program) -> link::Object {
    for func in program.funcs.iter() {
        mir::verify::verify(&program, func).unwrap_or_else(|e| panic!("{}: {e:?}", func.name));
    }
    let names = mir::fingerprint::Names::new(&program);
    codegen::emit_program(
        &mut program,
        &SourceMap::new(),
        &str::to_owned,
        &codegen::Options::default(),
        None,
        Default::default(),
        &names,
    )
    .unwrap()
    .0
}

#[test]
fn many_arguments_and_results_travel_through_areas() {
    let mut p = Program::default();
    let field = |ty| FieldTy {
        name: "f".into(),
        pkg: None,
        ty,
        embedded: false,
        tag: None,
    };
    let string_slice = p.types.slice(TypeTable::STRING);
    let big = p.types.array(TypeTable::INT, 5);
    let pair = p.types.intern(TyKind::Struct(Box::new([
        field(TypeTable::INT32),
        field(TypeTable::FLOAT64),
    ])));
    let params = [
        TypeTable::STRING,
        string_slice,
        TypeTable::INT,
        big,
        pair,
        TypeTable::FLOAT32,
        TypeTable::BOOL,
    ];
    let results = [
        TypeTable::STRING,
        string_slice,
        string_slice,
        pair,
        big,
        TypeTable::INT,
    ];
    let callee = add(&mut p, "p.callee", &params, &results, |_, b, v| {
        b.terminate(Terminator::Return(smallvec![
            v[0], v[1], v[1], v[4], v[3], v[2]
        ]));
    });
    add(&mut p, "p.caller", &params, &[TypeTable::INT], |p, b, v| {
        let ptr = p.types.pointer(big);
        let tys: Vec<Ty> = results
            .iter()
            .map(|&t| if t == big { ptr } else { t })
            .collect();
        let call = Op::Call {
            callee: Callee::Func(callee),
            args: v.iter().copied().collect(),
            results: results.iter().copied().collect(),
        };
        let out = b.emit_multi(call, &tys);
        let sum = b.emit_value(Op::Binary(BinOp::Add, out[5], v[2]), TypeTable::INT);
        b.terminate(Terminator::Return(smallvec![sum]));
    });
    let object = check(p);
    assert!(object.lookup("p.caller").is_some());
}

#[test]
fn frames_with_defers_use_try_calls() {
    let mut p = Program::default();
    let callee = add(&mut p, "p.callee", &[], &[TypeTable::INT], |_, b, _| {
        let one = b.emit_value(Op::Int(1), TypeTable::INT);
        b.terminate(Terminator::Return(smallvec![one]));
    });
    let id = add(
        &mut p,
        "p.f",
        &[TypeTable::INT],
        &[TypeTable::INT],
        |p, b, v| {
            let ptr = p.types.pointer(TypeTable::INT);
            let slot = b.new_slot(TypeTable::INT, "r".into());
            let addr = b.emit_value(Op::SlotAddr(slot), ptr);
            b.emit(Op::Store {
                addr,
                value: v[0],
                barrier: mir::Barrier::No,
            });
            let r = b.emit_multi(
                Op::Call {
                    callee: Callee::Func(callee),
                    args: smallvec![],
                    results: smallvec![TypeTable::INT],
                },
                &[TypeTable::INT],
            )[0];
            let sum = b.emit_value(Op::Binary(BinOp::Div, r, v[0]), TypeTable::INT);
            b.terminate(Terminator::Return(smallvec![sum]));
            let recover = b.new_block();
            b.body.recover_block = Some(recover);
            b.seal(recover);
            b.switch_to(recover);
            let addr = b.emit_value(Op::SlotAddr(slot), ptr);
            let value = b.emit_value(Op::Load(addr), TypeTable::INT);
            b.terminate(Terminator::Return(smallvec![value]));
        },
    );
    assert!(p.funcs[id].body.as_ref().unwrap().recover_block.is_some());
    check(p);
}
