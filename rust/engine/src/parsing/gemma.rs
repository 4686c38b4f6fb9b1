//! The argument grammar of Gemma: bare keys, strings between `<|"|>` or `<escape>`.

use crate::repair::{Value, strict};
use std::borrow::Cow;

const QUOTES: [&str; 2] = ["<|\"|>", "<escape>"];

/// Read `{k:<|"|>v<|"|>,n:3}`.
pub(super) fn read(text: &str) -> Option<Value<'static>> {
    let mut reader = Reader { text, at: 0 };
    let value = reader.value(0)?;
    reader.space();
    (reader.at == text.len()).then_some(value)
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn take(&mut self, c: char) -> bool {
        self.space();
        let found = self.rest().starts_with(c);
        if found {
            self.at += c.len_utf8();
        }
        found
    }

    fn value(&mut self, depth: usize) -> Option<Value<'static>> {
        if depth >= crate::scan::MAX_DEPTH {
            return None;
        }
        self.space();
        if let Some(text) = self.quoted() {
            return Some(Value::String(Cow::Owned(text?)));
        }
        if self.take('{') {
            return self.object(depth);
        }
        if self.take('[') {
            return self.array(depth);
        }
        let rest = self.rest();
        let end = rest.find([',', '}', ']']).unwrap_or(rest.len());
        let raw = rest.get(..end)?.trim().to_owned();
        self.at += end;
        Some(strict::read(&raw).map(Value::into_owned).unwrap_or(Value::String(Cow::Owned(raw))))
    }

    /// A quoted string; `Some(None)` where it does not end.
    fn quoted(&mut self) -> Option<Option<String>> {
        let quote = QUOTES.into_iter().find(|quote| self.rest().starts_with(quote))?;
        self.at += quote.len();
        let Some(end) = self.rest().find(quote) else { return Some(None) };
        let text = self.rest().get(..end).map(str::to_owned);
        self.at += end + quote.len();
        Some(text)
    }

    fn object(&mut self, depth: usize) -> Option<Value<'static>> {
        let mut members = Vec::new();
        while !self.take('}') {
            self.space();
            let key = match self.quoted() {
                Some(key) => key?,
                None => {
                    let end = self.rest().find([':', '}', ','])?;
                    let key = self.rest().get(..end)?.trim().trim_matches('"').to_owned();
                    self.at += end;
                    key
                }
            };
            if !self.take(':') {
                return None;
            }
            members.push((Cow::Owned(key), self.value(depth + 1)?));
            if !self.take(',') {
                return self.take('}').then_some(Value::Object(members));
            }
        }
        Some(Value::Object(members))
    }

    fn array(&mut self, depth: usize) -> Option<Value<'static>> {
        let mut items = Vec::new();
        while !self.take(']') {
            items.push(self.value(depth + 1)?);
            if !self.take(',') {
                return self.take(']').then_some(Value::Array(items));
            }
        }
        Some(Value::Array(items))
    }
}
