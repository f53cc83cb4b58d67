//! The text form, read: what [`print`](mod@crate::print) writes, and what tests write by hand.
//!
//! ```text
//! type main.T = struct { A int; main.next *main.T; .Embedded main.E "tag" }
//! type $"odd name" (name "N", path "a.b/c", package "c", suffix "·1") = int
//! data data0: [2]main.T, align 8, readonly = "bytes\x00" zeros 40, 8: data1 + 4, 16: funcval main.f, 24: global main.g
//! global main.g: *main.T, external, @12 = zeros 8
//! itab itab0: main.I, *main.T = main.(*T).M, -
//! descriptor *main.T, equal runtime.memequal64, pointer **main.T
//!   method M func() int, ifn main.(*T).M, tfn main.(*T).M
//! extern func runtime.newproc(func()) runtime noescape
//! func main.f(int, main.T) (int, error) noinline @100 {
//!   inl1 main.inlined @90 at @110
//!   slot0 x: [4]int
//!   recover b2
//! b0(v0: int, v1: *main.T):
//!   v2: bool = cmp.lt v0, v0 @120:inl1
//!   branch v2, b1, b3(v0)
//! ..
//! }
//! inits runtime.init, main.init
//! main main.main
//! ```
//!
//! - One item, block header or instruction a line. Items may stand in any order and refer to each other by name.
//! - Functions, globals and defined types are named by their link names ([`text`](crate::text) says how they are quoted); data
//!   and itabs by numbers. Values and blocks keep their numbers.
//! - `@n` is a position (a number of the source map), `@n:inl2` one that came through an inlined call.
//! - Everything after the name of an operation is `operation values, numbers, types`, as in [`Op`](crate::Op).
//!
//! Reading does not verify: [`verify`](crate::verify::verify) says whether definitions reach uses and arguments fit.

mod body;
mod cursor;
mod types;

use base::{FxHashMap, Id, IndexVec, Symbol};
use source::Pos;

use crate::ir::{FuncFlags, Function};
use crate::print::{flag_words, type_name};
use crate::program::{
    DataId, FuncId, Global, GlobalId, Init, Itab, ItabId, MethodInfo, Program, Reloc, StaticData,
    TypeInfo,
};
use crate::text::split_type_name;
use crate::types::{NamedId, NamedTy, Ty, TyKind, TypeTable};
use cursor::Cursor;

/// Zeros that a text may write by their number alone.
const MAX_ZEROS: usize = 1 << 28;

/// Why a text was not read, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// From 1.
    pub line: usize,
    /// In bytes, from 1.
    pub column: usize,
    #[allow(missing_docs)]
    pub message: String,
}

impl std::fmt::Display for ParseError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.message)
    }
}

impl std::error::Error for ParseError {}

type Result<T> = std::result::Result<T, ParseError>;

/// Reads a program.
///
/// # Errors
/// The first thing that is wrong.
pub fn parse(text: &str) -> Result<Program> {
    let mut program = Program::default();
    parse_into(&mut program, text)?;
    Ok(program)
}

/// Adds the items of a text, which may refer to what the program has, to it.
///
/// # Errors
/// The first thing that is wrong. The program then holds a part of the items and must not be used.
pub fn parse_into(program: &mut Program, text: &str) -> Result<()> {
    let mut names = Names::default();
    for n in 0..program.types.named_len() {
        let id = NamedId::from_index(n);
        if let Some(ty) = program.types.find(&TyKind::Named(id)) {
            names.types.insert(type_name(&program.types, id), ty);
        }
    }
    for (id, func) in program.funcs.iter_enumerated() {
        names.funcs.insert(func.name, id);
    }
    for (id, global) in program.globals.iter_enumerated() {
        names.globals.insert(global.name, id);
    }
    for id in program.data.ids() {
        names.data.insert(id.0, id);
    }
    for id in program.itabs.ids() {
        names.itabs.insert(id.0, id);
    }
    let old = Old {
        types: program.types.named_len(),
        data: program.data.len(),
        itabs: program.itabs.len(),
    };
    let mut parser = Parser {
        cursor: Cursor::new(text, 0),
        text_len: text.len(),
        program,
        names,
        old,
        zeros: 0,
    };
    let items = parser.declare()?;
    // Types first: the layouts of what uses them need no order.
    for &(kind, at) in &items {
        if matches!(kind, Item::Type(..)) {
            parser.item(kind, at)?;
        }
    }
    parser.refuse_endless_types(&items)?;
    for &(kind, at) in &items {
        if !matches!(kind, Item::Type(..)) {
            parser.item(kind, at)?;
        }
    }
    Ok(())
}

#[derive(Default)]
struct Names {
    types: FxHashMap<String, Ty>,
    funcs: FxHashMap<Symbol, FuncId>,
    globals: FxHashMap<Symbol, GlobalId>,
    data: FxHashMap<u32, DataId>,
    itabs: FxHashMap<u32, ItabId>,
}

/// How many items the program had; numbers of theirs may be used again.
struct Old {
    types: usize,
    data: usize,
    itabs: usize,
}

/// An item, with what it declares.
#[derive(Clone, Copy)]
enum Item {
    Type(NamedId),
    Func(FuncId),
    Global(GlobalId),
    Data(DataId),
    Itab(ItabId),
    Other,
}

struct Parser<'a, 'p> {
    cursor: Cursor<'a>,
    text_len: usize,
    program: &'p mut Program,
    names: Names,
    old: Old,
    zeros: usize,
}

impl Parser<'_, '_> {
    /// Finds the items and gives their names ids. Returns where each is.
    fn declare(&mut self) -> Result<Vec<(Item, usize)>> {
        let mut items = Vec::new();
        self.cursor.skip_empty_lines();
        while !self.cursor.at_end() {
            let at = self.cursor.here();
            let word = self.cursor.word("an item")?;
            let mut here = self.cursor.here();
            let mut fresh = true;
            let item = match word {
                "type" => {
                    let name = self.cursor.name("a name")?;
                    let (path, package, own, suffix) = split_type_name(&name);
                    let (ty, id) = self.program.types.new_named(NamedTy {
                        name: own.to_owned(),
                        pkg_path: path.map(Symbol::intern),
                        pkg_name: package.map(Symbol::intern),
                        local_suffix: suffix.to_owned(),
                        underlying: None,
                    });
                    fresh = self.names.types.insert(name.into_owned(), ty).is_none();
                    Item::Type(id)
                }
                "func" | "extern" => {
                    if word == "extern" {
                        self.cursor.expect("func")?;
                        here = self.cursor.here();
                    }
                    let name = Symbol::intern(&self.cursor.name("a name")?);
                    let id = self.program.funcs.push(Function {
                        name,
                        display: name,
                        pos: Pos::NONE,
                        params: Box::new([]),
                        results: Box::new([]),
                        flags: FuncFlags::default(),
                        body: None,
                    });
                    fresh = self.names.funcs.insert(name, id).is_none();
                    Item::Func(id)
                }
                "global" => {
                    let name = Symbol::intern(&self.cursor.name("a name")?);
                    let id = self.program.globals.push(Global {
                        name,
                        ty: TypeTable::BOOL,
                        init: None,
                        external: false,
                        pos: Pos::NONE,
                    });
                    fresh = self.names.globals.insert(name, id).is_none();
                    Item::Global(id)
                }
                "data" => {
                    let n = self.cursor.id("data", "a number like `data0`")?;
                    let id = self.program.data.push(StaticData {
                        init: Init::default(),
                        align: 1,
                        readonly: false,
                        ty: None,
                    });
                    let known = self.names.data.insert(n, id);
                    fresh = known.is_none_or(|known| known.index() < self.old.data);
                    Item::Data(id)
                }
                "itab" => {
                    let n = self.cursor.id("itab", "a number like `itab0`")?;
                    let id = self.program.itabs.push(Itab {
                        iface: TypeTable::BOOL,
                        concrete: TypeTable::BOOL,
                        methods: Vec::new(),
                    });
                    let known = self.names.itabs.insert(n, id);
                    fresh = known.is_none_or(|known| known.index() < self.old.itabs);
                    Item::Itab(id)
                }
                "descriptor" | "inits" | "callbacks" | "main" | "modinfo" | "godebug" => {
                    Item::Other
                }
                // Part of the descriptor before it.
                "method" => {
                    self.cursor.skip_line();
                    continue;
                }
                _ => {
                    return self
                        .cursor
                        .error_at(at, format!("there is no item `{word}`"));
                }
            };
            if !fresh {
                return self.cursor.error_at(here, "it is declared already");
            }
            items.push((item, at));
            if word == "func" {
                self.cursor.skip_body();
                self.cursor.skip_empty_lines();
            } else {
                self.cursor.skip_line();
            }
        }
        Ok(items)
    }

    fn item(&mut self, item: Item, at: usize) -> Result<()> {
        self.cursor.move_to(at);
        let word = self.cursor.word("an item")?;
        match item {
            Item::Type(id) => self.named(id)?,
            Item::Func(id) => self.function(id, word == "extern")?,
            Item::Global(id) => self.global(id)?,
            Item::Data(id) => self.data(id)?,
            Item::Itab(id) => self.itab(id)?,
            Item::Other => match word {
                "descriptor" => return self.descriptor(),
                "inits" => {
                    let list = self.funcs()?;
                    self.program.inits.extend(list);
                }
                "callbacks" => {
                    let list = self.funcs()?;
                    self.program.callbacks.extend(list);
                }
                "main" => self.program.main = Some(self.func()?),
                "modinfo" => self.program.modinfo = self.cursor.string()?,
                _ => self.program.godebug = self.cursor.text_string()?,
            },
        }
        self.cursor.end_line()
    }

    fn named(&mut self, id: NamedId) -> Result<()> {
        self.cursor.name("a name")?;
        if self.cursor.eat("(") {
            let mut named = NamedTy {
                name: String::new(),
                pkg_path: None,
                pkg_name: None,
                local_suffix: String::new(),
                underlying: None,
            };
            loop {
                let at = self.cursor.here();
                let word = self.cursor.word("a part of the name")?;
                let text = self.cursor.text_string()?;
                match word {
                    "name" => named.name = text,
                    "path" => named.pkg_path = Some(Symbol::intern(&text)),
                    "package" => named.pkg_name = Some(Symbol::intern(&text)),
                    "suffix" => named.local_suffix = text,
                    _ => {
                        return self
                            .cursor
                            .error_at(at, "expected `name`, `path`, `package` or `suffix`");
                    }
                }
                if !self.cursor.eat(",") {
                    break;
                }
            }
            self.cursor.expect(")")?;
            self.program.types.rename(id, named);
        }
        self.cursor.expect("=")?;
        let at = self.cursor.here();
        let underlying = self.ty()?;
        if matches!(self.program.types.kind(underlying), TyKind::Named(_)) {
            return self
                .cursor
                .error_at(at, "an underlying type is no defined type");
        }
        self.program.types.set_underlying(id, underlying);
        Ok(())
    }

    fn global(&mut self, id: GlobalId) -> Result<()> {
        self.cursor.name("a name")?;
        self.cursor.expect(":")?;
        let ty = self.ty()?;
        let (mut external, mut pos) = (false, Pos::NONE);
        while self.cursor.eat(",") {
            if self.cursor.eat("@") {
                pos = Pos(self.cursor.number("a position")?);
            } else if self.cursor.eat_word("external") {
                external = true;
            } else {
                return self.cursor.error("expected `external` or a position");
            }
        }
        let init = if self.cursor.eat("=") {
            Some(self.init()?)
        } else {
            None
        };
        let global = &mut self.program.globals[id];
        (global.ty, global.external, global.pos, global.init) = (ty, external, pos, init);
        Ok(())
    }

    fn data(&mut self, id: DataId) -> Result<()> {
        self.cursor.id("data", "a number like `data0`")?;
        let ty = if self.cursor.eat(":") {
            Some(self.ty()?)
        } else {
            None
        };
        let (mut align, mut readonly) = (1, false);
        while self.cursor.eat(",") {
            if self.cursor.eat_word("align") {
                let at = self.cursor.here();
                align = self.cursor.number::<u64>("a number of bytes")?;
                if !align.is_power_of_two() {
                    return self.cursor.error_at(at, "expected a power of two");
                }
            } else if self.cursor.eat_word("readonly") {
                readonly = true;
            } else {
                return self.cursor.error("expected `align` or `readonly`");
            }
        }
        self.cursor.expect("=")?;
        let init = self.init()?;
        self.program.data[id] = StaticData {
            init,
            align,
            readonly,
            ty,
        };
        Ok(())
    }

    fn init(&mut self) -> Result<Init> {
        let mut init = Init::default();
        loop {
            if self.cursor.peek() == Some('"') {
                init.bytes.extend(self.cursor.string()?);
            } else if self.cursor.eat_word("zeros") {
                let at = self.cursor.here();
                let n: usize = self.cursor.number("a number of bytes")?;
                self.zeros = self.zeros.saturating_add(n);
                if self.zeros > MAX_ZEROS {
                    return self.cursor.error_at(at, "too many zeros");
                }
                init.bytes.resize(init.bytes.len() + n, 0);
            } else {
                break;
            }
        }
        while self.cursor.eat(",") {
            let at = self.cursor.here();
            let offset: u32 = self.cursor.number("an offset")?;
            self.cursor.expect(":")?;
            let fits = (offset as usize)
                .checked_add(8)
                .is_some_and(|end| end <= init.bytes.len());
            let sorted = init
                .relocs
                .last()
                .is_none_or(|(last, _)| last.saturating_add(8) <= offset);
            if !fits || !sorted {
                return self
                    .cursor
                    .error_at(at, "addresses fill words of the contents, by rising offset");
            }
            let reloc = self.reloc()?;
            init.relocs.push((offset, reloc));
        }
        Ok(init)
    }

    fn reloc(&mut self) -> Result<Reloc> {
        if let Some(n) = self.cursor.eat_id("data")? {
            let id = self.data_id(n)?;
            return Ok(Reloc::Data(id, self.addend()?));
        }
        if let Some(n) = self.cursor.eat_id("itab")? {
            return Ok(Reloc::Itab(self.itab_id(n)?));
        }
        let at = self.cursor.here();
        Ok(match self.cursor.word("an address")? {
            "funcval" => Reloc::FuncVal(self.func()?),
            "funccode" => Reloc::FuncCode(self.func()?),
            "typedesc" => Reloc::TypeDesc(self.ty()?),
            "global" => {
                let id = self.global_name()?;
                Reloc::Global(id, self.addend()?)
            }
            word => {
                return self
                    .cursor
                    .error_at(at, format!("`{word}` is not the kind of an address"));
            }
        })
    }

    fn addend(&mut self) -> Result<i64> {
        if self.cursor.eat("+") {
            self.cursor.number("a number")
        } else {
            Ok(0)
        }
    }

    fn itab(&mut self, id: ItabId) -> Result<()> {
        self.cursor.id("itab", "a number like `itab0`")?;
        self.cursor.expect(":")?;
        let iface = self.ty()?;
        self.cursor.expect(",")?;
        let concrete = self.ty()?;
        self.cursor.expect("=")?;
        let mut methods = Vec::new();
        while !self.cursor.at_line_end() {
            methods.push(if self.cursor.eat("-") {
                None
            } else {
                Some(self.func()?)
            });
            if !self.cursor.eat(",") {
                break;
            }
        }
        self.program.itabs[id] = Itab {
            iface,
            concrete,
            methods,
        };
        Ok(())
    }

    fn descriptor(&mut self) -> Result<()> {
        let at = self.cursor.here();
        let ty = self.ty()?;
        let mut info = TypeInfo::default();
        while self.cursor.eat(",") {
            let at = self.cursor.here();
            match self.cursor.word("a part of a descriptor")? {
                "equal" => info.equal = Some(self.func()?),
                "hasher" => info.hasher = Some(self.func()?),
                "group" => info.map_group = Some(self.ty()?),
                "pointer" => info.ptr_to = Some(self.ty()?),
                word => {
                    return self
                        .cursor
                        .error_at(at, format!("descriptors have no `{word}`"));
                }
            }
        }
        self.cursor.end_line()?;
        while self.cursor.eat_word("method") {
            let (pkg, name) = self.member()?;
            let sig = self.ty()?;
            let mut method = MethodInfo {
                name,
                pkg,
                sig,
                ifn: None,
                tfn: None,
            };
            while self.cursor.eat(",") {
                let at = self.cursor.here();
                match self.cursor.word("`ifn` or `tfn`")? {
                    "ifn" => method.ifn = Some(self.func()?),
                    "tfn" => method.tfn = Some(self.func()?),
                    _ => return self.cursor.error_at(at, "expected `ifn` or `tfn`"),
                }
            }
            info.methods.push(method);
            self.cursor.end_line()?;
        }
        if self.program.type_info.insert(ty, info).is_some() {
            return self
                .cursor
                .error_at(at, "the type has a descriptor already");
        }
        Ok(())
    }

    fn function(&mut self, id: FuncId, external: bool) -> Result<()> {
        if external {
            self.cursor.expect("func")?;
        }
        let name = Symbol::intern(&self.cursor.name("a name")?);
        let params = self.type_list()?;
        let results = if self.cursor.peek() == Some('(') {
            self.type_list()?
        } else {
            Vec::new()
        };
        let mut func = Function {
            name,
            display: name,
            pos: Pos::NONE,
            params: params.into(),
            results: results.into(),
            flags: FuncFlags::default(),
            body: None,
        };
        loop {
            if self.cursor.eat("@") {
                func.pos = Pos(self.cursor.number("a position")?);
            } else if self.cursor.eat_word("display") {
                func.display = Symbol::intern(&self.cursor.name("a name")?);
            } else if self.cursor.at_line_end() || self.cursor.peek() == Some('{') {
                break;
            } else {
                let at = self.cursor.here();
                let word = self.cursor.word("a property of the function")?;
                let mut words = flag_words(&mut func.flags);
                match words.iter_mut().find(|(w, _)| *w == word) {
                    Some((_, set)) => **set = true,
                    None => {
                        return self
                            .cursor
                            .error_at(at, format!("functions have no property `{word}`"));
                    }
                }
            }
        }
        if !external {
            self.cursor.expect("{")?;
            self.cursor.end_line()?;
            func.body = Some(self.body(&func)?);
        }
        self.program.funcs[id] = func;
        Ok(())
    }

    // ---- references

    fn func(&mut self) -> Result<FuncId> {
        let at = self.cursor.here();
        let name = self.cursor.name("a function")?;
        match self.names.funcs.get(&Symbol::intern(&name)) {
            Some(&id) => Ok(id),
            None => self
                .cursor
                .error_at(at, format!("function `{name}` is not declared")),
        }
    }

    fn funcs(&mut self) -> Result<Vec<FuncId>> {
        let mut list = vec![self.func()?];
        while self.cursor.eat(",") {
            list.push(self.func()?);
        }
        Ok(list)
    }

    fn global_name(&mut self) -> Result<GlobalId> {
        let at = self.cursor.here();
        let name = self.cursor.name("a global")?;
        match self.names.globals.get(&Symbol::intern(&name)) {
            Some(&id) => Ok(id),
            None => self
                .cursor
                .error_at(at, format!("global `{name}` is not declared")),
        }
    }

    fn data_id(&mut self, n: u32) -> Result<DataId> {
        match self.names.data.get(&n) {
            Some(&id) => Ok(id),
            None => self.cursor.error(format!("data{n} is not declared")),
        }
    }

    fn itab_id(&mut self, n: u32) -> Result<ItabId> {
        match self.names.itabs.get(&n) {
            Some(&id) => Ok(id),
            None => self.cursor.error(format!("itab{n} is not declared")),
        }
    }

    /// Refuses types that contain themselves: they have no size.
    fn refuse_endless_types(&mut self, items: &[(Item, usize)]) -> Result<()> {
        #[derive(Clone, Copy, PartialEq)]
        enum State {
            New,
            Open,
            Done,
        }
        let types = &self.program.types;
        let mut state: IndexVec<NamedId, State> =
            IndexVec::from_elem_n(State::New, types.named_len());
        for n in 0..self.old.types {
            state[NamedId::from_index(n)] = State::Done;
        }
        for &(item, at) in items {
            let Item::Type(root) = item else { continue };
            let mut stack = vec![(root, types::contained(types, root))];
            while let Some((id, parts)) = stack.last_mut() {
                let id = *id;
                state[id] = State::Open;
                let Some(part) = parts.pop() else {
                    state[id] = State::Done;
                    stack.pop();
                    continue;
                };
                match state[part] {
                    State::Done => {}
                    State::Open => {
                        return self.cursor.error_at(at, "the type contains itself");
                    }
                    State::New => stack.push((part, types::contained(types, part))),
                }
            }
        }
        Ok(())
    }
}
