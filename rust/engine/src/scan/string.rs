//! JSON strings: where they end, and what they say.

use super::byte;
use super::lanes::plain_run;
use std::borrow::Cow;

/// What is known of a string after it was read once.
#[derive(Clone, Copy)]
pub struct StringEnd {
    /// The position of the closing quote.
    pub at: usize,
    /// Whether an escape stands in it.
    pub escaped: bool,
    /// Whether some byte of it, or near it, is not ASCII.
    pub high: bool,
}

/// Read a string whose content starts at `start`.
#[inline(always)]
pub fn string_end(text: &[u8], start: usize) -> Option<StringEnd> {
    let (at, high) = plain_run(text, start);
    match byte(text, at) {
        b'"' => Some(StringEnd { at, escaped: false, high }),
        b'\\' => escaped_end(text, at, high),
        _ => None,
    }
}

#[inline(never)]
fn escaped_end(text: &[u8], mut at: usize, mut high: bool) -> Option<StringEnd> {
    loop {
        match byte(text, at) {
            b'"' => return Some(StringEnd { at, escaped: true, high }),
            b'\\' => at = escape_end(text, at)?,
            _ => return None,
        }
        let (next, above) = plain_run(text, at);
        at = next;
        high |= above;
    }
}

/// The position behind the escape whose backslash is at `at`; lone surrogates are faults.
fn escape_end(text: &[u8], at: usize) -> Option<usize> {
    match byte(text, at + 1) {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(at + 2),
        b'u' => {
            let unit = code_unit(text, at + 2)?;
            match unit {
                0xD800..=0xDBFF => {
                    let low = low_half(text, at + 6)?;
                    (0xDC00..=0xDFFF).contains(&low).then_some(at + 12)
                }
                0xDC00..=0xDFFF => None,
                _ => Some(at + 6),
            }
        }
        _ => None,
    }
}

fn low_half(text: &[u8], at: usize) -> Option<u32> {
    if byte(text, at) == b'\\' && byte(text, at + 1) == b'u' { code_unit(text, at + 2) } else { None }
}

fn code_unit(text: &[u8], at: usize) -> Option<u32> {
    let digits = text.get(at..at + 4)?;
    digits.iter().try_fold(0, |unit, &digit| Some(unit * 16 + char::from(digit).to_digit(16)?))
}

/// The content of a string that was read before; None where it is not UTF-8.
pub fn decoded(raw: &[u8], escaped: bool) -> Option<Cow<'_, str>> {
    let plain = std::str::from_utf8(raw).ok()?;
    if !escaped {
        return Some(Cow::Borrowed(plain));
    }
    let mut out = String::with_capacity(plain.len());
    let mut rest = plain;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let at = plain.len() - after.len() - 1;
        let end = escape_end(raw, at)?;
        out.push(character(raw, at)?);
        rest = plain.get(end..)?;
    }
    out.push_str(rest);
    Some(Cow::Owned(out))
}

/// The character that the escape at `at` stands for.
fn character(raw: &[u8], at: usize) -> Option<char> {
    Some(match byte(raw, at + 1) {
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => {
            let unit = code_unit(raw, at + 2)?;
            let code = match low_half(raw, at + 6) {
                Some(low) if (0xD800..=0xDBFF).contains(&unit) => {
                    0x10000 + ((unit - 0xD800) << 10) + low.checked_sub(0xDC00)?
                }
                _ => unit,
            };
            char::from_u32(code)?
        }
        other => char::from(other),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<String> {
        let end = string_end(text.as_bytes(), 0)?;
        decoded(text.as_bytes().get(..end.at)?, end.escaped).map(Cow::into_owned)
    }

    #[test]
    fn strings_say_what_serde_reads() {
        let long = format!("{}\\n{}é\"", "a".repeat(40), "b".repeat(17));
        for text in
            ["\"", "a\"", "\\u0041\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\\ud83d\\ude00x\"", "é\u{1F600}\"", &long]
        {
            let expected: String = serde_json::from_str(&format!("\"{text}")).unwrap_or_default();
            assert_eq!(read(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn faults_are_faults() {
        for text in [
            "",
            "a",
            "\n\"",
            "\\x\"",
            "\\u12\"",
            "\\u12g4\"",
            "\\ud800\"",
            "\\udc00\"",
            "\\ud800\\u0041\"",
            "\\",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
