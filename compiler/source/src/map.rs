//! Positions are 32-bit offsets into one address space that all files of a process share,
//! so a position needs no file beside it and fits a Cranelift source location.

use std::sync::{Arc, OnceLock, RwLock};

base::define_id! {
    /// A file known to a [`SourceMap`], in order of registration.
    pub struct FileId("file");
}

/// A byte position: a file's base plus the offset in it. `Pos::NONE` is "no position".
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Pos(pub u32);

impl Pos {
    /// No position.
    pub const NONE: Pos = Pos(0);
    /// Whether this is a real position.
    pub fn is_some(self) -> bool {
        self.0 != 0
    }
    /// The position `n` bytes further.
    pub fn offset(self, n: u32) -> Pos {
        Pos(self.0 + n)
    }
}
impl std::fmt::Debug for Pos {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "@{}", self.0)
    }
}

/// A half-open range of bytes of one file.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Span {
    /// First byte.
    pub lo: Pos,
    /// One past the last byte.
    pub hi: Pos,
}

impl Span {
    /// The span from `lo` to `hi`.
    pub fn new(lo: Pos, hi: Pos) -> Span {
        Span { lo, hi }
    }
    /// The empty span at `pos`.
    pub fn at(pos: Pos) -> Span {
        Span { lo: pos, hi: pos }
    }
    /// The smallest span that covers both.
    pub fn to(self, end: Span) -> Span {
        Span {
            lo: self.lo.min(end.lo),
            hi: self.hi.max(end.hi),
        }
    }
}
impl std::fmt::Debug for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "@{}..{}", self.lo.0, self.hi.0)
    }
}

/// A `//line` or `/*line*/` directive: positions from `offset` on are reported as
/// `file:line:col`, counting on from there (the compiler documentation, "Line Directives").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineDirective {
    /// Byte offset in the real file from which the directive holds (first byte after it).
    pub offset: u32,
    /// Reported file name.
    pub file: Arc<str>,
    /// Reported line of `offset`.
    pub line: u32,
    /// Reported column of `offset`; 0 if the directive gives none (columns are then not reported).
    pub col: u32,
}

/// A source file's text and line table.
#[derive(Debug)]
pub struct SourceFile {
    /// Its id.
    pub id: FileId,
    /// Path as diagnostics print it by default (the driver shortens it relative to the working directory).
    pub name: Arc<str>,
    /// The whole content, any bytes.
    pub src: Arc<[u8]>,
    /// Position of the first byte.
    pub base: Pos,
    /// Offsets of line starts; `[0]` is 0.
    pub line_starts: Vec<u32>,
    directives: OnceLock<Box<[LineDirective]>>,
}

/// A resolved position. Lines and columns count from 1; columns count bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    /// File name (after line directives, if asked for).
    pub file: Arc<str>,
    /// Line, from 1.
    pub line: u32,
    /// Byte column, from 1; 0 = unknown.
    pub col: u32,
}

impl SourceFile {
    /// The position of byte `offset`.
    pub fn pos(&self, offset: u32) -> Pos {
        Pos(self.base.0 + offset)
    }
    /// The byte offset of `pos`, which must lie in this file.
    pub fn offset(&self, pos: Pos) -> u32 {
        pos.0 - self.base.0
    }
    /// Line (from 1) and byte column (from 1), ignoring line directives.
    pub fn line_col(&self, pos: Pos) -> (u32, u32) {
        let offset = self.offset(pos);
        let line = self.line_starts.partition_point(|&start| start <= offset);
        (line as u32, offset - self.line_starts[line - 1] + 1)
    }
    /// The text of line `line` (from 1), without its newline; empty if there is no such line.
    pub fn line_text(&self, line: u32) -> &[u8] {
        let Some(&start) = self.line_starts.get(line as usize - 1) else {
            return &[];
        };
        let end = self
            .line_starts
            .get(line as usize)
            .map_or(self.src.len(), |&e| e as usize - 1);
        let text = &self.src[start as usize..end.max(start as usize)];
        text.strip_suffix(b"\r").unwrap_or(text)
    }
    /// Records the file's line directives, sorted by offset. What counts is what the first parser of the file found.
    pub fn set_line_directives(&self, directives: Vec<LineDirective>) {
        let _ = self.directives.set(directives.into());
    }
    /// The file's line directives, sorted by offset; none before it was parsed.
    pub fn line_directives(&self) -> &[LineDirective] {
        self.directives.get().map_or(&[], |list| list)
    }
    /// The location of `pos` as users see it: line directives applied.
    pub fn location(&self, pos: Pos) -> Location {
        let (line, col) = self.line_col(pos);
        let directives = self.line_directives();
        let offset = self.offset(pos);
        let at = directives.partition_point(|d| d.offset <= offset);
        let Some(directive) = at.checked_sub(1).map(|i| &directives[i]) else {
            return Location {
                file: self.name.clone(),
                line,
                col,
            };
        };
        let (dline, dcol) = self.line_col(self.pos(directive.offset));
        let col = match directive.col {
            0 => 0,
            base if dline == line => base + (col - dcol),
            _ => col,
        };
        Location {
            file: directive.file.clone(),
            line: directive.line + (line - dline),
            col,
        }
    }
}

/// All files of a process. Shared between threads; files are only added.
#[derive(Debug, Default)]
pub struct SourceMap {
    files: RwLock<Vec<Arc<SourceFile>>>,
}

impl SourceMap {
    /// An empty map.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file. Returns `None` when the 4 GiB position space is exhausted.
    pub fn add(
        &self,
        name: impl Into<Arc<str>>,
        src: impl Into<Arc<[u8]>>,
    ) -> Option<Arc<SourceFile>> {
        let src = src.into();
        let mut line_starts = vec![0];
        line_starts.extend(memchr::memchr_iter(b'\n', &src).map(|i| i as u32 + 1));
        let mut files = self.files.write().expect("not poisoned");
        let base = files
            .last()
            .map_or(1, |f| f.base.0 as u64 + f.src.len() as u64 + 1);
        if base + src.len() as u64 + 1 > u32::MAX as u64 {
            return None;
        }
        let file = Arc::new(SourceFile {
            id: FileId(files.len() as u32),
            name: name.into(),
            src,
            base: Pos(base as u32),
            line_starts,
            directives: OnceLock::new(),
        });
        files.push(file.clone());
        Some(file)
    }

    /// The file with this id.
    ///
    /// # Panics
    /// If the id comes from another map.
    pub fn file(&self, id: FileId) -> Arc<SourceFile> {
        self.files.read().expect("not poisoned")[id.0 as usize].clone()
    }

    /// All files so far, by their bases.
    pub fn files(&self) -> Vec<Arc<SourceFile>> {
        self.files.read().expect("not poisoned").clone()
    }

    /// The file that holds `pos`, if any.
    pub fn file_of(&self, pos: Pos) -> Option<Arc<SourceFile>> {
        if !pos.is_some() {
            return None;
        }
        let files = self.files.read().expect("not poisoned");
        let index = files.partition_point(|f| f.base <= pos).checked_sub(1)?;
        Some(files[index].clone())
    }

    /// The location of `pos` with line directives applied.
    pub fn location(&self, pos: Pos) -> Option<Location> {
        Some(self.file_of(pos)?.location(pos))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_resolve_across_files_and_line_directives() {
        let map = SourceMap::new();
        let a = map.add("a.go", &b"one\ntwo\n"[..]).unwrap();
        let b = map.add("b.go", &b"x\n//line z.go:10\ny\n"[..]).unwrap();
        b.set_line_directives(vec![LineDirective {
            offset: 17,
            file: "z.go".into(),
            line: 10,
            col: 0,
        }]);
        assert_eq!(
            map.location(a.pos(5)).unwrap(),
            Location {
                file: "a.go".into(),
                line: 2,
                col: 2
            }
        );
        assert_eq!(
            map.location(b.pos(0)).unwrap(),
            Location {
                file: "b.go".into(),
                line: 1,
                col: 1
            }
        );
        assert_eq!(
            map.location(b.pos(17)).unwrap(),
            Location {
                file: "z.go".into(),
                line: 10,
                col: 0
            }
        );
        assert_eq!(map.location(Pos::NONE), None);
        assert_eq!(a.line_text(2), b"two");
        assert_eq!(a.line_text(3), b"");
    }
}
