//! The lexer on any bytes: it ends, tokens do not overlap, and every byte that is in no token and
//! no comment is white space or reported.
//!
//! `cargo +nightly fuzz run lexer`
#![no_main]

use libfuzzer_sys::fuzz_target;
use syntax::lexer::Lexer;
use syntax::token::Tok;

fuzz_target!(|src: &[u8]| {
    let mut lexer = Lexer::new(src);
    let mut pieces = Vec::new();
    loop {
        let token = lexer.next_token();
        assert!(token.lo <= token.hi && token.hi as usize <= src.len());
        if token.tok == Tok::Eof {
            break;
        }
        pieces.push((token.lo, token.hi));
    }
    pieces.extend(&lexer.comments);
    pieces.sort_unstable();
    let mut at = 0;
    for (lo, hi) in pieces.into_iter().chain([(src.len() as u32, src.len() as u32)]) {
        assert!(lo >= at, "tokens overlap at {lo}");
        if lexer.errors.is_empty() {
            let gap = &src[at as usize..lo as usize];
            let gap = if at == 0 { gap.strip_prefix("\u{FEFF}".as_bytes()).unwrap_or(gap) } else { gap };
            assert!(gap.iter().all(|b| b" \t\r\n".contains(b)), "bytes {at}..{lo} are in no token");
        }
        at = hi;
    }
});
