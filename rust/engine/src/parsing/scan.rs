//! Where a value ends: scanners that stop at any byte and go on at the next one.

use crate::scan::MAX_DEPTH;

/// What a scanner found so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scan {
    /// The text ended first.
    More,
    /// It ends before this byte.
    End(usize),
    /// The text is over, and it did not end.
    Bad,
    /// It nests too deep to be read, at this byte.
    TooDeep(usize),
}

/// The end of a bracketed value, damaged or not: brackets outside of strings must balance.
#[derive(Debug)]
pub(super) struct Balance {
    at: usize,
    stack: Vec<u8>,
    quote: Option<u8>,
    /// Three quotes in a row open a Python string that only three close.
    triple: bool,
    escaped: bool,
    last: u8,
    syntax: Syntax,
}

/// Whose strings a [`Balance`] reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Syntax {
    /// JSON, with single quotes where a string may begin.
    Json,
    /// Python: both quotes, triple quotes, parentheses.
    Python,
    /// Gemma: strings between `<escape>` or `<|"|>`.
    Gemma,
}

const GEMMA_QUOTES: [&[u8]; 2] = [b"<escape>", b"<|\"|>"];

impl Balance {
    /// Scan the value whose opening bracket stands at `start`.
    pub(super) fn new(start: usize, syntax: Syntax) -> Self {
        Self { at: start, stack: Vec::new(), quote: None, triple: false, escaped: false, last: b':', syntax }
    }

    pub(super) fn advance(&mut self, text: &[u8], is_last: bool) -> Scan {
        while let Some(byte) = text.get(self.at).copied() {
            crate::work::tick(1);
            if self.syntax == Syntax::Gemma && byte == b'<' {
                match self.gemma_quote(text, is_last) {
                    Some(0) => return Scan::More,
                    Some(width) => {
                        self.at += width;
                        continue;
                    }
                    None => {}
                }
            }
            if let Some(quote) = self.quote {
                if !self.in_string(text, byte, quote, is_last) {
                    return Scan::More;
                }
                continue;
            }
            match byte {
                b'"' | b'\'' if self.opens_string(byte) => {
                    if !self.open(text, byte, is_last) {
                        return Scan::More;
                    }
                    continue;
                }
                b'{' | b'[' => self.push(byte + 2),
                b'(' if self.syntax == Syntax::Python => self.push(b')'),
                b'}' | b']' | b')' if self.stack.contains(&byte) => {
                    while self.stack.pop().is_some_and(|closing| closing != byte) {}
                    if self.stack.is_empty() {
                        self.at += 1;
                        return Scan::End(self.at);
                    }
                }
                _ => {}
            }
            if self.stack.len() > MAX_DEPTH {
                return Scan::TooDeep(self.at);
            }
            if !byte.is_ascii_whitespace() {
                self.last = byte;
            }
            self.at += 1;
        }
        if is_last { Scan::Bad } else { Scan::More }
    }

    fn push(&mut self, closing: u8) {
        self.stack.push(closing);
    }

    fn opens_string(&self, byte: u8) -> bool {
        match self.syntax {
            Syntax::Json => byte == b'"' || matches!(self.last, b'{' | b'[' | b',' | b':'),
            Syntax::Python => true,
            Syntax::Gemma => false,
        }
    }

    /// The width of a Gemma quote that stands here; 0 where more text is needed to know.
    fn gemma_quote(&mut self, text: &[u8], is_last: bool) -> Option<usize> {
        let rest = text.get(self.at..).unwrap_or_default();
        for (kind, quote) in (0_u8..).zip(GEMMA_QUOTES) {
            if self.quote.is_some_and(|open| open != kind) {
                continue;
            }
            if rest.starts_with(quote) {
                self.quote = if self.quote.is_some() { None } else { Some(kind) };
                return Some(quote.len());
            }
            if quote.starts_with(rest) && !is_last {
                return Some(0);
            }
        }
        None
    }

    fn open(&mut self, text: &[u8], byte: u8, is_last: bool) -> bool {
        let rest = text.get(self.at..).unwrap_or_default();
        if self.syntax == Syntax::Python {
            if rest.len() < 3 && rest.iter().all(|next| *next == byte) && !is_last {
                return false;
            }
            if rest.starts_with(&[byte; 3]) {
                self.quote = Some(byte);
                self.triple = true;
                self.at += 3;
                return true;
            }
        }
        self.quote = Some(byte);
        self.triple = false;
        self.at += 1;
        true
    }

    /// Pass one byte inside of a string; false where more text is needed.
    fn in_string(&mut self, text: &[u8], byte: u8, quote: u8, is_last: bool) -> bool {
        if self.syntax == Syntax::Gemma {
            self.at += 1;
            return true;
        }
        if self.escaped {
            self.escaped = false;
        } else if byte == b'\\' {
            self.escaped = true;
        } else if byte == quote {
            if self.triple {
                let rest = text.get(self.at..).unwrap_or_default();
                if rest.len() < 3 && rest.iter().all(|next| *next == quote) && !is_last {
                    return false;
                }
                if rest.starts_with(&[quote; 3]) {
                    self.at += 2;
                    self.quote = None;
                }
            } else {
                self.quote = None;
            }
            self.last = quote;
        }
        self.at += 1;
        true
    }
}

/// What a strict reading of JSON met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Met {
    More,
    /// An item of the outermost array, an object, ended: its first byte, and the one after it.
    Item(usize, usize),
    End(usize),
    Bad,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Want {
    Value,
    ValueOrEnd,
    Key,
    KeyOrEnd,
    Colon,
    CommaOrEnd,
}

/// Strict JSON, byte by byte: it stops at the first byte that no JSON container can have there.
#[derive(Debug)]
pub(super) struct Strict {
    at: usize,
    stack: Vec<u8>,
    want: Want,
    in_string: bool,
    string_is_key: bool,
    /// Bytes of an escape that are still to come, the first of them not yet seen.
    escape: u8,
    scalar: usize,
    in_scalar: bool,
    item: usize,
}

impl Strict {
    pub(super) fn new(start: usize) -> Self {
        Self {
            at: start,
            stack: Vec::new(),
            want: Want::Value,
            in_string: false,
            string_is_key: false,
            escape: 0,
            scalar: 0,
            in_scalar: false,
            item: start,
        }
    }

    pub(super) fn advance(&mut self, text: &[u8]) -> Met {
        while let Some(byte) = text.get(self.at).copied() {
            crate::work::tick(1);
            let met = if self.in_string {
                self.string_byte(byte)
            } else if self.in_scalar && is_scalar(byte) {
                None
            } else {
                if self.in_scalar && !self.ends_scalar(text) {
                    return Met::Bad;
                }
                self.byte(byte)
            };
            if met == Some(Met::Bad) {
                return Met::Bad;
            }
            self.at += 1;
            if let Some(met) = met {
                return met;
            }
        }
        Met::More
    }

    fn string_byte(&mut self, byte: u8) -> Option<Met> {
        const FIRST: u8 = 5;
        match self.escape {
            FIRST => {
                self.escape = match byte {
                    b'u' => 4,
                    b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => 0,
                    _ => return Some(Met::Bad),
                };
            }
            0 => match byte {
                b'\\' => self.escape = FIRST,
                b'"' => {
                    self.in_string = false;
                    self.want = if self.string_is_key { Want::Colon } else { Want::CommaOrEnd };
                }
                0..=0x1f => return Some(Met::Bad),
                _ => {}
            },
            _ if byte.is_ascii_hexdigit() => self.escape -= 1,
            _ => return Some(Met::Bad),
        }
        None
    }

    /// Check the literal or number that ends before the cursor.
    fn ends_scalar(&mut self, text: &[u8]) -> bool {
        self.in_scalar = false;
        self.want = Want::CommaOrEnd;
        let raw = text.get(self.scalar..self.at).unwrap_or_default();
        crate::text::is_json(raw)
    }

    fn byte(&mut self, byte: u8) -> Option<Met> {
        if matches!(byte, b' ' | b'\n' | b'\t' | b'\r') {
            return None;
        }
        match (byte, self.want) {
            (b'{' | b'[', Want::Value | Want::ValueOrEnd) => return self.open(byte),
            (b'"', Want::Value | Want::ValueOrEnd) => self.open_string(false),
            (b'"', Want::Key | Want::KeyOrEnd) => self.open_string(true),
            (b'-' | b'0'..=b'9' | b't' | b'f' | b'n', Want::Value | Want::ValueOrEnd) => {
                if self.stack.is_empty() {
                    return Some(Met::Bad);
                }
                self.scalar = self.at;
                self.in_scalar = true;
            }
            (b':', Want::Colon) => self.want = Want::Value,
            (b',', Want::CommaOrEnd) => {
                self.want = if self.stack.last() == Some(&b'{') { Want::Key } else { Want::Value };
            }
            (b'}', Want::KeyOrEnd | Want::CommaOrEnd) if self.stack.last() == Some(&b'{') => {
                return self.close();
            }
            (b']', Want::ValueOrEnd | Want::CommaOrEnd) if self.stack.last() == Some(&b'[') => {
                return self.close();
            }
            _ => return Some(Met::Bad),
        }
        None
    }

    fn open(&mut self, byte: u8) -> Option<Met> {
        if self.stack.len() == 1 {
            self.item = self.at;
        }
        self.stack.push(byte);
        self.want = if byte == b'{' { Want::KeyOrEnd } else { Want::ValueOrEnd };
        (self.stack.len() > MAX_DEPTH).then_some(Met::Bad)
    }

    fn open_string(&mut self, is_key: bool) {
        self.in_string = true;
        self.string_is_key = is_key;
    }

    fn close(&mut self) -> Option<Met> {
        let closed = self.stack.pop();
        self.want = Want::CommaOrEnd;
        match self.stack.as_slice() {
            [] => Some(Met::End(self.at + 1)),
            [b'['] if closed == Some(b'{') => Some(Met::Item(self.item, self.at + 1)),
            _ => None,
        }
    }
}

fn is_scalar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.')
}

/// The first of some tokens after a position, as a search that goes on where it stopped.
#[derive(Debug)]
pub(super) struct Search {
    at: usize,
}

impl Search {
    pub(super) fn new(start: usize) -> Self {
        Self { at: start }
    }

    /// What is behind this byte holds no token.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// The token found and where it starts; `None` where none is there yet.
    pub(super) fn advance<'t>(
        &mut self,
        text: &str,
        tokens: &[&'t str],
        is_last: bool,
    ) -> Option<(usize, &'t str)> {
        while let Some(rest) = text.get(self.at..) {
            let next = rest
                .bytes()
                .position(|byte| tokens.iter().any(|token| token.as_bytes().first() == Some(&byte)));
            let Some(next) = next else {
                crate::work::tick(rest.len());
                self.at = text.len();
                return None;
            };
            crate::work::tick(next + 1);
            self.at += next;
            let here = text.get(self.at..).unwrap_or_default();
            if let Some(token) =
                tokens.iter().filter(|token| here.starts_with(**token)).max_by_key(|token| token.len())
            {
                return Some((self.at, token));
            }
            if !is_last && tokens.iter().any(|token| token.starts_with(here)) {
                return None;
            }
            self.at += here.chars().next().map_or(1, char::len_utf8);
        }
        None
    }
}

/// Whether a text starts with one of some tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Starts<'t> {
    With(&'t str),
    /// It may, once more of it is there.
    Maybe,
    No,
}

pub(super) fn starts<'t>(text: &str, at: usize, tokens: &[&'t str], is_last: bool) -> Starts<'t> {
    let rest = text.get(at..).unwrap_or_default();
    if let Some(token) =
        tokens.iter().filter(|token| rest.starts_with(**token)).max_by_key(|token| token.len())
    {
        return Starts::With(token);
    }
    if !is_last && tokens.iter().any(|token| token.starts_with(rest)) { Starts::Maybe } else { Starts::No }
}
