//! Types.

use base::Symbol;

use super::{Parser, Result};
use crate::text::PREDECLARED;
use crate::types::{ChanDir, FieldTy, FuncTy, IfaceMethod, NamedId, Ty, TyKind, TypeTable};

/// Types may nest so deep.
const MAX_DEPTH: u32 = 200;

impl Parser<'_, '_> {
    pub(super) fn ty(&mut self) -> Result<Ty> {
        self.cursor.depth += 1;
        if self.cursor.depth > MAX_DEPTH {
            return self.cursor.error("the type nests too deep");
        }
        let ty = self.type_here();
        self.cursor.depth -= 1;
        ty
    }

    fn type_here(&mut self) -> Result<Ty> {
        if self.cursor.eat("*") {
            let elem = self.ty()?;
            return Ok(self.program.types.pointer(elem));
        }
        if self.cursor.eat("[") {
            if self.cursor.eat("]") {
                let elem = self.ty()?;
                return Ok(self.program.types.slice(elem));
            }
            let len = self.cursor.number("the length of an array")?;
            self.cursor.expect("]")?;
            let elem = self.ty()?;
            return Ok(self.program.types.array(elem, len));
        }
        if self.cursor.eat("(") {
            let ty = self.ty()?;
            self.cursor.expect(")")?;
            return Ok(ty);
        }
        if self.cursor.eat("<-chan") {
            let elem = self.ty()?;
            return Ok(self.program.types.intern(TyKind::Chan(ChanDir::Recv, elem)));
        }
        let kind = if self.cursor.eat("map[") {
            let key = self.ty()?;
            self.cursor.expect("]")?;
            TyKind::Map(key, self.ty()?)
        } else {
            match self.cursor.peek_name() {
                "chan" => {
                    self.cursor.expect("chan")?;
                    let dir = if self.cursor.eat_here("<-") {
                        ChanDir::Send
                    } else {
                        ChanDir::Both
                    };
                    TyKind::Chan(dir, self.ty()?)
                }
                "func" => {
                    self.cursor.expect("func")?;
                    TyKind::Func(self.signature()?)
                }
                "struct" => {
                    self.cursor.expect("struct")?;
                    self.fields()?
                }
                "interface" => {
                    self.cursor.expect("interface")?;
                    self.methods()?
                }
                "tuple" => {
                    self.cursor.expect("tuple")?;
                    TyKind::Tuple(self.type_list()?.into())
                }
                _ => return self.type_name(),
            }
        };
        Ok(self.program.types.intern(kind))
    }

    fn type_name(&mut self) -> Result<Ty> {
        let at = self.cursor.here();
        let quoted = self.cursor.peek() == Some('$');
        let name = self.cursor.name("a type")?;
        if !quoted && let Some((_, ty)) = PREDECLARED.iter().find(|(word, _)| *word == name) {
            return Ok(*ty);
        }
        match self.names.types.get(&*name) {
            Some(&ty) => Ok(ty),
            None => self
                .cursor
                .error_at(at, format!("type `{name}` is not declared")),
        }
    }

    /// Types in parentheses.
    pub(super) fn type_list(&mut self) -> Result<Vec<Ty>> {
        self.cursor.expect("(")?;
        let mut list = Vec::new();
        if self.cursor.eat(")") {
            return Ok(list);
        }
        loop {
            list.push(self.ty()?);
            if !self.cursor.eat(",") {
                self.cursor.expect(")")?;
                return Ok(list);
            }
        }
    }

    fn signature(&mut self) -> Result<FuncTy> {
        self.cursor.expect("(")?;
        let mut params = Vec::new();
        let mut variadic = false;
        if !self.cursor.eat(")") {
            loop {
                if self.cursor.eat("...") {
                    variadic = true;
                    let elem = self.ty()?;
                    params.push(self.program.types.slice(elem));
                    break;
                }
                params.push(self.ty()?);
                if !self.cursor.eat(",") {
                    break;
                }
            }
            self.cursor.expect(")")?;
        }
        let results = match self.cursor.peek() {
            Some('(') => self.type_list()?,
            Some(c) if "*[<$_~".contains(c) || c.is_alphabetic() => vec![self.ty()?],
            _ => Vec::new(),
        };
        Ok(FuncTy {
            params: params.into(),
            results: results.into(),
            variadic,
        })
    }

    /// The name of a field or method, with the package if it is not exported.
    pub(super) fn member(&mut self) -> Result<(Option<Symbol>, Symbol)> {
        let quoted = self.cursor.peek() == Some('$');
        let name = self.cursor.name("a name")?;
        if !quoted {
            return Ok(match name.rsplit_once('.') {
                Some((pkg, name)) => (Some(Symbol::intern(pkg)), Symbol::intern(name)),
                None => (None, Symbol::intern(&name)),
            });
        }
        if self.cursor.eat_here(".") {
            let own = self.cursor.name("a name")?;
            return Ok((Some(Symbol::intern(&name)), Symbol::intern(&own)));
        }
        Ok((None, Symbol::intern(&name)))
    }

    fn fields(&mut self) -> Result<TyKind> {
        self.cursor.expect("{")?;
        let mut fields = Vec::new();
        while !self.cursor.eat("}") {
            if !fields.is_empty() {
                self.cursor.expect(";")?;
            }
            let embedded = self.cursor.eat(".");
            let (pkg, name) = self.member()?;
            let ty = self.ty()?;
            let tag = if self.cursor.peek() == Some('"') {
                Some(self.cursor.string()?.into())
            } else {
                None
            };
            fields.push(FieldTy {
                name,
                pkg,
                ty,
                embedded,
                tag,
            });
        }
        Ok(TyKind::Struct(fields.into()))
    }

    fn methods(&mut self) -> Result<TyKind> {
        self.cursor.expect("{")?;
        let mut methods = Vec::new();
        while !self.cursor.eat("}") {
            if !methods.is_empty() {
                self.cursor.expect(";")?;
            }
            let (pkg, name) = self.member()?;
            let sig = self.signature()?;
            let sig = self.program.types.intern(TyKind::Func(sig));
            methods.push(IfaceMethod { name, pkg, sig });
        }
        Ok(TyKind::Interface(methods.into()))
    }
}

/// The defined types that a value of this defined type consists of.
pub(super) fn contained(types: &TypeTable, id: NamedId) -> Vec<NamedId> {
    let mut out = Vec::new();
    let mut work: Vec<Ty> = types.named(id).underlying.into_iter().collect();
    while let Some(ty) = work.pop() {
        match types.kind(ty) {
            TyKind::Named(id) => out.push(*id),
            TyKind::Array(elem, _) => work.push(*elem),
            TyKind::Struct(fields) => work.extend(fields.iter().map(|f| f.ty)),
            TyKind::Tuple(elems) => work.extend(elems),
            TyKind::Bool
            | TyKind::Int(_)
            | TyKind::Float32
            | TyKind::Float64
            | TyKind::Complex64
            | TyKind::Complex128
            | TyKind::String
            | TyKind::UnsafePointer
            | TyKind::Pointer(_)
            | TyKind::Slice(_)
            | TyKind::Map(..)
            | TyKind::Chan(..)
            | TyKind::Func(_)
            | TyKind::Interface(_) => {}
        }
    }
    out
}
