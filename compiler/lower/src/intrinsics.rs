//! Functions that become instructions, and facts about functions known by name.

use mir::{AtomicOp, BinOp, FuncId, Intrinsic, Op, Terminator, Ty, TyKind, TypeTable, Value};
use smallvec::{SmallVec, smallvec};
use syntax::ast::ExprId;

use crate::cx::Cx;
use crate::func::FnCx;
use crate::lookup::{Found, FoundKind};
use crate::tyconv::int_kind;

/// What a call of a known function becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    Atomic(AtomicOp, Result),
    /// One operand, result of the function's type.
    Unary(Intrinsic),
    /// Number of bits that the operand needs.
    Len,
    /// Two operands, result of the function's type.
    Binary(Intrinsic),
    /// Two results.
    Wide(Intrinsic),
    /// Same bits, other type.
    Bits,
    KeepAlive,
    Nothing,
    CallerPc,
    CallerSp,
    ClosurePtr,
    Prefetch,
}

/// What is made of an atomic operation's old value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Result {
    None,
    Old,
    /// Old value plus the operand.
    New,
}

/// The operation that a function is, by link name.
pub(crate) fn known(name: &str) -> Option<Known> {
    let (path, func) = name.rsplit_once('.')?;
    match path {
        "sync/atomic" => {
            if func.ends_with("Pointer") && func != "LoadPointer" {
                return None;
            }
            let op = [
                ("Load", AtomicOp::Load, Result::Old),
                ("Store", AtomicOp::Store, Result::None),
                ("Swap", AtomicOp::Swap, Result::Old),
                ("CompareAndSwap", AtomicOp::CompareAndSwap, Result::Old),
                ("Add", AtomicOp::Add, Result::New),
                ("And", AtomicOp::And, Result::Old),
                ("Or", AtomicOp::Or, Result::Old),
            ]
            .into_iter()
            .find(|(prefix, ..)| {
                func.strip_prefix(prefix).is_some_and(|t| {
                    matches!(
                        t,
                        "Int32" | "Int64" | "Uint32" | "Uint64" | "Uintptr" | "Pointer"
                    )
                })
            })?;
            Some(Known::Atomic(op.1, op.2))
        }
        "internal/runtime/atomic" => Some(match func {
            "Load" | "Load8" | "Load64" | "Loadp" | "LoadAcq" | "LoadAcq64" | "LoadAcquintptr"
            | "Loaduintptr" | "Loaduint" | "Loadint32" | "Loadint64" => {
                Known::Atomic(AtomicOp::Load, Result::Old)
            }
            "Store" | "Store8" | "Store64" | "StoreRel" | "StoreRel64" | "StoreReluintptr"
            | "Storeint32" | "Storeint64" | "Storeuintptr" | "StorepNoWB" => {
                Known::Atomic(AtomicOp::Store, Result::None)
            }
            "Xchg8" | "Xchg" | "Xchg64" | "Xchguintptr" | "Xchgint32" | "Xchgint64" => {
                Known::Atomic(AtomicOp::Swap, Result::Old)
            }
            "Xadd" | "Xadd64" | "Xadduintptr" | "Xaddint32" | "Xaddint64" => {
                Known::Atomic(AtomicOp::Add, Result::New)
            }
            "Cas" | "CasRel" | "Cas64" | "Casp1" | "Casint32" | "Casint64" | "Casuintptr" => {
                Known::Atomic(AtomicOp::CompareAndSwap, Result::Old)
            }
            "And8" | "And" => Known::Atomic(AtomicOp::And, Result::None),
            "Or8" | "Or" => Known::Atomic(AtomicOp::Or, Result::None),
            "And32" | "And64" | "Anduintptr" => Known::Atomic(AtomicOp::And, Result::Old),
            "Or32" | "Or64" | "Oruintptr" => Known::Atomic(AtomicOp::Or, Result::Old),
            _ => return None,
        }),
        "math/bits" => Some(match func {
            "Len" | "Len8" | "Len16" | "Len32" | "Len64" => Known::Len,
            "LeadingZeros" | "LeadingZeros8" | "LeadingZeros16" | "LeadingZeros32"
            | "LeadingZeros64" => Known::Unary(Intrinsic::LeadingZeros),
            "TrailingZeros" | "TrailingZeros8" | "TrailingZeros16" | "TrailingZeros32"
            | "TrailingZeros64" => Known::Unary(Intrinsic::TrailingZeros),
            "OnesCount" | "OnesCount8" | "OnesCount16" | "OnesCount32" | "OnesCount64" => {
                Known::Unary(Intrinsic::PopCount)
            }
            "ReverseBytes" | "ReverseBytes16" | "ReverseBytes32" | "ReverseBytes64" => {
                Known::Unary(Intrinsic::ByteSwap)
            }
            "Reverse" | "Reverse8" | "Reverse16" | "Reverse32" | "Reverse64" => {
                Known::Unary(Intrinsic::BitReverse)
            }
            "RotateLeft" | "RotateLeft8" | "RotateLeft16" | "RotateLeft32" | "RotateLeft64" => {
                Known::Binary(Intrinsic::RotateLeft)
            }
            "Mul" | "Mul64" => Known::Wide(Intrinsic::MulWide),
            "Add" | "Add64" => Known::Wide(Intrinsic::AddCarry),
            "Sub" | "Sub64" => Known::Wide(Intrinsic::SubBorrow),
            _ => return None,
        }),
        "math" => Some(match func {
            "sqrt" | "Sqrt" => Known::Unary(Intrinsic::Sqrt),
            "Abs" => Known::Unary(Intrinsic::Abs),
            "Floor" | "floor" => Known::Unary(Intrinsic::Floor),
            "Ceil" | "ceil" => Known::Unary(Intrinsic::Ceil),
            "Trunc" | "trunc" => Known::Unary(Intrinsic::Trunc),
            "RoundToEven" => Known::Unary(Intrinsic::Nearest),
            "Copysign" => Known::Binary(Intrinsic::Copysign),
            "Float64bits" | "Float64frombits" | "Float32bits" | "Float32frombits" => Known::Bits,
            _ => return None,
        }),
        "internal/runtime/sys" => Some(match func {
            "Bswap32" | "Bswap64" => Known::Unary(Intrinsic::ByteSwap),
            "Len8" | "Len64" => Known::Len,
            "OnesCount64" => Known::Unary(Intrinsic::PopCount),
            "TrailingZeros8" | "TrailingZeros32" | "TrailingZeros64" => {
                Known::Unary(Intrinsic::TrailingZeros)
            }
            "LeadingZeros8" | "LeadingZeros64" => Known::Unary(Intrinsic::LeadingZeros),
            "Prefetch" | "PrefetchStreamed" => Known::Prefetch,
            "GetCallerPC" => Known::CallerPc,
            "GetCallerSP" => Known::CallerSp,
            "GetClosurePtr" => Known::ClosurePtr,
            _ => return None,
        }),
        "internal/runtime/math" => Some(match func {
            "Add64" => Known::Wide(Intrinsic::AddCarry),
            "Mul64" => Known::Wide(Intrinsic::MulWide),
            _ => return None,
        }),
        "crypto/internal/constanttime" => (func == "boolToUint8").then_some(Known::Bits),
        "runtime" => (func == "KeepAlive").then_some(Known::KeepAlive),
        "internal/abi" if func == "NoEscape" => Some(Known::Unary(Intrinsic::NoEscape)),
        "internal/abi" => func
            .starts_with("EscapeNonString")
            .then_some(Known::Nothing),
        _ => None,
    }
}

/// [`known`], for instances of generic functions too.
fn known_instance(name: &str) -> Option<Known> {
    if let Some(open) = name.find('[') {
        return name
            .starts_with("internal/abi.EscapeNonString")
            .then(|| known(&name[..open]))
            .flatten();
    }
    known(name)
}

/// Entry points that neither allocate, park nor panic and touch only memory that they are given.
pub(crate) fn is_leaf(name: &str) -> bool {
    let Some(name) = name.strip_prefix("runtime.") else {
        return matches!(
            name,
            "internal/bytealg.IndexByte"
                | "internal/bytealg.IndexByteString"
                | "internal/bytealg.Count"
                | "internal/bytealg.CountString"
                | "internal/bytealg.Compare"
                | "internal/bytealg.CompareString"
                | "internal/bytealg.Index"
                | "internal/bytealg.IndexString"
                | "crypto/sha1.blockSHANI"
                | "crypto/sha1.blockAVX2"
                | "crypto/internal/fips140/sha256.blockSHANI"
                | "crypto/internal/fips140/sha256.blockAVX2"
                | "crypto/internal/fips140/sha512.blockAVX2"
                | "crypto/md5.block"
                | "crypto/internal/fips140/sha3.keccakF1600"
                | "hash/crc32.ieeeCLMUL"
                | "hash/crc32.castagnoliSSE42"
                | "hash/crc32.castagnoliSSE42Triple"
                | "crypto/internal/fips140/aes.expandKeyAsm"
                | "crypto/internal/fips140/aes.encryptBlockAsm"
                | "crypto/internal/fips140/aes.decryptBlockAsm"
                | "crypto/internal/fips140/aes.ctrBlocks1Asm"
                | "crypto/internal/fips140/aes.ctrBlocks2Asm"
                | "crypto/internal/fips140/aes.ctrBlocks4Asm"
                | "crypto/internal/fips140/aes.ctrBlocks8Asm"
                | "crypto/internal/fips140/aes/gcm.gcmAesInit"
                | "crypto/internal/fips140/aes/gcm.gcmAesData"
                | "crypto/internal/fips140/aes/gcm.gcmAesEnc"
                | "crypto/internal/fips140/aes/gcm.gcmAesDec"
                | "crypto/internal/fips140/aes/gcm.gcmAesFinish"
                | "crypto/internal/fips140/subtle.xorBytes"
                | "math/big.addVV"
                | "math/big.subVV"
                | "math/big.lshVU"
                | "math/big.rshVU"
                | "math/big.mulAddVWW"
                | "math/big.addMulVVWW"
                | "crypto/internal/fips140/bigmod.addMulVVW1024"
                | "crypto/internal/fips140/bigmod.addMulVVW1536"
                | "crypto/internal/fips140/bigmod.addMulVVW2048"
                | "crypto/internal/fips140/edwards25519/field.feMul"
                | "crypto/internal/fips140/nistec.p256Mul"
                | "crypto/internal/fips140/nistec.p256Sqr"
                | "crypto/internal/fips140/nistec.p256FromMont"
                | "crypto/internal/fips140/nistec.p256NegCond"
                | "crypto/internal/fips140/nistec.p256MovCond"
                | "crypto/internal/fips140/nistec.p256Select"
                | "crypto/internal/fips140/nistec.p256SelectAffine"
                | "crypto/internal/fips140/nistec.p256PointAddAffineAsm"
                | "crypto/internal/fips140/nistec.p256PointAddAsm"
                | "crypto/internal/fips140/nistec.p256PointDoubleAsm"
                | "vendor/golang.org/x/crypto/internal/poly1305.update"
                | "vendor/golang.org/x/crypto/chacha20poly1305.chacha20Poly1305Seal"
                | "vendor/golang.org/x/crypto/chacha20poly1305.chacha20Poly1305Open"
        );
    };
    matches!(
        name,
        "memmove"
            | "memclrNoHeapPointers"
            | "memequal"
            | "memhash"
            | "memhash32"
            | "memhash64"
            | "strhash"
            | "cmpstring"
            | "chanlen"
            | "chancap"
            | "nanotime"
            | "cputicks"
            | "roundupsize"
            | "goid"
            | "getg"
    )
}

/// Functions that do not return.
pub(crate) fn never_returns(name: &str) -> bool {
    let Some(name) = name.strip_prefix("runtime.") else {
        return false;
    };
    matches!(
        name,
        "gopanic"
            | "throw"
            | "fatal"
            | "fatalpanic"
            | "goexit1"
            | "exit"
            | "abort"
            | "block"
            | "blockForever"
            | "panicdottypeE"
            | "panicdottypeI"
            | "panicnildottype"
            | "panicwrap"
            | "panicrangestate"
            | "panicmakeslicelen"
            | "panicmakeslicecap"
            | "panicdivide"
            | "panicoverflow"
            | "panicshift"
            | "panicmem"
            | "panicmemAddr"
            | "panicBounds"
            | "panicBounds64"
            | "typeAssert_shown"
            | "sigpanic"
            | "sigpanic_shown"
            | "panicunsafeslicelen"
            | "panicunsafeslicenilptr"
            | "panicunsafestringlen"
            | "panicunsafestringnilptr"
    )
}

/// Gives a function whose Go body is a placeholder its real one. True if it did.
pub(crate) fn replace_body(cx: &mut Cx<'_>, func: FuncId) -> bool {
    let name = cx.p.funcs[func].name;
    let placeholder = name.as_str().starts_with("internal/abi.EscapeNonString")
        || name.as_str() == "crypto/internal/constanttime.boolToUint8";
    if !placeholder {
        return false;
    }
    intrinsic_body(cx, func);
    true
}

/// A body that is the operation itself: for functions used as values.
pub(crate) fn intrinsic_body(cx: &mut Cx<'_>, func: FuncId) {
    let mut f = FnCx::synthetic(cx, func);
    let params = f.synthetic_params();
    let results: SmallVec<[Ty; 2]> = SmallVec::from_slice(&f.cx.p.funcs[func].results);
    let values = f
        .intrinsic_call(func, &params, &results)
        .unwrap_or_default();
    f.b.terminate(Terminator::Return(values));
    f.finish_synthetic();
}

impl<'a> FnCx<'_, 'a> {
    /// The operation that a call of `func` is, if it is one.
    pub(crate) fn intrinsic_call(
        &mut self,
        func: FuncId,
        args: &[Value],
        results: &[Ty],
    ) -> Option<SmallVec<[Value; 2]>> {
        let known = match self.cx.known.get(&func) {
            Some(&k) => k,
            None => {
                let k = known_instance(self.cx.p.funcs[func].name.as_str());
                self.cx.known.insert(func, k);
                k
            }
        }?;
        Some(self.emit_known(known, args, results))
    }

    fn emit_known(&mut self, known: Known, args: &[Value], results: &[Ty]) -> SmallVec<[Value; 2]> {
        let int = TypeTable::INT;
        match known {
            Known::Atomic(op, result) => self.atomic(op, result, args, results),
            Known::Unary(i) => smallvec![
                self.b
                    .emit_value(Op::Intrinsic(i, smallvec![args[0]]), results[0])
            ],
            Known::Len => {
                let ty = self.val_ty(args[0]);
                let bits = int_kind(&self.cx.p.types, ty).map_or(64, |k| k.size() * 8);
                let zeros = self.b.emit_value(
                    Op::Intrinsic(Intrinsic::LeadingZeros, smallvec![args[0]]),
                    int,
                );
                let width = self.iconst(bits as i64);
                let n = self.bin(BinOp::Sub, width, zeros);
                smallvec![self.retype(n, results[0])]
            }
            Known::Binary(i) => smallvec![
                self.b
                    .emit_value(Op::Intrinsic(i, smallvec![args[0], args[1]]), results[0])
            ],
            Known::Wide(i) => self
                .b
                .emit_multi(Op::Intrinsic(i, SmallVec::from_slice(args)), results)
                .into_iter()
                .collect(),
            Known::Bits => smallvec![self.retype(args[0], results[0])],
            Known::KeepAlive => {
                let data = self.extract(args[0], 1);
                self.b.emit(Op::KeepAlive(data));
                SmallVec::new()
            }
            Known::Nothing => SmallVec::new(),
            Known::CallerPc => smallvec![self.b.emit_value(
                Op::Intrinsic(Intrinsic::CallerPc, SmallVec::new()),
                results[0]
            )],
            Known::CallerSp => smallvec![self.b.emit_value(
                Op::Intrinsic(Intrinsic::CallerSp, SmallVec::new()),
                results[0]
            )],
            Known::ClosurePtr => {
                // Only meaningful in assembly-like runtime code, which the overlay does not have.
                smallvec![self.int(0, results[0])]
            }
            Known::Prefetch => {
                self.b
                    .emit(Op::Intrinsic(Intrinsic::Prefetch, smallvec![args[0]]));
                SmallVec::new()
            }
        }
    }

    fn atomic(
        &mut self,
        op: AtomicOp,
        result: Result,
        args: &[Value],
        results: &[Ty],
    ) -> SmallVec<[Value; 2]> {
        let operands: SmallVec<[Value; 3]> = SmallVec::from_slice(args);
        if op == AtomicOp::Store {
            self.b.emit(Op::Atomic(op, operands));
            return SmallVec::new();
        }
        let ty = match (op, results.first()) {
            (AtomicOp::CompareAndSwap, _) => TypeTable::BOOL,
            (_, Some(&ty)) => ty,
            (_, None) => self.val_ty(args[1]),
        };
        let old = self.b.emit_value(Op::Atomic(op, operands), ty);
        match result {
            Result::None => SmallVec::new(),
            Result::Old => smallvec![old],
            Result::New => {
                let delta = self.retype(args[1], ty);
                smallvec![self.bin(BinOp::Add, old, delta)]
            }
        }
    }

    /// Calls that need their operands' syntax: entry addresses of functions.
    pub(crate) fn special_call(
        &mut self,
        e: ExprId,
        fun: ExprId,
        args: &[ExprId],
    ) -> Option<SmallVec<[Value; 2]>> {
        let obj = self.named_obj(fun)?;
        let object = self.cx.store.obj(obj);
        let name = object.name.as_str();
        if !matches!(name, "FuncPCABI0" | "FuncPCABIInternal") {
            return None;
        }
        let pkg = object.pkg?;
        if self.cx.store.package(pkg).path.as_str() != "internal/abi" {
            return None;
        }
        let ty = self.ty_of(e);
        if let Some(func) = self.func_of(args[0]) {
            return Some(smallvec![self.b.emit_value(Op::FuncCode(func), ty)]);
        }
        let at = self.ty_of(args[0]);
        if !matches!(self.cx.p.types.under(at), TyKind::Func(_)) {
            return None;
        }
        let f = self.expr(args[0]);
        Some(smallvec![self.load(f, ty)])
    }

    /// Notes a use of reflection that finds methods by number or name.
    pub(crate) fn note_reflection(&mut self, found: &Found, args: Option<&[ExprId]>) {
        let (name, by_reflect) = match found.kind {
            FoundKind::Method { recv, func, .. } => {
                let name = self.cx.store.obj(func).name;
                if !matches!(name.as_str(), "Method" | "MethodByName") {
                    return;
                }
                (name, self.cx.p.types.link_string(recv) == "reflect.Value")
            }
            FoundKind::Iface { iface, index } => {
                let (name, _, sig) = self.cx.iface_methods(iface)[index];
                if !matches!(name.as_str(), "Method" | "MethodByName") {
                    return;
                }
                let sig = self.cx.p.types.link_string(sig);
                (name, sig.contains("reflect.Method"))
            }
            FoundKind::Field(_) => return,
        };
        if !by_reflect || self.cx.pkgs[self.pkg].link_path.as_str() == "reflect" {
            return;
        }
        if name.as_str() == "MethodByName" {
            let constant = args
                .and_then(|a| a.first())
                .and_then(|&a| self.const_of(a))
                .and_then(|c| c.to_bytes());
            if let Some(text) = constant.and_then(|b| std::str::from_utf8(b).ok()) {
                self.cx.live_reflect_name(text.into());
                return;
            }
        }
        self.cx.live_all_exported();
    }
}
