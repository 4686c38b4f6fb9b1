//! Strict JSON text (RFC 8259) to a value, with a bound on its nesting.

use crate::scan::{MAX_DEPTH, past_space, skip};
use serde::Deserialize;
use serde_json::Value;

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
/// of a double, nesting deeper than [`MAX_DEPTH`], and anything after the value.
pub fn read(text: &[u8]) -> Option<Document> {
    let depth = depth_of(text);
    if depth > MAX_DEPTH {
        return None;
    }
    let mut reader = serde_json::Deserializer::from_slice(text);
    reader.disable_recursion_limit();
    let value = Value::deserialize(&mut reader).ok()?;
    reader.end().ok()?;
    Some(Document { value, depth })
}

/// The deepest nesting in `text`, right for every text that is JSON.
fn depth_of(text: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0_usize);
    let (mut in_string, mut escaped) = (false, false);
    for &byte in text {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
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
