//! Where the characters that decide stand: "the next quote from here" in constant time.
//!
//! Guessing where a damaged string ends means looking ahead, again and again. A list of positions
//! a kind of character, made in one pass when it is first asked for, keeps that linear.

/// A kind of character to look for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// This character, not escaped by a backslash.
    Bare(Char),
    /// This character, escaped or not.
    Any(Char),
    NonSpace,
    /// What ends a bare word: no letter, digit, `_`, `-`.
    NonWord,
    Letter,
}

/// The characters that can be looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Char {
    Double,
    Single,
    LeftSmart,
    RightSmart,
    Colon,
    Comma,
    CloseBrace,
    CloseBracket,
    OpenBrace,
    OpenBracket,
    Backtick,
}

const CHARS: usize = 11;
const KINDS: usize = 2 * CHARS + 3;

impl Char {
    pub(super) fn of(c: char) -> Option<Self> {
        Some(match c {
            '"' => Char::Double,
            '\'' => Char::Single,
            '“' => Char::LeftSmart,
            '”' => Char::RightSmart,
            ':' => Char::Colon,
            ',' => Char::Comma,
            '}' => Char::CloseBrace,
            ']' => Char::CloseBracket,
            '{' => Char::OpenBrace,
            '[' => Char::OpenBracket,
            '`' => Char::Backtick,
            _ => return None,
        })
    }

    fn char(self) -> char {
        match self {
            Char::Double => '"',
            Char::Single => '\'',
            Char::LeftSmart => '“',
            Char::RightSmart => '”',
            Char::Colon => ':',
            Char::Comma => ',',
            Char::CloseBrace => '}',
            Char::CloseBracket => ']',
            Char::OpenBrace => '{',
            Char::OpenBracket => '[',
            Char::Backtick => '`',
        }
    }
}

impl Mark {
    fn index(self) -> usize {
        match self {
            Mark::Bare(c) => c as usize,
            Mark::Any(c) => CHARS + c as usize,
            Mark::NonSpace => 2 * CHARS,
            Mark::NonWord => 2 * CHARS + 1,
            Mark::Letter => 2 * CHARS + 2,
        }
    }
}

/// The positions of every kind of character in one text.
pub(super) struct Marks<'a> {
    text: &'a str,
    kinds: [Option<Positions>; KINDS],
}

impl<'a> Marks<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, kinds: [const { None }; KINDS] }
    }

    /// The first position of a kind at or after `from`; the length of the text where there is none.
    pub(super) fn next(&mut self, mark: Mark, from: usize) -> usize {
        let text = self.text;
        let Some(slot) = self.kinds.get_mut(mark.index()) else { return text.len() };
        slot.get_or_insert_with(|| Positions::new(text.len(), found(text, mark)))
            .next(from)
            .unwrap_or(text.len())
    }
}

fn found(text: &str, mark: Mark) -> Box<dyn Iterator<Item = usize> + '_> {
    match mark {
        Mark::Any(c) => Box::new(text.match_indices(c.char()).map(|(at, _)| at)),
        Mark::Bare(c) => {
            Box::new(text.match_indices(c.char()).map(|(at, _)| at).filter(|at| !is_escaped(text, *at)))
        }
        Mark::NonSpace => Box::new(positions(text, |c| !is_space(c))),
        Mark::NonWord => Box::new(positions(text, |c| !is_word(c))),
        Mark::Letter => Box::new(positions(text, char::is_alphabetic)),
    }
}

fn positions(text: &str, wanted: fn(char) -> bool) -> impl Iterator<Item = usize> {
    text.char_indices().filter(move |(_, c)| wanted(*c)).map(|(at, _)| at)
}

/// Whether an odd number of backslashes stands before a position.
pub(super) fn is_escaped(text: &str, at: usize) -> bool {
    let before = text.as_bytes().get(..at).unwrap_or_default();
    before.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

/// White space, and what looks like it.
pub(super) fn is_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{1c}'..='\u{1f}' | '\u{180e}' | '\u{200b}' | '\u{feff}')
}

/// What a bare word is made of.
pub(super) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '-'
}

/// A set of positions as a bitmap, with the next word that is not empty for every word.
struct Positions {
    words: Vec<u64>,
    next_full: Vec<u32>,
}

impl Positions {
    fn new(length: usize, positions: impl Iterator<Item = usize>) -> Self {
        crate::work::tick(length);
        let mut words = vec![0_u64; length / 64 + 1];
        for at in positions {
            if let Some(word) = words.get_mut(at / 64) {
                *word |= 1 << (at % 64);
            }
        }
        let mut next_full = vec![u32::MAX; words.len() + 1];
        let mut next = u32::MAX;
        for (index, word) in words.iter().enumerate().rev() {
            if *word != 0 {
                next = u32::try_from(index).unwrap_or(u32::MAX);
            }
            if let Some(slot) = next_full.get_mut(index) {
                *slot = next;
            }
        }
        Self { words, next_full }
    }

    fn next(&self, from: usize) -> Option<usize> {
        let index = from / 64;
        let here = self.words.get(index)? & (u64::MAX << (from % 64));
        if here != 0 {
            return Some(index * 64 + here.trailing_zeros() as usize);
        }
        let full = *self.next_full.get(index + 1)? as usize;
        let word = self.words.get(full)?;
        Some(full * 64 + word.trailing_zeros() as usize)
    }
}
