//! One spelling for all texts of equal values: for `const`, `enum`, `uniqueItems`.

use crate::scan::{Number, byte, decoded, number_end, number_in, past_space, string_end};
use serde_json::Value;

/// The canonical form of a value.
pub fn canonical_of(value: &Value) -> Option<Vec<u8>> {
    let text = value.to_string();
    let mut out = Vec::with_capacity(text.len());
    write(text.as_bytes(), 0, &mut out)?;
    Some(out)
}

/// Append the canonical form of the JSON value at `at`; return the position behind it.
///
/// The text is JSON that was read before: nesting is bounded. None only where it is not UTF-8.
/// White space goes, names are sorted (of equal ones the last counts), numbers and strings get
/// one spelling each.
pub fn write(text: &[u8], at: usize, out: &mut Vec<u8>) -> Option<usize> {
    match byte(text, at) {
        b'"' => {
            let end = string_end(text, at + 1)?;
            write_string(&decoded(text.get(at + 1..end.at)?, end.escaped)?, out);
            Some(end.at + 1)
        }
        b'{' => write_object(text, at + 1, out),
        b'[' => write_array(text, at + 1, out),
        b'-' | b'0'..=b'9' => {
            let end = number_end(text, at)?;
            write_number(number_in(text.get(at..end)?), out);
            Some(end)
        }
        letter @ (b't' | b'f' | b'n') => {
            out.push(letter);
            Some(at + if letter == b'f' { 5 } else { 4 })
        }
        _ => None,
    }
}

pub fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text.as_bytes());
}

fn write_number(number: Number<'_>, out: &mut Vec<u8>) {
    if let Number::Float(float) = number
        && float.fract() != 0.0
    {
        out.push(b'd');
        out.extend(float.to_le_bytes());
        return;
    }
    // Whatever is whole has one spelling, and no other starts with a digit or a minus.
    out.extend(number.spelling().into_bytes());
    out.push(b'.');
}

fn write_array(text: &[u8], at: usize, out: &mut Vec<u8>) -> Option<usize> {
    out.push(b'[');
    let mut at = past_space(text, at);
    while byte(text, at) != b']' {
        at = past_space(text, write(text, at, out)?);
        if byte(text, at) == b',' {
            at = past_space(text, at + 1);
        }
    }
    out.push(b']');
    Some(at + 1)
}

fn write_object(text: &[u8], at: usize, out: &mut Vec<u8>) -> Option<usize> {
    let mut found: Vec<(String, Vec<u8>)> = Vec::new();
    let mut at = past_space(text, at);
    while byte(text, at) != b'}' {
        let end = string_end(text, at + 1)?;
        let name = decoded(text.get(at + 1..end.at)?, end.escaped)?.into_owned();
        let colon = past_space(text, end.at + 1);
        let mut value = Vec::new();
        at = past_space(text, write(text, past_space(text, colon + 1), &mut value)?);
        found.push((name, value));
        if byte(text, at) == b',' {
            at = past_space(text, at + 1);
        }
    }
    found.sort_by(|left, right| left.0.cmp(&right.0));
    out.push(b'{');
    for (number, (name, value)) in found.iter().enumerate() {
        if found.get(number + 1).is_none_or(|next| next.0 != *name) {
            write_string(name, out);
            out.extend(value);
        }
    }
    out.push(b'}');
    Some(at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(text: &str) -> Vec<u8> {
        let mut out = Vec::new();
        assert_eq!(write(text.as_bytes(), 0, &mut out), Some(text.len()));
        out
    }

    #[test]
    fn equal_values_have_one_form() {
        for (left, right) in [
            ("1", "1.0"),
            ("100", "1e2"),
            ("0", "-0.0"),
            ("0", "-0"),
            ("18446744073709551616", "18446744073709551616.0"),
            ("1e2", "1E+02"),
            (r#""a""#, r#""\u0061""#),
            ("[ 1 , 2 ]", "[1,2]"),
            (r#"{"a":1,"b":2}"#, r#"{ "b" : 2.0, "a":1 }"#),
            (r#"{"a":1,"a":2}"#, r#"{"a":2}"#),
        ] {
            assert_eq!(form(left), form(right), "{left} {right}");
        }
    }

    #[test]
    fn different_values_have_different_forms() {
        let (wide, wider) = (format!("1{}", "0".repeat(299)), format!("1{}1", "0".repeat(299)));
        let texts: [&str; 22] = [
            "1",
            "true",
            "false",
            "null",
            r#""1""#,
            "[1]",
            "[[1]]",
            "[]",
            "{}",
            r#"{"a":1}"#,
            r#"["a",1]"#,
            r#"["ab","c"]"#,
            r#"["a","bc"]"#,
            "1.5",
            "9007199254740993",
            "9007199254740992",
            "1e300",
            "18446744073709551616",
            "18446744073709551617",
            &wide,
            &wider,
            "12",
        ];
        for left in texts {
            for right in texts {
                assert_eq!(form(left) == form(right), left == right, "{left} {right}");
            }
        }
    }
}
