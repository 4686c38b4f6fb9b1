//! Strict JSON text (RFC 8259) to a value, with a bound on its nesting.

use crate::scan::{
    MAX_DEPTH, Number, byte, decoded, number_end, number_in, past_space, skip, string_end, word_end,
};
use serde_json::{Map, Value};

/// A value and how deep it nests.
pub struct Document {
    pub value: Value,
    pub depth: usize,
}

/// Whether the text is JSON, as strictly as [`read`] has it.
pub fn is_json(text: &[u8]) -> bool {
    let mut high = false;
    let end = skip(text, past_space(text, 0), 0, &mut high);
    let whole = end.is_some_and(|end| past_space(text, end) == text.len());
    whole && (!high || std::str::from_utf8(text).is_ok())
}

/// Read JSON text; None where it is no JSON.
///
/// No JSON is also: invalid UTF-8, NaN and infinities, lone surrogates, a number beyond the range
/// of a double, nesting deeper than [`MAX_DEPTH`], and anything after the value. Integers keep all
/// their digits, other numbers are doubles. Of repeated names the last counts.
pub fn read(text: &[u8]) -> Option<Document> {
    let mut reader = Reader { text, depth: 0, deepest: 0 };
    let (value, end) = reader.value(past_space(text, 0))?;
    (past_space(text, end) == text.len()).then_some(Document { value, depth: reader.deepest })
}

struct Reader<'t> {
    text: &'t [u8],
    depth: usize,
    deepest: usize,
}

impl Reader<'_> {
    /// The value at `at`, and the position behind it.
    fn value(&mut self, at: usize) -> Option<(Value, usize)> {
        let text = self.text;
        match byte(text, at) {
            b'"' => self.string(at).map(|(string, end)| (Value::String(string), end)),
            open @ (b'[' | b'{') => {
                self.depth += 1;
                self.deepest = self.deepest.max(self.depth);
                if self.depth > MAX_DEPTH {
                    return None;
                }
                let read = if open == b'[' { self.array(at + 1) } else { self.object(at + 1) };
                self.depth -= 1;
                read
            }
            b'-' | b'0'..=b'9' => {
                let end = number_end(text, at)?;
                Some((Value::Number(number_of(text.get(at..end)?)?), end))
            }
            b't' => Some((Value::Bool(true), word_end(text, at, b"true")?)),
            b'f' => Some((Value::Bool(false), word_end(text, at, b"false")?)),
            b'n' => Some((Value::Null, word_end(text, at, b"null")?)),
            _ => None,
        }
    }

    fn string(&self, at: usize) -> Option<(String, usize)> {
        let end = string_end(self.text, at + 1)?;
        let words = decoded(self.text.get(at + 1..end.at)?, end.escaped)?;
        Some((words.into_owned(), end.at + 1))
    }

    fn array(&mut self, start: usize) -> Option<(Value, usize)> {
        let mut items = Vec::new();
        let mut at = past_space(self.text, start);
        if byte(self.text, at) == b']' {
            return Some((Value::Array(items), at + 1));
        }
        loop {
            let (item, end) = self.value(at)?;
            items.push(item);
            at = past_space(self.text, end);
            match byte(self.text, at) {
                b',' => at = past_space(self.text, at + 1),
                b']' => return Some((Value::Array(items), at + 1)),
                _ => return None,
            }
        }
    }

    fn object(&mut self, start: usize) -> Option<(Value, usize)> {
        let mut members = Map::new();
        let mut at = past_space(self.text, start);
        if byte(self.text, at) == b'}' {
            return Some((Value::Object(members), at + 1));
        }
        loop {
            if byte(self.text, at) != b'"' {
                return None;
            }
            let (name, end) = self.string(at)?;
            at = past_space(self.text, end);
            if byte(self.text, at) != b':' {
                return None;
            }
            let (value, end) = self.value(past_space(self.text, at + 1))?;
            members.insert(name, value);
            at = past_space(self.text, end);
            match byte(self.text, at) {
                b',' => at = past_space(self.text, at + 1),
                b'}' => return Some((Value::Object(members), at + 1)),
                _ => return None,
            }
        }
    }
}

fn number_of(digits: &[u8]) -> Option<serde_json::Number> {
    let text = std::str::from_utf8(digits).ok()?;
    match number_in(digits) {
        Number::Int(_) | Number::Big(_) if text != "-0" => {
            Some(serde_json::Number::from_string_unchecked(text.to_owned()))
        }
        _ => serde_json::Number::from_f64(text.parse().ok()?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(depth: usize) -> Vec<u8> {
        [vec![b'['; depth], vec![b']'; depth]].concat()
    }

    #[test]
    fn nesting_is_read_up_to_the_bound_and_no_deeper() {
        assert_eq!(read(&nested(MAX_DEPTH)).map(|read| read.depth), Some(MAX_DEPTH));
        assert!(read(&nested(MAX_DEPTH + 1)).is_none());
        assert!(read(&[b'['; 1_000_000]).is_none());
    }

    #[test]
    fn brackets_inside_strings_do_not_nest() {
        let text = format!("[\"{}\\\"[\"]", "[{".repeat(200));
        assert_eq!(read(text.as_bytes()).map(|read| read.depth), Some(1));
    }

    #[test]
    fn what_is_no_json_is_refused() {
        let texts: [&[u8]; 12] = [
            b"",
            b" ",
            b"{",
            b"NaN",
            b"-Infinity",
            b"1e400",
            b"\xff",
            b"\"\\ud800\"",
            b"1 2",
            b"'a'",
            b"[1,]",
            b"\xef\xbb\xbf1",
        ];
        for text in texts {
            assert!(read(text).is_none() && !is_json(text), "{text:?}");
        }
    }
}
