//! Numbers as people and languages write them, and the words that only begin like one.

use super::edits::Rule;
use super::marks::is_space;
use super::parser::{Parser, Place};
use super::value::Value;
use crate::scan::number_end;
use std::borrow::Cow;

impl<'a> Parser<'a> {
    pub(super) fn number(&mut self) -> Option<Value<'a>> {
        let start = self.at;
        let edits = self.edits.len();
        let end = self.number_end(start);
        self.at = end;
        if self.peek().is_some_and(|c| c.is_alphabetic() || c == '_') {
            return self.word_that_starts_as_number(start, end);
        }
        let raw = self.slice(start, end);
        if has_leading_zero(raw) && raw.ends_with(['e', 'E']) {
            self.edit(start, end, Rule::NumberAsString);
            return Some(Value::text(raw));
        }
        let text = raw.trim_end_matches(['+', '-', 'e', 'E', '/', ',']);
        let comma = raw.ends_with(',') && text.len() + 1 == raw.len();
        self.at = start + text.len();
        if !comma && text.len() < raw.len() {
            self.at = end;
            self.edit(self.at - (raw.len() - text.len()), end, Rule::TruncatedNumber);
        }
        if text.is_empty() {
            if self.place() == Some(Place::Item) || raw.starts_with(',') {
                return None;
            }
            return Some(Value::integer(0));
        }
        let value = self.number_of(text, start);
        if value.is_none() {
            self.edits.truncate(edits);
        }
        value
    }

    fn number_end(&self, start: usize) -> usize {
        let in_array = self.place() == Some(Place::Item);
        let bytes = self.text.as_bytes();
        let mut at = start;
        while let Some(byte) = bytes.get(at) {
            let fits = match byte {
                b'0'..=b'9' | b'-' | b'.' | b'e' | b'E' | b'_' => true,
                b'/' => !matches!(bytes.get(at + 1), Some(b'/' | b'*')),
                b'+' => at == start || matches!(bytes.get(at - 1), Some(b'e' | b'E')),
                b',' => !in_array && !self.key_follows(at + 1),
                _ => false,
            };
            if !fits {
                break;
            }
            at += 1;
        }
        at
    }

    /// `1,2:3`: whether the digits after a comma are the next key.
    fn key_follows(&self, at: usize) -> bool {
        let rest = self.slice(at, self.text.len().min(at + 32));
        let word = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        word.len() < rest.len() && word.trim_start_matches(is_space).starts_with(':')
    }

    fn word_that_starts_as_number(&mut self, start: usize, end: usize) -> Option<Value<'a>> {
        self.at = start;
        if self.peek().is_some_and(char::is_alphanumeric) {
            return self.string();
        }
        // A sign or dots before a word: they are no part of it.
        self.at = end;
        let dots = self.slice(start, end);
        if dots.chars().all(|c| c == '.') {
            self.edit(start, end, Rule::Ellipsis);
            return Some(Value::text("...")).filter(|_| dots == "...");
        }
        self.edit(start, end, Rule::StrayText);
        self.string()
    }

    fn number_of(&mut self, text: &'a str, start: usize) -> Option<Value<'a>> {
        if is_json(text) {
            return Some(Value::Number(Cow::Borrowed(text)));
        }
        let end = start + text.len();
        if text == "..." {
            return Some(Value::text(text));
        }
        let digits: String = text.chars().filter(|c| *c != '_').collect();
        if digits.contains(',') || !digits.contains(|c: char| c.is_ascii_digit()) {
            self.edit(start, end, Rule::NumberAsString);
            return Some(Value::String(Cow::Owned(digits)));
        }
        let mended = mended(&digits);
        if is_json(&mended) {
            self.edit(start, end, Rule::NumberFormat);
            return Some(Value::Number(Cow::Owned(mended)));
        }
        self.edit(start, end, Rule::NumberAsString);
        Some(Value::String(Cow::Owned(digits)))
    }
}

/// `.5`, `5.`, `+5` as JSON writes them.
fn mended(digits: &str) -> String {
    let digits = digits.strip_prefix('+').unwrap_or(digits);
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |rest| ("-", rest));
    let lead = if digits.starts_with('.') { "0" } else { "" };
    let body = digits.replacen(".e", ".0e", 1).replacen(".E", ".0E", 1);
    let tail = if body.ends_with('.') { "0" } else { "" };
    format!("{sign}{lead}{body}{tail}")
}

/// `05`: digits that are a code, and no number.
fn has_leading_zero(text: &str) -> bool {
    text.strip_prefix('0').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// Whether a text is a JSON number.
pub(crate) fn is_json(text: &str) -> bool {
    number_end(text.as_bytes(), 0) == Some(text.len())
}
