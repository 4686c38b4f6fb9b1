//! `multipleOf`, in decimal: 0.3 is a multiple of 0.1, and 1e300 none of 3.

use crate::scan::Number;

/// A double has no more digits than this: further ones say nothing.
const MOST_DIGITS: usize = 17;

/// Ten times what is below this, and a digit, fit 128 bits.
const MOST_DIVISOR: u128 = 1 << 124;

/// What a number has to be a multiple of: `digits` times ten to the power `exponent`.
pub struct Multiple {
    digits: u128,
    exponent: i64,
}

impl Multiple {
    /// None where the divisor is not positive, or has too many digits.
    pub fn of(divisor: &serde_json::Number) -> Option<Self> {
        let text = divisor.to_string();
        let decimal = Decimal::of(text.as_bytes());
        let digits = decimal
            .digits
            .iter()
            .try_fold(0_u128, |sum, digit| sum.checked_mul(10)?.checked_add(u128::from(digit - b'0')))?;
        (digits > 0 && digits < MOST_DIVISOR && !text.starts_with('-')).then_some(Self { digits, exponent: decimal.exponent })
    }

    /// Whether the number, written as `digits`, is a multiple.
    pub fn holds(&self, number: Number<'_>, digits: &[u8]) -> bool {
        if let (Number::Int(whole), 0) = (number, self.exponent) {
            return whole.unsigned_abs() % self.digits == 0;
        }
        let mut decimal = Decimal::of(digits);
        if let (Number::Float(_), true) = (number, decimal.digits.len() > MOST_DIGITS) {
            decimal = Decimal::of(number.spelling().as_bytes());
        }
        if decimal.digits.is_empty() {
            return true;
        }
        // The last digit is no zero: nothing with fewer decimals divides it.
        let Ok(zeros) = u64::try_from(decimal.exponent - self.exponent) else { return false };
        let modulus = self.digits;
        let rest = decimal
            .digits
            .iter()
            .fold(0_u128, |rest, digit| (rest * 10 + u128::from(digit - b'0')) % modulus);
        product(rest, power_of_ten(zeros, modulus), modulus) == 0
    }
}

/// Digits without zeros at either end, and the power of ten that the last one counts.
struct Decimal {
    digits: Vec<u8>,
    exponent: i64,
}

impl Decimal {
    /// The digits of a JSON number; none for zero.
    fn of(text: &[u8]) -> Self {
        let mut parts = text.splitn(2, |byte| matches!(byte, b'e' | b'E'));
        let mantissa = parts.next().unwrap_or_default();
        let power = parts.next().and_then(|power| std::str::from_utf8(power).ok());
        // Beyond the range of 64 bits any exponent is as good as another: the number is zero.
        let mut exponent = power.map_or(0, |power| power.parse::<i64>().unwrap_or(0));
        let decimals = mantissa.iter().rev().position(|&byte| byte == b'.').unwrap_or(0);
        let mut digits: Vec<u8> = mantissa.iter().copied().filter(u8::is_ascii_digit).collect();
        exponent = exponent.saturating_sub(i64::try_from(decimals).unwrap_or(i64::MAX));
        while digits.last() == Some(&b'0') {
            digits.pop();
            exponent = exponent.saturating_add(1);
        }
        let zeros = digits.iter().take_while(|&&digit| digit == b'0').count();
        digits.drain(..zeros);
        Self { digits, exponent }
    }
}

fn power_of_ten(mut power: u64, modulus: u128) -> u128 {
    let (mut result, mut base) = (1 % modulus, 10 % modulus);
    while power > 0 {
        if power & 1 == 1 {
            result = product(result, base, modulus);
        }
        base = product(base, base, modulus);
        power >>= 1;
    }
    result
}

/// The product of two numbers below the modulus, which is below [`MOST_DIVISOR`].
fn product(left: u128, right: u128, modulus: u128) -> u128 {
    if modulus <= u128::from(u64::MAX) {
        return left * right % modulus;
    }
    let (mut sum, mut left, mut right) = (0, left, right);
    while right > 0 {
        if right & 1 == 1 {
            sum = (sum + left) % modulus;
        }
        left = (left + left) % modulus;
        right >>= 1;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::number_in;

    #[test]
    fn multiples_are_decimal_and_exact() {
        let cases = [
            ("0.3", "0.1", true),
            ("0.35", "0.1", false),
            ("4.5", "1.5", true),
            ("1e300", "3", false),
            ("1e300", "0.5", true),
            ("9007199254740993", "3", true),
            ("0.0", "7", true),
            ("-0", "7", true),
            ("100", "1e2", true),
            ("150", "1e2", false),
            ("7", "0.01", true),
            ("0.0075", "0.0001", true),
            ("1e-9", "1e-8", false),
            ("18446744073709551616", "2", true),
            ("12345678910", "1e-8", true),
            ("200000000000000000002", "100000000000000000001", true),
            ("200000000000000000003", "100000000000000000001", false),
            ("1e300", "18446744073709551616", true),
            ("1e19", "18446744073709551616", false),
            ("10000000000000000000000000000000000000000", "18446744073709551617", false),
            ("21267647932558653966460912964485513216", "10633823966279326983230456482242756608", true),
            ("0.30000000000000000001", "0.1", true),
            ("1.0", "1", true),
            ("-9", "3", true),
            ("1e20", "1.0", true),
        ];
        for (number, divisor, expected) in cases {
            let rule = serde_json::from_str(divisor).ok().and_then(|divisor| Multiple::of(&divisor));
            let holds = rule.map(|rule| rule.holds(number_in(number.as_bytes()), number.as_bytes()));
            assert_eq!(holds, Some(expected), "{number} {divisor}");
        }
    }
}
