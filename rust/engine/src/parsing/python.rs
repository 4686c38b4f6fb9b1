//! Calls and literals as Python writes them: `f(x=1, y="a")`, `['a', None]`.

use crate::repair::{Value, is_number, joined};
use crate::scan::MAX_DEPTH;
use std::borrow::Cow;

/// A call that was read: its name, its keyword arguments, and those without a name.
#[derive(Debug, PartialEq)]
pub(super) struct PythonCall {
    pub(super) name: String,
    pub(super) named: Vec<(Cow<'static, str>, Value<'static>)>,
    pub(super) positional: Vec<Value<'static>>,
}

/// Read a text that is one call and nothing else.
pub(super) fn call(text: &str) -> Option<PythonCall> {
    let mut reader = Reader { text, at: 0, depth: 0 };
    let found = reader.call()?;
    reader.space();
    (reader.at == text.len()).then_some(found)
}

/// Read a text that is one literal and nothing else.
pub(super) fn literal(text: &str) -> Option<Value<'static>> {
    let mut reader = Reader { text, at: 0, depth: 0 };
    let value = reader.value()?;
    reader.space();
    (reader.at == text.len()).then_some(value)
}

/// Whether a text is a name that a tool may have, dots and dashes included.
pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_') && text.chars().all(is_name_char)
}

pub(super) fn is_name_char(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '-')
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        crate::work::tick(1);
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn take(&mut self, c: char) -> bool {
        self.space();
        let found = self.peek() == Some(c);
        if found {
            self.at += c.len_utf8();
        }
        found
    }

    fn space(&mut self) {
        loop {
            let rest = self.rest();
            self.at += rest.len() - rest.trim_start().len();
            if self.peek() != Some('#') {
                return;
            }
            let rest = self.rest();
            self.at += rest.find('\n').unwrap_or(rest.len());
        }
    }

    fn word(&mut self) -> String {
        let word: String = self.rest().chars().take_while(|c| is_name_char(*c)).collect();
        self.at += word.len();
        word
    }

    fn call(&mut self) -> Option<PythonCall> {
        self.space();
        let name = self.word();
        if !is_name(&name) || !self.take('(') {
            return None;
        }
        let mut call = PythonCall { name, named: Vec::new(), positional: Vec::new() };
        loop {
            if self.take(')') {
                return Some(call);
            }
            match self.keyword() {
                Some(key) => {
                    let value = self.value()?;
                    call.named.push((Cow::Owned(key), value));
                }
                None => call.positional.push(self.value()?),
            }
            if !self.take(',') {
                return self.take(')').then_some(call);
            }
        }
    }

    /// `key=`, but not `key==`.
    fn keyword(&mut self) -> Option<String> {
        self.space();
        let start = self.at;
        let word = self.word();
        if is_name(&word) && self.take('=') && self.peek() != Some('=') {
            return Some(word);
        }
        self.at = start;
        None
    }

    fn value(&mut self) -> Option<Value<'static>> {
        if self.depth >= MAX_DEPTH {
            return None;
        }
        self.depth += 1;
        self.space();
        let value = match self.peek()? {
            '[' => self.items('[', ']').map(Value::Array),
            '(' => self.tuple(),
            '{' => self.dict(),
            c if c.is_ascii_digit() || matches!(c, '-' | '+' | '.') => self.number(),
            _ => self.string_or_word(),
        };
        self.depth -= 1;
        value
    }

    fn items(&mut self, open: char, close: char) -> Option<Vec<Value<'static>>> {
        let mut items = Vec::new();
        self.take(open);
        loop {
            if self.take(close) {
                return Some(items);
            }
            items.push(self.value()?);
            if !self.take(',') {
                return self.take(close).then_some(items);
            }
        }
    }

    fn tuple(&mut self) -> Option<Value<'static>> {
        let start = self.at;
        let mut items = self.items('(', ')')?;
        let is_tuple =
            self.text.get(start..self.at).is_some_and(|raw| raw.trim_end_matches([')', ' ']).ends_with(','));
        if items.len() == 1 && !is_tuple {
            return items.pop();
        }
        Some(Value::Array(items))
    }

    fn dict(&mut self) -> Option<Value<'static>> {
        let mut members = Vec::new();
        let mut items = Vec::new();
        self.take('{');
        loop {
            if self.take('}') {
                break;
            }
            let key = self.value()?;
            if self.take(':') {
                let value = self.value()?;
                members.push((key.into_text(), value));
            } else {
                items.push(key);
            }
            if !self.take(',') {
                if self.take('}') {
                    break;
                }
                return None;
            }
        }
        match (members.is_empty(), items.is_empty()) {
            (_, true) => Some(Value::Object(members)),
            (true, false) => Some(Value::Array(items)),
            _ => None,
        }
    }

    fn number(&mut self) -> Option<Value<'static>> {
        let rest = self.rest();
        let mut end = 0;
        let mut last = ' ';
        for c in rest.chars() {
            let sign = matches!(c, '-' | '+') && (end == 0 || matches!(last, 'e' | 'E'));
            if !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_') || sign) {
                break;
            }
            end += 1;
            last = c;
        }
        let raw: String = rest.get(..end)?.chars().filter(|c| *c != '_').collect();
        let text = json_number(&raw)?;
        self.at += end;
        Some(Value::Number(Cow::Owned(text)))
    }

    fn string_or_word(&mut self) -> Option<Value<'static>> {
        let mut text = String::new();
        let mut found = false;
        while let Some(part) = self.string() {
            text.push_str(&part);
            found = true;
            self.space();
        }
        if found {
            return Some(Value::String(Cow::Owned(text)));
        }
        match self.word().as_str() {
            "True" | "true" => Some(Value::Bool(true)),
            "False" | "false" => Some(Value::Bool(false)),
            "None" | "null" | "none" => Some(Value::Null),
            _ => None,
        }
    }

    fn string(&mut self) -> Option<String> {
        let start = self.at;
        let prefix: String = self.rest().chars().take_while(char::is_ascii_alphabetic).take(3).collect();
        let quote = self.rest().chars().nth(prefix.len()).filter(|c| matches!(c, '"' | '\''));
        let lower = prefix.to_ascii_lowercase();
        let Some(quote) = quote.filter(|_| matches!(lower.as_str(), "" | "r" | "u" | "b" | "rb" | "br"))
        else {
            self.at = start;
            return None;
        };
        self.at += prefix.len();
        let triple: String = [quote; 3].iter().collect();
        let single = quote.to_string();
        let close = if self.rest().starts_with(&triple) { triple } else { single };
        self.at += close.len();
        let found = self.string_body(&close, lower.contains('r'));
        if found.is_none() {
            self.at = start;
        }
        found
    }

    fn string_body(&mut self, close: &str, is_raw: bool) -> Option<String> {
        let mut out = String::new();
        loop {
            if self.rest().starts_with(close) {
                self.at += close.len();
                return Some(out);
            }
            let c = self.peek()?;
            self.at += c.len_utf8();
            if c != '\\' || is_raw {
                out.push(c);
                continue;
            }
            let next = self.peek()?;
            self.at += next.len_utf8();
            self.escape(next, &mut out);
        }
    }

    fn escape(&mut self, c: char, out: &mut String) {
        match c {
            'n' => out.push('\n'),
            't' => out.push('\t'),
            'r' => out.push('\r'),
            'b' => out.push('\u{8}'),
            'f' => out.push('\u{c}'),
            '0' => out.push('\0'),
            '\n' => {}
            '\\' | '\'' | '"' => out.push(c),
            'x' | 'u' | 'U' => {
                let width = match c {
                    'x' => 2,
                    'u' => 4,
                    _ => 8,
                };
                match self.code_point(width) {
                    Some(point) => out.push(point),
                    None => out.extend(['\\', c]),
                }
            }
            other => out.extend(['\\', other]),
        }
    }

    fn code_point(&mut self, width: usize) -> Option<char> {
        let digits = self.rest().get(..width).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))?;
        let high = u32::from_str_radix(digits, 16).ok()?;
        self.at += width;
        if let Some(c) = char::from_u32(high) {
            return Some(c);
        }
        let low = self.rest().strip_prefix("\\u").and_then(|rest| rest.get(..4));
        let low = low.and_then(|low| u32::from_str_radix(low, 16).ok());
        let Some(joined) = low.and_then(|low| joined(high, low)) else { return Some('\u{fffd}') };
        self.at += 6;
        Some(joined)
    }
}

/// A Python number as JSON writes it.
fn json_number(raw: &str) -> Option<String> {
    let raw = raw.strip_prefix('+').unwrap_or(raw);
    let (sign, digits) = raw.strip_prefix('-').map_or(("", raw), |rest| ("-", rest));
    let lower = digits.to_ascii_lowercase();
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(rest) = lower.strip_prefix(prefix) {
            return i128::from_str_radix(rest, radix).ok().map(|number| format!("{sign}{number}"));
        }
    }
    let lead = if lower.starts_with('.') { "0" } else { "" };
    let mut body = lower.replacen(".e", ".0e", 1);
    if body.ends_with('.') {
        body.push('0');
    }
    let text = format!("{sign}{lead}{body}");
    is_number(&text).then_some(text)
}
