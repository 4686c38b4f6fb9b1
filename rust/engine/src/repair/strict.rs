//! JSON exactly as RFC 8259 says it, in one pass.

use super::value::Value;
use std::borrow::Cow;

/// Values nested deeper than this are refused, so that no input can exhaust the stack.
pub const MAX_DEPTH: usize = 256;

/// Why a text is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is no JSON from this byte on.
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
    let mut reader = Reader { text, at: 0, lone: None };
    reader.space();
    let value = reader.value(0)?;
    reader.space();
    match reader.lone {
        _ if reader.at < text.len() => Err(Refusal::Syntax(reader.at)),
        Some(at) => Err(Refusal::LoneSurrogate(at)),
        None => Ok(value),
    }
}

/// Read the JSON value that starts at a byte; the end of it comes along.
pub fn read_at(text: &str, start: usize) -> Result<(Value<'_>, usize), Refusal> {
    let mut reader = Reader { text, at: start, lone: None };
    let value = reader.value(0)?;
    match reader.lone {
        Some(at) => Err(Refusal::LoneSurrogate(at)),
        None => Ok((value, reader.at)),
    }
}

/// Read the JSON string whose opening quote stands at a byte.
pub(super) fn read_string_at(text: &str, start: usize) -> Option<(Cow<'_, str>, usize)> {
    let mut reader = Reader { text, at: start + 1, lone: None };
    let value = reader.string().ok()?;
    reader.lone.is_none().then_some((value, reader.at))
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    lone: Option<usize>,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        crate::work::tick(1);
        self.text.as_bytes().get(self.at).copied()
    }

    fn wrong<T>(&self) -> Result<T, Refusal> {
        Err(Refusal::Syntax(self.at))
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value<'a>, Refusal> {
        match self.peek() {
            Some(b'"') => {
                self.at += 1;
                self.string().map(Value::String)
            }
            Some(b'{') if depth < MAX_DEPTH => self.object(depth + 1),
            Some(b'[') if depth < MAX_DEPTH => self.array(depth + 1),
            Some(b'{' | b'[') => Err(Refusal::TooDeep(self.at)),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.literal("true", Value::Bool(true)),
            Some(b'f') => self.literal("false", Value::Bool(false)),
            Some(b'n') => self.literal("null", Value::Null),
            _ => self.wrong(),
        }
    }

    fn literal(&mut self, word: &str, value: Value<'a>) -> Result<Value<'a>, Refusal> {
        if self.text.as_bytes().get(self.at..).is_some_and(|rest| rest.starts_with(word.as_bytes())) {
            self.at += word.len();
            return Ok(value);
        }
        self.wrong()
    }

    fn object(&mut self, depth: usize) -> Result<Value<'a>, Refusal> {
        self.at += 1;
        let mut members = Vec::new();
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Value::Object(members));
        }
        loop {
            if self.peek() != Some(b'"') {
                return self.wrong();
            }
            self.at += 1;
            let key = self.string()?;
            self.space();
            if self.peek() != Some(b':') {
                return self.wrong();
            }
            self.at += 1;
            self.space();
            let value = self.value(depth)?;
            members.push((key, value));
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                _ => return self.wrong(),
            }
            self.space();
        }
        self.at += 1;
        Ok(Value::Object(members))
    }

    fn array(&mut self, depth: usize) -> Result<Value<'a>, Refusal> {
        self.at += 1;
        let mut items = Vec::new();
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::Array(items));
        }
        loop {
            items.push(self.value(depth)?);
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                _ => return self.wrong(),
            }
            self.space();
        }
        self.at += 1;
        Ok(Value::Array(items))
    }

    fn number(&mut self) -> Result<Value<'a>, Refusal> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits()?,
            _ => return self.wrong(),
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(Value::Number(Cow::Borrowed(self.slice(start, self.at))))
    }

    fn digits(&mut self) -> Result<(), Refusal> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at > start { Ok(()) } else { self.wrong() }
    }

    fn slice(&self, start: usize, end: usize) -> &'a str {
        self.text.get(start..end).unwrap_or_default()
    }

    /// The rest of a string whose opening quote is behind us.
    fn string(&mut self) -> Result<Cow<'a, str>, Refusal> {
        let start = self.at;
        loop {
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => return self.escaped(start),
                Some(byte) if byte >= b' ' => self.at += 1,
                _ => return self.wrong(),
            }
        }
        let text = self.slice(start, self.at);
        self.at += 1;
        Ok(Cow::Borrowed(text))
    }

    fn escaped(&mut self, start: usize) -> Result<Cow<'a, str>, Refusal> {
        let mut out = String::from(self.slice(start, self.at));
        loop {
            let plain = self.at;
            while self.peek().is_some_and(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') {
                self.at += 1;
            }
            out.push_str(self.slice(plain, self.at));
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => out.push(self.escape()?),
                _ => return self.wrong(),
            }
        }
        self.at += 1;
        Ok(Cow::Owned(out))
    }

    fn escape(&mut self) -> Result<char, Refusal> {
        let at = self.at;
        self.at += 2;
        let simple = match self.text.as_bytes().get(at + 1) {
            Some(b'n') => '\n',
            Some(b't') => '\t',
            Some(b'r') => '\r',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(byte @ (b'"' | b'\\' | b'/')) => char::from(*byte),
            Some(b'u') => return self.unicode(at),
            _ => return Err(Refusal::Syntax(at)),
        };
        Ok(simple)
    }

    fn unicode(&mut self, at: usize) -> Result<char, Refusal> {
        let Some(first) = hex4(self.text, self.at) else { return Err(Refusal::Syntax(at)) };
        self.at += 4;
        if let Some(c) = char::from_u32(first) {
            return Ok(c);
        }
        let rest = self.text.as_bytes().get(self.at..self.at + 2);
        if first < 0xDC00 && rest == Some(b"\\u") {
            let second = hex4(self.text, self.at + 2);
            if let Some(c) = second.and_then(|second| joined(first, second)) {
                self.at += 6;
                return Ok(c);
            }
        }
        self.lone.get_or_insert(at);
        Ok('\u{fffd}')
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
pub(super) fn joined(high: u32, low: u32) -> Option<char> {
    if (0xD800..0xDC00).contains(&high) && (0xDC00..0xE000).contains(&low) {
        char::from_u32(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))
    } else {
        None
    }
}
