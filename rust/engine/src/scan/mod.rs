//! JSON text (RFC 8259), byte by byte: no values are built, every fault is found.
//!
//! All functions take the text and a position, and return the position behind what they read;
//! `None` is a fault. A position past the end reads as the byte 0, which JSON never accepts.

mod lanes;
mod number;
mod string;
mod whole;

pub use lanes::{Short, short, window};
pub use number::{Digits, Limit, Number, digits_at, number_end, number_in};
pub use string::{StringEnd, decoded, string_end};
pub use whole::skip;

/// How deep arrays and objects may nest.
pub const MAX_DEPTH: usize = 128;

#[inline(always)]
pub fn byte(text: &[u8], at: usize) -> u8 {
    text.get(at).copied().unwrap_or(0)
}

/// The first position that is no white space.
#[inline(always)]
pub fn past_space(text: &[u8], at: usize) -> usize {
    // Most values are preceded by nothing or by one blank.
    if byte(text, at) > b' ' {
        return at;
    }
    if byte(text, at) == b' ' && byte(text, at + 1) > b' ' {
        return at + 1;
    }
    past_long_space(text, at)
}

#[inline(never)]
fn past_long_space(text: &[u8], mut at: usize) -> usize {
    loop {
        // Indentation comes in runs of blanks.
        while let Some(chunk) = text.get(at..).and_then(<[u8]>::first_chunk::<8>) {
            if u64::from_le_bytes(*chunk) != 0x2020_2020_2020_2020 {
                break;
            }
            at += 8;
        }
        match byte(text, at) {
            b' ' | b'\n' | b'\r' | b'\t' => at += 1,
            _ => return at,
        }
    }
}

/// The position behind `true`, `false` or `null`.
#[inline(always)]
pub fn word_end(text: &[u8], at: usize, word: &[u8]) -> Option<usize> {
    let end = at + word.len();
    (text.get(at..end)? == word).then_some(end)
}
