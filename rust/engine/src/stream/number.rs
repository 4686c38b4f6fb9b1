//! What the beginning of a number can still become.
//!
//! More digits and an exponent may follow, so that `15` can become 1.5 or 1500: of a number with a
//! few digits it is only certain how its digits begin. Numbers are judged as doubles, as the
//! verdict does; beyond fifteen digits rounding would matter, and nothing is said until the end.

use crate::program::{INTEGER, NUMBER, Node};
use crate::run::number_holds;
use crate::scan::{Limit, Number};

const MOST_DIGITS: usize = 15;
/// Powers of ten beyond which a double is zero or infinite, for numbers of few digits.
const MOST_POWER: i32 = 400;

/// Whether any number can satisfy the node.
pub fn viable_start(node: &Node) -> bool {
    viable(node, None, b"") || viable(node, None, b"-")
}

/// Whether a number that begins with `text` may satisfy the node.
pub fn viable(node: &Node, options: Option<&[Limit]>, text: &[u8]) -> bool {
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
        return options.iter().any(|option| begins(option.number(), negative, digits));
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
        low = rule.minimum.as_ref().map_or(low, |limit| low.max(near(limit.number(), -1)));
        low = rule.above.as_ref().map_or(low, |limit| low.max(after(limit.number(), 1)));
        high = rule.maximum.as_ref().map_or(high, |limit| high.min(near(limit.number(), 1)));
        high = rule.below.as_ref().map_or(high, |limit| high.min(after(limit.number(), -1)));
    }
    let (low, high) = if negative { (-high, -low) } else { (low, high) };
    (low <= high && high >= 0.0).then_some((low.max(0.0), high))
}

/// The limit as a double; where it is none, the next one outward.
fn near(limit: Number<'_>, outward: i32) -> f64 {
    let float = limit.rounded();
    match limit {
        Number::Float(_) => float,
        Number::Int(whole) if whole.unsigned_abs() <= 1 << 53 => float,
        _ if outward > 0 => float.next_up(),
        _ => float.next_down(),
    }
}

/// The nearest double beyond a limit that must not be reached.
fn after(limit: Number<'_>, direction: i32) -> f64 {
    let float = near(limit, -direction);
    match limit {
        // Not every integer is a double: then the limit itself is as near as it gets.
        Number::Big(_) => float,
        Number::Int(whole) if whole.unsigned_abs() > 1 << 53 => float,
        _ if direction > 0 => float.next_up(),
        _ => float.next_down(),
    }
}

/// Whether the digits of an option begin with these.
fn begins(option: Number<'_>, negative: bool, digits: &[u8]) -> bool {
    let size = option.rounded().abs();
    if size < f64::MIN_POSITIVE {
        // Any number is zero with a small enough exponent, and rounds far next to it.
        return true;
    }
    let sign = option.rounded() < 0.0;
    let own = match option {
        Number::Float(float) => format!("{:?}", float.abs()),
        option => option.spelling(),
    };
    let own = own.split('e').next().unwrap_or_default().replace(['.', '-'], "");
    let own = own.trim_start_matches('0').as_bytes();
    // Numbers just below the option round to it, so the digits before it will do as well.
    let padded = |own: &[u8], digit: u8| [own, &[digit; 18]].concat();
    let near = [padded(own, b'0'), padded(&one_less(own), b'9')];
    sign == negative && (digits.is_empty() || near.iter().any(|own| own.starts_with(digits)))
}

/// The digits of the number before, without zeros in front.
fn one_less(digits: &[u8]) -> Vec<u8> {
    let mut less = digits.to_vec();
    for digit in less.iter_mut().rev() {
        if *digit == b'0' {
            *digit = b'9';
        } else {
            *digit -= 1;
            break;
        }
    }
    let zeros = less.iter().take_while(|&&digit| digit == b'0').count();
    less.split_off(zeros)
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
