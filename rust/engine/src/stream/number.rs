//! What the beginning of a number can still become.
//!
//! More digits and an exponent may follow, so that `15` can become 1.5 or 1500: of a number with a
//! few digits it is only certain how its digits begin. Numbers are judged as doubles, as the
//! verdict does; beyond fifteen digits rounding would matter, and nothing is said until the end.

use crate::program::{INTEGER, NUMBER, Node};
use crate::run::number_holds;
use crate::scan::Number;

const MOST_DIGITS: usize = 15;
/// Powers of ten beyond which a double is zero or infinite, for numbers of few digits.
const MOST_POWER: i32 = 400;

/// Whether any number can satisfy the node.
pub fn viable_start(node: &Node) -> bool {
    viable(node, None, b"") || viable(node, None, b"-")
}

/// Whether a number that begins with `text` may satisfy the node.
pub fn viable(node: &Node, options: Option<&[Number]>, text: &[u8]) -> bool {
    let (negative, rest) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        _ => (false, text),
    };
    let only_digits = node.is_draft_4 && node.types & NUMBER == INTEGER;
    if only_digits && rest.iter().any(|byte| !byte.is_ascii_digit()) {
        return false;
    }
    let mut parts = rest.splitn(2, |byte| matches!(byte, b'e' | b'E'));
    let mantissa = parts.next().unwrap_or_default();
    if let Some(exponent) = parts.next() {
        let mut whole = text.get(..text.len() - exponent.len() - 1).unwrap_or_default().to_vec();
        whole.push(b'e');
        return with_exponent(node, &whole, exponent);
    }
    let digits: Vec<u8> = mantissa.iter().copied().filter(u8::is_ascii_digit).collect();
    let zeros = digits.iter().take_while(|&&digit| digit == b'0').count();
    let digits = digits.get(zeros..).unwrap_or_default();
    if digits.len() > MOST_DIGITS {
        return true;
    }
    if let Some(options) = options {
        return options.iter().any(|&option| begins(option, negative, digits));
    }
    let Some((low, high)) = magnitudes(node, negative) else { return false };
    let is_zero = rest == b"0" && only_digits;
    if is_zero {
        return low <= 0.0;
    }
    // However the digits begin, a small enough exponent makes the number zero.
    let shrinks = !only_digits || digits.is_empty();
    if low <= 0.0 && shrinks || high == f64::INFINITY {
        return true;
    }
    let whole = node.types & NUMBER == INTEGER;
    if digits.is_empty() {
        return !whole || low.ceil() <= high;
    }
    reaches(digits, low, high, whole, only_digits)
}

/// Whether a number whose digits begin with `digits` lies between the bounds.
fn reaches(digits: &[u8], low: f64, high: f64, whole: bool, only_digits: bool) -> bool {
    let first: u64 = digits.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
    let scaled =
        |digits: u64, power: i32| format!("{digits}e{power}").parse::<f64>().unwrap_or(f64::INFINITY);
    let start = if low > 0.0 { (low.log10() - (first as f64 + 1.0).log10()).floor() as i32 - 1 } else { 0 };
    let start = if only_digits { start.max(0) } else { start };
    for power in start..=MOST_POWER {
        let from = scaled(first, power).max(low);
        if from > high {
            return false;
        }
        let to = scaled(first + 1, power).min(high);
        if from <= to && (!whole || from.ceil() <= to) {
            return true;
        }
    }
    false
}

/// The bounds of the absolute value, both inclusive; None where there is none of that sign.
fn magnitudes(node: &Node, negative: bool) -> Option<(f64, f64)> {
    let (mut low, mut high) = (f64::NEG_INFINITY, f64::INFINITY);
    if let Some(rule) = &node.number {
        let rounded = |number: Number| match number {
            Number::Int(whole) => whole as f64,
            Number::Float(float) => float,
        };
        low = rule.minimum.map_or(low, |limit| low.max(rounded(limit)));
        low = rule.above.map_or(low, |limit| low.max(after(limit, 1)));
        high = rule.maximum.map_or(high, |limit| high.min(rounded(limit)));
        high = rule.below.map_or(high, |limit| high.min(after(limit, -1)));
    }
    let (low, high) = if negative { (-high, -low) } else { (low, high) };
    (low <= high && high >= 0.0).then_some((low.max(0.0), high))
}

/// The nearest double beyond a limit that must not be reached.
fn after(limit: Number, direction: i32) -> f64 {
    let float = match limit {
        // Not every integer is a double: then the limit itself is as near as it gets.
        Number::Int(whole) if whole.unsigned_abs() > 1 << 53 => return whole as f64,
        Number::Int(whole) => whole as f64,
        Number::Float(float) => float,
    };
    if direction > 0 { float.next_up() } else { float.next_down() }
}

/// Whether the digits of an option begin with these.
fn begins(option: Number, negative: bool, digits: &[u8]) -> bool {
    let (sign, size) = match option.plain() {
        Number::Int(whole) => (whole < 0, whole.unsigned_abs().to_string()),
        Number::Float(float) => (float < 0.0, format!("{:?}", float.abs())),
    };
    let size = size.split('e').next().unwrap_or_default().replace('.', "");
    let own = size.trim_start_matches('0').as_bytes();
    if own.is_empty() {
        // Any number is zero with a small enough exponent.
        return true;
    }
    // Numbers just below the option round to it, so the digits before it will do as well.
    let padded = |number: u128| format!("{number}").into_bytes();
    let value: u128 = std::str::from_utf8(own).ok().and_then(|own| own.parse().ok()).unwrap_or(0);
    let near = [
        padded(value * 1_000_000_000_000_000_000),
        padded((value * 1_000_000_000_000_000_000).saturating_sub(1)),
    ];
    sign == negative && (digits.is_empty() || near.iter().any(|own| own.starts_with(digits)))
}

/// Whether some exponent that begins with `exponent` makes the number satisfy the node.
fn with_exponent(node: &Node, mantissa: &[u8], exponent: &[u8]) -> bool {
    let (signs, digits): (&[i32], &[u8]) = match exponent.split_first() {
        None => (&[1, -1], exponent),
        Some((b'-', digits)) => (&[-1], digits),
        Some((b'+', digits)) => (&[1], digits),
        Some(_) => (&[1], exponent),
    };
    let length = i32::try_from(mantissa.len()).unwrap_or(i32::MAX - MOST_POWER);
    if length > 64 {
        return true;
    }
    let most = MOST_POWER + length;
    let written = digits
        .iter()
        .fold(0_i32, |sum, digit| sum.saturating_mul(10).saturating_add(i32::from(digit - b'0')));
    let (mut first, mut last) = (written, written);
    if digits.is_empty() {
        (first, last) = (0, most);
    }
    let mut text = mantissa.to_vec();
    // The exponent itself, or with more digits; beyond `most` all of them mean the same.
    loop {
        for power in first.min(most)..=last.min(most) {
            for &sign in signs {
                text.truncate(mantissa.len());
                text.extend((sign * power).to_string().into_bytes());
                let finite = std::str::from_utf8(&text)
                    .is_ok_and(|text| text.parse::<f64>().is_ok_and(f64::is_finite));
                if finite && number_holds(node, &text) {
                    return true;
                }
            }
        }
        if first >= most || digits.is_empty() {
            return false;
        }
        (first, last) = if first == 0 && last == 0 {
            (1, most)
        } else {
            (first.saturating_mul(10), last.saturating_mul(10).saturating_add(9))
        };
    }
}
