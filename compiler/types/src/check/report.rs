//! Reporting: diagnostics with their positions, and how types and expressions are named in them.

use super::*;

impl Checker<'_> {
    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        let mut diagnostic = diagnostic;
        // Errors that follow from earlier ones add nothing.
        if self.has_errors {
            let message = &diagnostic.message;
            if message.find("invalid operand").is_some_and(|at| at > 0)
                || message.find("invalid type").is_some_and(|at| at > 0)
            {
                return;
            }
        }
        if let Some(pos) = self.env.error_pos {
            // Inherited constant initialisers: where they are used, not where they stand.
            if diagnostic.code != "DuplicateDecl" {
                diagnostic.pos = pos;
                diagnostic.span = Span::at(pos);
            }
        }
        self.has_errors = true;
        self.diagnostics.push(diagnostic);
    }
    pub(super) fn error(&mut self, pos: Pos, code: &'static str, message: impl Into<String>) {
        self.report(Diagnostic::error(code, pos, message));
    }
    pub(super) fn error_at(
        &mut self,
        expr: ExprId,
        code: &'static str,
        message: impl Into<String>,
    ) {
        let span = self.span(expr);
        let pos = self.start(expr);
        self.report(Diagnostic::error(code, pos, message).with_span(span));
    }
    pub(super) fn soft_error(&mut self, pos: Pos, code: &'static str, message: impl Into<String>) {
        self.report(Diagnostic::error(code, pos, message).soft());
    }
    /// An error with further lines, each at a position of its own.
    pub(super) fn error_lines(
        &mut self,
        pos: Pos,
        code: &'static str,
        message: String,
        lines: &[(Pos, String)],
    ) {
        let mut text = message;
        for (pos, line) in lines {
            text.push_str("\n\t");
            if let Some(at) = self.position(*pos) {
                text.push_str(&at);
                text.push_str(": ");
            }
            text.push_str(line);
        }
        let mut diagnostic = Diagnostic::error(code, pos, text);
        for (pos, line) in lines {
            if pos.is_some() {
                diagnostic = diagnostic.with_label(Span::at(*pos), line.clone());
            }
        }
        self.report(diagnostic);
    }
    pub(super) fn position(&self, pos: Pos) -> Option<String> {
        pos.is_some()
            .then(|| diagnostics::gc::position_with_origin(self.sources, pos))
    }
    pub(super) fn redeclared(&mut self, pos: Pos, name: Symbol, other: ObjId) {
        let other_pos = self.store.obj(other).pos;
        let mut lines = Vec::new();
        if other_pos.is_some() {
            lines.push((other_pos, format!("other declaration of {name}")));
        }
        self.error_lines(
            pos,
            "DuplicateDecl",
            format!("{name} redeclared in this block"),
            &lines,
        );
    }
    /// Whether the file's language version is at least go1.`minor`.
    pub(super) fn allows(&self, minor: u32) -> bool {
        self.env.version >= minor
    }
    /// Reports that `what` needs go1.`minor` if the file's version is older.
    pub(super) fn require_version(&mut self, pos: Pos, minor: u32, what: &str) -> bool {
        if self.allows(minor) {
            return true;
        }
        let message = self.with_version_hint(format!("{what} requires go1.{minor} or later"));
        self.error(pos, "UnsupportedFeature", message);
        false
    }
    /// Adds where the language version was set, as the compiler does.
    pub(super) fn with_version_hint(&self, message: String) -> String {
        if !self.input.version_hints {
            return message;
        }
        let version = self.tables[self.env.file].go_version;
        match self.env.ast.go_version {
            Some(declared) if declared == version => {
                format!(
                    "{message} (file declares //go:build go{}.{})",
                    version.0, version.1
                )
            }
            _ => {
                let set = self.input.go_version;
                format!(
                    "{message} (-lang was set to go{}.{}; check go.mod)",
                    set.0, set.1
                )
            }
        }
    }

    // Strings.

    pub(super) fn qualify(&self, pkg: PkgId) -> Option<String> {
        if pkg == self.pkg {
            return None;
        }
        let package = self.store.package(pkg);
        if self.is_ambiguous(package.name)
            || (package.name == self.pkg_name
                && package.path != self.store.package(self.pkg).path
                && package.name != self.names.main)
        {
            return Some(format!("{:?}", package.path.as_str()));
        }
        Some(package.name.as_str().to_owned())
    }
    /// Whether packages of different paths have this name, of all that are imported, directly or not.
    pub(super) fn is_ambiguous(&self, name: Symbol) -> bool {
        let by_name = self.imported_names.get_or_init(|| {
            let mut by_name: FxHashMap<Symbol, u32> = FxHashMap::default();
            let mut pending = self.imports.clone();
            let mut seen: base::FxHashSet<PkgId> = pending.iter().copied().collect();
            while let Some(pkg) = pending.pop() {
                let package = self.store.package(pkg);
                *by_name.entry(package.name).or_default() += 1;
                let imports = package.imports.get().map_or(&[][..], |imports| imports);
                pending.extend(
                    imports
                        .iter()
                        .copied()
                        .filter(|&import| seen.insert(import)),
                );
            }
            by_name
        });
        by_name.get(&name).is_some_and(|&count| count > 1)
    }
    pub(super) fn type_str(&self, ty: TypeId) -> String {
        let qualifier = |pkg| self.qualify(pkg);
        let position = |pos| self.position(pos);
        let mut writer = strings::TypeWriter::new(self.store, &qualifier);
        writer.positions = Some(&position);
        writer.ty(ty);
        writer.out
    }
    /// A type with all packages by path, as type sets are written.
    pub(super) fn full_type_str(&self, ty: TypeId) -> String {
        self.store.type_string(ty, &|pkg| {
            Some(self.store.package(pkg).path.as_str().to_owned())
        })
    }
    pub(super) fn expr_str(&self, expr: ExprId) -> String {
        syntax::print::expr_string(self.env.ast, expr)
    }
    pub(super) fn operand_str(&self, x: &Operand) -> String {
        operand::describe(self, x)
    }

    // Tree and tables.
}
