//! JSON numbers: their grammar, and their value as far as 64 bits go.

use super::byte;
use super::lanes::all_digits;
use std::cmp::Ordering;

/// Digits beyond which a number without an exponent may exceed a double.
const SAFE_DIGITS: usize = 300;

/// A number as the keywords compare it: exact within 64 bits, else a double.
#[derive(Clone, Copy, Debug)]
pub enum Number {
    /// At least -2^63, less than 2^64.
    Int(i128),
    Float(f64),
}

impl Number {
    pub fn of(number: &serde_json::Number) -> Option<Self> {
        if let Some(whole) = number.as_u64() {
            Some(Self::Int(i128::from(whole)))
        } else if let Some(whole) = number.as_i64() {
            Some(Self::Int(i128::from(whole)))
        } else {
            number.as_f64().filter(|float| float.is_finite()).map(Self::Float)
        }
    }

    pub fn is_whole(self) -> bool {
        match self {
            Self::Int(_) => true,
            Self::Float(float) => float.fract() == 0.0,
        }
    }

    /// The exact order, whatever the two are written as.
    pub fn compare(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Int(left), Self::Int(right)) => left.cmp(&right),
            (Self::Float(left), Self::Float(right)) => left.partial_cmp(&right).unwrap_or(Ordering::Equal),
            (Self::Int(left), Self::Float(right)) => compare_exactly(left, right),
            (Self::Float(left), Self::Int(right)) => compare_exactly(right, left).reverse(),
        }
    }

    pub fn equals(self, other: Self) -> bool {
        self.plain().compare(other.plain()) == Ordering::Equal
    }

    /// Zero without its sign; a double without a fraction as the integer it is, where that fits.
    pub fn plain(self) -> Self {
        match self {
            Self::Float(float)
                if float.fract() == 0.0 && (-(2_f64.powi(63))..2_f64.powi(64)).contains(&float) =>
            {
                Self::Int(float as i128)
            }
            other => other,
        }
    }
}

fn compare_exactly(whole: i128, float: f64) -> Ordering {
    // Doubles beyond the range of 128 bits saturate, which keeps the order.
    let floor = float.floor();
    whole.cmp(&(floor as i128)).then(if floor < float { Ordering::Less } else { Ordering::Equal })
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
    while let Some(chunk) = text.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        if !all_digits(u64::from_le_bytes(*chunk)) {
            break;
        }
        at += 8;
    }
    while byte(text, at).is_ascii_digit() {
        at += 1;
    }
    at
}

/// The value of a number that was read before.
#[inline]
pub fn number_in(digits: &[u8]) -> Number {
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
            let sum = if negative { -sum } else { sum };
            if sum >= i128::from(i64::MIN) {
                return Number::Int(sum);
            }
        }
    }
    wide_number_in(digits)
}

#[inline(never)]
fn wide_number_in(digits: &[u8]) -> Number {
    let text = std::str::from_utf8(digits).unwrap_or_default();
    match text.parse::<i128>() {
        Ok(whole) if (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(&whole) => Number::Int(whole),
        _ => Number::Float(text.parse::<f64>().unwrap_or(f64::NAN)),
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
    fn order_is_exact_across_kinds() {
        let cases: [(&str, &str, Ordering); 7] = [
            ("1", "1.0", Ordering::Equal),
            ("-0", "0.0", Ordering::Equal),
            ("9007199254740993", "9007199254740992.0", Ordering::Greater),
            ("18446744073709551615", "18446744073709551616.0", Ordering::Less),
            ("1", "1.5", Ordering::Less),
            ("-1", "-1.5", Ordering::Greater),
            ("1e300", "18446744073709551615", Ordering::Greater),
        ];
        for (left, right, order) in cases {
            let (left, right) = (number_in(left.as_bytes()), number_in(right.as_bytes()));
            assert_eq!(left.compare(right), order, "{left:?} {right:?}");
            assert_eq!(right.compare(left), order.reverse(), "{left:?} {right:?}");
        }
    }
}
