//! JSON exactly as RFC 8259 says it, to a value, in one pass.

use super::value::Value;
use crate::scan::{MAX_DEPTH, byte, decoded, number_end, past_space, string_end, word_end};
use std::borrow::Cow;

/// Why a text is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is no JSON from this byte on, or from a little before it.
    Syntax(usize),
    /// It may be JSON, but nests deeper than [`MAX_DEPTH`].
    TooDeep(usize),
    /// It is JSON, but a string holds half of a surrogate pair, which Rust cannot hold.
    LoneSurrogate(usize),
}

impl Refusal {
    /// The byte the reader had reached.
    pub fn at(self) -> usize {
        match self {
            Refusal::Syntax(at) | Refusal::TooDeep(at) | Refusal::LoneSurrogate(at) => at,
        }
    }
}

/// Read a text that is one JSON value and nothing else.
pub fn read(text: &str) -> Result<Value<'_>, Refusal> {
    let start = past_space(text.as_bytes(), 0);
    let (value, end) = read_at(text, start, 0)?;
    let end = past_space(text.as_bytes(), end);
    if end < text.len() { Err(Refusal::Syntax(end)) } else { Ok(value) }
}

/// Read the JSON value that starts at a byte, inside of `depth` containers; its end comes along.
pub fn read_at(text: &str, start: usize, depth: usize) -> Result<(Value<'_>, usize), Refusal> {
    let mut reader = Reader { text, at: start, lone: None };
    let value = reader.value(depth);
    crate::work::tick(reader.at.saturating_sub(start));
    match (value, reader.lone) {
        (Err(refusal), _) => Err(refusal),
        (Ok(_), Some(at)) => Err(Refusal::LoneSurrogate(at)),
        (Ok(value), None) => Ok((value, reader.at)),
    }
}

/// Read the JSON string whose opening quote stands at a byte.
pub(super) fn read_string_at(text: &str, start: usize) -> Option<(Cow<'_, str>, usize)> {
    let end = string_end(text.as_bytes(), start + 1)?;
    crate::work::tick(end.at - start);
    let content = decoded(text.as_bytes().get(start + 1..end.at)?, end.escaped)?;
    Some((content, end.at + 1))
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    lone: Option<usize>,
}

impl<'a> Reader<'a> {
    fn here(&self) -> u8 {
        byte(self.text.as_bytes(), self.at)
    }

    fn space(&mut self) {
        self.at = past_space(self.text.as_bytes(), self.at);
    }

    fn wrong<T>(&self) -> Result<T, Refusal> {
        Err(Refusal::Syntax(self.at))
    }

    fn value(&mut self, depth: usize) -> Result<Value<'a>, Refusal> {
        match self.here() {
            b'"' => self.string().map(Value::String),
            b'{' | b'[' if depth >= MAX_DEPTH => Err(Refusal::TooDeep(self.at)),
            b'{' => self.object(depth + 1),
            b'[' => self.array(depth + 1),
            b'-' | b'0'..=b'9' => self.number(),
            b't' => self.word(b"true", Value::Bool(true)),
            b'f' => self.word(b"false", Value::Bool(false)),
            b'n' => self.word(b"null", Value::Null),
            _ => self.wrong(),
        }
    }

    fn word(&mut self, word: &[u8], value: Value<'a>) -> Result<Value<'a>, Refusal> {
        let Some(end) = word_end(self.text.as_bytes(), self.at, word) else { return self.wrong() };
        self.at = end;
        Ok(value)
    }

    fn number(&mut self) -> Result<Value<'a>, Refusal> {
        let Some(end) = number_end(self.text.as_bytes(), self.at) else { return self.wrong() };
        let digits = self.text.get(self.at..end).unwrap_or_default();
        self.at = end;
        Ok(Value::Number(Cow::Borrowed(digits)))
    }

    fn object(&mut self, depth: usize) -> Result<Value<'a>, Refusal> {
        let mut members = Vec::new();
        self.at += 1;
        self.space();
        if self.here() == b'}' {
            self.at += 1;
            return Ok(Value::Object(members));
        }
        loop {
            if self.here() != b'"' {
                return self.wrong();
            }
            let key = self.string()?;
            self.space();
            if self.here() != b':' {
                return self.wrong();
            }
            self.at += 1;
            self.space();
            members.push((key, self.value(depth)?));
            self.space();
            match self.here() {
                b',' => self.at += 1,
                b'}' => break,
                _ => return self.wrong(),
            }
            self.space();
        }
        self.at += 1;
        Ok(Value::Object(members))
    }

    fn array(&mut self, depth: usize) -> Result<Value<'a>, Refusal> {
        let mut items = Vec::new();
        self.at += 1;
        self.space();
        if self.here() == b']' {
            self.at += 1;
            return Ok(Value::Array(items));
        }
        loop {
            items.push(self.value(depth)?);
            self.space();
            match self.here() {
                b',' => self.at += 1,
                b']' => break,
                _ => return self.wrong(),
            }
            self.space();
        }
        self.at += 1;
        Ok(Value::Array(items))
    }

    fn string(&mut self) -> Result<Cow<'a, str>, Refusal> {
        match read_string_at(self.text, self.at) {
            Some((text, end)) => {
                self.at = end;
                Ok(text)
            }
            None => self.odd_string(),
        }
    }

    /// A string that is no JSON, or holds half of a surrogate pair: what it says is of no use.
    #[cold]
    fn odd_string(&mut self) -> Result<Cow<'a, str>, Refusal> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.here() {
                b'"' => break,
                b'\\' if self.escape_is_known() => self.at += 2,
                b'\\' | 0..b' ' => return self.wrong(),
                _ => self.at += 1,
            }
        }
        self.at += 1;
        self.lone.get_or_insert(start);
        Ok(Cow::Borrowed(""))
    }

    fn escape_is_known(&self) -> bool {
        match byte(self.text.as_bytes(), self.at + 1) {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => true,
            b'u' => hex4(self.text, self.at + 2).is_some(),
            _ => false,
        }
    }
}

/// Four hexadecimal digits.
pub(super) fn hex4(text: &str, at: usize) -> Option<u32> {
    let digits = text.get(at..at + 4)?;
    if digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        u32::from_str_radix(digits, 16).ok()
    } else {
        None
    }
}

/// The character that two surrogates stand for.
pub(crate) fn joined(high: u32, low: u32) -> Option<char> {
    if (0xD800..0xDC00).contains(&high) && (0xDC00..0xE000).contains(&low) {
        char::from_u32(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))
    } else {
        None
    }
}
