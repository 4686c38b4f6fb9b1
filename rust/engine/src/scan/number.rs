//! JSON numbers: their grammar, and their value.

use super::byte;
use super::lanes::digit_run;
use std::cmp::Ordering;

/// Digits beyond which a number without an exponent may exceed a double.
const SAFE_DIGITS: usize = 300;
/// Digits that an i64 holds, whatever they are.
const FITTING_DIGITS: usize = 18;

/// A number as the keywords compare it: integers are exact, whatever their size, others a double.
#[derive(Clone, Copy, Debug)]
pub enum Number<'t> {
    Int(i128),
    Float(f64),
    /// The digits of an integer beyond 128 bits.
    Big(&'t [u8]),
}

/// A number that a schema holds.
#[derive(Clone, Debug)]
pub enum Limit {
    Plain(Number<'static>),
    Big(Box<[u8]>),
}

impl Limit {
    pub fn of(number: &serde_json::Number) -> Option<Self> {
        let digits = number.to_string();
        Some(match number_in(digits.as_bytes()) {
            Number::Big(digits) => Self::Big(digits.into()),
            Number::Float(float) if !float.is_finite() => return None,
            Number::Float(float) => Self::Plain(Number::Float(float)),
            Number::Int(whole) => Self::Plain(Number::Int(whole)),
        })
    }

    #[inline]
    pub fn number(&self) -> Number<'_> {
        match self {
            Self::Plain(number) => *number,
            Self::Big(digits) => Number::Big(digits),
        }
    }
}

impl Number<'_> {
    pub fn is_whole(self) -> bool {
        match self {
            Self::Int(_) | Self::Big(_) => true,
            Self::Float(float) => float.fract() == 0.0,
        }
    }

    /// The exact order, whatever the two are written as.
    #[inline]
    pub fn compare(self, other: Number<'_>) -> Ordering {
        match (self, other) {
            (Self::Int(left), Number::Int(right)) => left.cmp(&right),
            (Self::Float(left), Number::Float(right)) => left.partial_cmp(&right).unwrap_or(Ordering::Equal),
            (Self::Int(left), Number::Float(right)) => compare_exactly(left, right),
            (Self::Float(left), Number::Int(right)) => compare_exactly(right, left).reverse(),
            (left, right) => compare_wide(left, right),
        }
    }

    pub fn equals(self, other: Number<'_>) -> bool {
        self.compare(other) == Ordering::Equal
    }

    /// The nearest double.
    pub fn rounded(self) -> f64 {
        match self {
            Self::Int(whole) => whole as f64,
            Self::Float(float) => float,
            Self::Big(digits) => float(digits).unwrap_or(f64::NAN),
        }
    }

    /// Its one spelling: all digits of what is whole, else the shortest that names the double.
    pub fn spelling(self) -> String {
        match self {
            Self::Int(whole) => whole.to_string(),
            Self::Float(float) if float.fract() != 0.0 => format!("{float:?}"),
            Self::Float(0.0) => "0".to_owned(),
            Self::Float(float) => format!("{float:.0}"),
            Self::Big(digits) => String::from_utf8_lossy(digits).into_owned(),
        }
    }
}

fn compare_exactly(whole: i128, float: f64) -> Ordering {
    // Doubles from 2^127 on are beyond every integer of 128 bits; below, the floor fits.
    if float >= 2_f64.powi(127) {
        return Ordering::Less;
    }
    if float < -(2_f64.powi(127)) {
        return Ordering::Greater;
    }
    let floor = float.floor();
    whole.cmp(&(floor as i128)).then(if floor < float { Ordering::Less } else { Ordering::Equal })
}

/// The order of two numbers, one of which is beyond 128 bits.
#[inline(never)]
fn compare_wide(left: Number<'_>, right: Number<'_>) -> Ordering {
    // The fraction of a double can only matter below 2^53, and then the other one is further out.
    let whole = |number: Number<'_>| match number {
        Number::Float(float) => Number::Float(float.trunc()).spelling(),
        number => number.spelling(),
    };
    let (left, right) = (whole(left), whole(right));
    let size = |text: &str| (text.trim_start_matches('-').len(), text.trim_start_matches('-').to_owned());
    match (left.starts_with('-'), right.starts_with('-')) {
        (false, false) => size(&left).cmp(&size(&right)),
        (true, true) => size(&right).cmp(&size(&left)),
        (is_negative, _) => {
            if is_negative {
                Ordering::Less
            } else {
                Ordering::Greater
            }
        }
    }
}

/// The position behind the number at `at`.
#[inline(always)]
pub fn number_end(text: &[u8], at: usize) -> Option<usize> {
    let start = if byte(text, at) == b'-' { at + 1 } else { at };
    let whole = match byte(text, start) {
        b'0' => start + 1,
        b'1'..=b'9' => digits_end(text, start + 1),
        _ => return None,
    };
    if !matches!(byte(text, whole), b'.' | b'e' | b'E') && whole - start < SAFE_DIGITS {
        return Some(whole);
    }
    fraction_end(text, at, whole)
}

#[inline(always)]
fn fraction_end(text: &[u8], at: usize, whole: usize) -> Option<usize> {
    let mut end = whole;
    if byte(text, end) == b'.' {
        let digits = digits_end(text, end + 1);
        if digits == end + 1 {
            return None;
        }
        end = digits;
    }
    if matches!(byte(text, end), b'e' | b'E') {
        return exponent_end(text, at, end);
    }
    if whole - at >= SAFE_DIGITS { finite(text, at, end) } else { Some(end) }
}

#[inline(never)]
fn exponent_end(text: &[u8], at: usize, mut end: usize) -> Option<usize> {
    end += if matches!(byte(text, end + 1), b'+' | b'-') { 2 } else { 1 };
    let digits = digits_end(text, end);
    if digits == end { None } else { finite(text, at, digits) }
}

#[inline(never)]
fn finite(text: &[u8], at: usize, end: usize) -> Option<usize> {
    float(text.get(at..end)?).map(|_| end)
}

fn float(digits: &[u8]) -> Option<f64> {
    let digits = std::str::from_utf8(digits).ok()?;
    digits.parse::<f64>().ok().filter(|float| float.is_finite())
}

#[inline(always)]
fn digits_end(text: &[u8], mut at: usize) -> usize {
    loop {
        let count = digit_run(text, at);
        at += count;
        if count < 16 {
            return at;
        }
    }
}

/// A number that was read, and what was seen of its value on the way.
#[derive(Clone, Copy)]
pub struct Digits {
    pub end: usize,
    /// The integers that it lies between, the same one twice where it is written as an integer.
    /// None where it takes a closer look: it has an exponent, or too many digits before its point.
    pub between: Option<(i64, i64)>,
}

/// Read the number at `at`.
#[inline(always)]
pub fn digits_at(text: &[u8], at: usize) -> Option<Digits> {
    let negative = byte(text, at) == b'-';
    let start = at + usize::from(negative);
    let mut sum = 0_i64;
    let mut whole = start;
    loop {
        let digit = byte(text, whole).wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        sum = sum.wrapping_mul(10).wrapping_add(i64::from(digit));
        whole += 1;
    }
    if whole == start || (byte(text, start) == b'0' && whole > start + 1) {
        return None;
    }
    let next = byte(text, whole);
    if whole - start > FITTING_DIGITS || matches!(next, b'e' | b'E') {
        return number_end(text, at).map(|end| Digits { end, between: None });
    }
    if next != b'.' {
        let value = if negative { -sum } else { sum };
        return Some(Digits { end: whole, between: Some((value, value)) });
    }
    let end = digits_end(text, whole + 1);
    if end == whole + 1 {
        return None;
    }
    if matches!(byte(text, end), b'e' | b'E') {
        return exponent_end(text, at, end).map(|end| Digits { end, between: None });
    }
    let between = if negative { (-sum - 1, -sum) } else { (sum, sum + 1) };
    Some(Digits { end, between: Some(between) })
}

/// The value of a number that was read before.
#[inline]
pub fn number_in(digits: &[u8]) -> Number<'_> {
    let (negative, whole) = match digits.split_first() {
        Some((b'-', rest)) => (true, rest),
        _ => (false, digits),
    };
    if whole.len() <= 19 {
        let mut sum = 0_u64;
        let mut plain = true;
        for &digit in whole {
            let digit = digit.wrapping_sub(b'0');
            if digit > 9 {
                plain = false;
                break;
            }
            sum = sum * 10 + u64::from(digit);
        }
        if plain {
            // The text "-0" is a double in JSON, and equal to 0 all the same.
            let sum = i128::from(sum);
            return Number::Int(if negative { -sum } else { sum });
        }
    }
    wide_number_in(digits)
}

#[inline(never)]
fn wide_number_in(digits: &[u8]) -> Number<'_> {
    let text = std::str::from_utf8(digits).unwrap_or_default();
    match text.parse::<i128>() {
        Ok(whole) => Number::Int(whole),
        Err(_) if digits.iter().all(|digit| matches!(digit, b'-' | b'0'..=b'9')) => Number::Big(digits),
        Err(_) => Number::Float(text.parse::<f64>().unwrap_or(f64::NAN)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grammar_is_that_of_the_rfc() {
        for good in
            ["0", "-0", "1", "10", "1.5", "-1.25e+10", "1E5", "0e400", "123456789012345678901", "0.000000001"]
        {
            assert_eq!(number_end(good.as_bytes(), 0), Some(good.len()), "{good}");
        }
        for bad in ["", "-", "+1", ".5", "1.", "1.e5", "1e", "1e+", "1e400", "-1e999", "NaN"] {
            assert_eq!(number_end(bad.as_bytes(), 0), None, "{bad}");
        }
        assert_eq!(number_end(&[b'9'; 400], 0), None);
        assert_eq!(number_end(b"00", 0), Some(1));
    }

    #[test]
    fn both_ways_to_read_a_number_end_at_the_same_place() {
        let cases: [(&str, Option<(i64, i64)>); 12] = [
            ("0", Some((0, 0))),
            ("-0", Some((0, 0))),
            ("-17", Some((-17, -17))),
            ("999999999999999999", Some((999_999_999_999_999_999, 999_999_999_999_999_999))),
            ("1000000000000000000", None),
            ("3.25", Some((3, 4))),
            ("-3.25", Some((-4, -3))),
            ("0.01030927835051546391752577", Some((0, 1))),
            ("1e5", None),
            ("1.5e5", None),
            ("-1000000000000000000.5", None),
            ("-0.0", Some((-1, 0))),
        ];
        for (text, between) in cases {
            for tail in ["", ",", " ]               ", "}"] {
                let text = format!("{text}{tail}");
                let found = digits_at(text.as_bytes(), 0);
                assert_eq!(found.map(|found| found.end), number_end(text.as_bytes(), 0), "{text}");
                assert_eq!(found.and_then(|found| found.between), between, "{text}");
            }
        }
        for bad in ["", "-", "-x", "1.", "1.e5", "1e", "1e+", "1e400", "01", "-00", "1.5e999"] {
            assert!(digits_at(bad.as_bytes(), 0).is_none(), "{bad}");
        }
        assert!(digits_at(&[b'9'; 400], 0).is_none());
    }

    #[test]
    fn order_is_exact_across_kinds() {
        let power = |two: i32| format!("{:.0}", 2_f64.powi(two));
        let (wide, wider) = (power(127), power(1000));
        let next = wider.replace('6', "7");
        let cases: [(&str, &str, Ordering); 15] = [
            ("1", "1.0", Ordering::Equal),
            ("-0", "0.0", Ordering::Equal),
            ("9007199254740993", "9007199254740992.0", Ordering::Greater),
            ("18446744073709551615", "18446744073709551616.0", Ordering::Less),
            ("1", "1.5", Ordering::Less),
            ("-1", "-1.5", Ordering::Greater),
            ("1e300", "18446744073709551615", Ordering::Greater),
            ("18446744073709551616", "18446744073709551617", Ordering::Less),
            (&wide, "170141183460469231731687303715884105727", Ordering::Greater),
            (&wide, "1.7014118346046923e38", Ordering::Equal),
            ("1e39", "170141183460469231731687303715884105727", Ordering::Greater),
            (&wider, &next, Ordering::Less),
            (&wider, "1.0715086071862673e301", Ordering::Equal),
            (&next, "-1e308", Ordering::Greater),
            (&wider, "0.5", Ordering::Greater),
        ];
        for (left, right, order) in cases {
            let (left, right) = (number_in(left.as_bytes()), number_in(right.as_bytes()));
            assert_eq!(left.compare(right), order, "{left:?} {right:?}");
            assert_eq!(right.compare(left), order.reverse(), "{left:?} {right:?}");
        }
    }
}
