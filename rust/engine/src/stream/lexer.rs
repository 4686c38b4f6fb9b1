//! Strings, numbers and words, one byte at a time.

use super::Doom;
use crate::program::NodeId;

/// A value without parts, as far as it was read.
pub enum Scalar {
    Text(Literal, Option<NodeId>),
    Number(NumberState),
    /// The letters that are still to come.
    Word(&'static [u8]),
}

/// A string whose opening quote was read.
#[derive(Default)]
pub struct Literal {
    /// What it says, without what is not finished.
    pub decoded: Vec<u8>,
    /// How many characters have begun.
    pub characters: u64,
    escape: Escape,
    /// How many continuation bytes are to come, and the range of the next one.
    open: (u8, u8, u8),
}

#[derive(Default, Clone, Copy)]
enum Escape {
    #[default]
    None,
    Backslash,
    /// The digits of a code unit so far: (high surrogate before it, value, how many).
    Unit(u32, u32, u8),
    /// After a high surrogate: the backslash, then the `u`.
    LowBackslash(u32),
    LowU(u32),
}

impl Literal {
    /// Take a byte; true where it was the closing quote.
    pub fn step(&mut self, byte: u8) -> Result<bool, Doom> {
        match self.escape {
            Escape::None => return self.plain(byte),
            Escape::Backslash => {
                let plain = match byte {
                    b'"' | b'\\' | b'/' => byte,
                    b'b' => 8,
                    b'f' => 12,
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'u' => {
                        self.escape = Escape::Unit(0, 0, 0);
                        return Ok(false);
                    }
                    _ => return Err(Doom::NoJson),
                };
                self.decoded.push(plain);
                self.escape = Escape::None;
            }
            Escape::Unit(high, value, digits) => self.digit(byte, high, value, digits)?,
            Escape::LowBackslash(high) if byte == b'\\' => self.escape = Escape::LowU(high),
            Escape::LowU(high) if byte == b'u' => self.escape = Escape::Unit(high, 0, 0),
            _ => return Err(Doom::NoJson),
        }
        Ok(false)
    }

    fn digit(&mut self, byte: u8, high: u32, value: u32, digits: u8) -> Result<(), Doom> {
        let digit = char::from(byte).to_digit(16).ok_or(Doom::NoJson)?;
        let (value, digits) = (value * 16 + digit, digits + 1);
        // A low surrogate comes after a high one, and nowhere else.
        let is_low = match digits {
            1 => high != 0 && value == 0xD,
            2 => (0xDC..=0xDF).contains(&value),
            _ => high != 0,
        };
        if is_low != (high != 0) {
            return Err(Doom::NoJson);
        }
        self.escape = Escape::Unit(high, value, digits);
        if digits < 4 {
            return Ok(());
        }
        if high == 0 && (0xD800..=0xDBFF).contains(&value) {
            self.escape = Escape::LowBackslash(value);
            return Ok(());
        }
        let code = if high == 0 { value } else { 0x10000 + ((high - 0xD800) << 10) + (value - 0xDC00) };
        let letter = char::from_u32(code).ok_or(Doom::NoJson)?;
        self.decoded.extend(letter.encode_utf8(&mut [0; 4]).as_bytes());
        self.escape = Escape::None;
        Ok(())
    }

    fn plain(&mut self, byte: u8) -> Result<bool, Doom> {
        let (open, least, most) = self.open;
        if open > 0 {
            if !(least..=most).contains(&byte) {
                return Err(Doom::NoJson);
            }
            self.open = (open - 1, 0x80, 0xBF);
        } else {
            self.open = match byte {
                b'"' => return Ok(true),
                0..0x20 => return Err(Doom::NoJson),
                b'\\' => {
                    self.escape = Escape::Backslash;
                    self.characters += 1;
                    return Ok(false);
                }
                0x20..=0x7F => (0, 0, 0),
                0xC2..=0xDF => (1, 0x80, 0xBF),
                0xE0 => (2, 0xA0, 0xBF),
                0xED => (2, 0x80, 0x9F),
                0xE1..=0xEF => (2, 0x80, 0xBF),
                0xF0 => (3, 0x90, 0xBF),
                0xF1..=0xF3 => (3, 0x80, 0xBF),
                0xF4 => (3, 0x80, 0x8F),
                _ => return Err(Doom::NoJson),
            };
            self.characters += 1;
        }
        self.decoded.push(byte);
        Ok(false)
    }

    /// What it says; None inside a character.
    pub fn words(&self) -> Option<&str> {
        std::str::from_utf8(&self.decoded).ok()
    }

    /// Whether it is one of the sorted options.
    pub fn is_one_of(&self, options: &[Box<str>]) -> bool {
        options.binary_search_by(|option| option.as_bytes().cmp(&self.decoded)).is_ok()
    }

    /// Whether some of the sorted options begins like this.
    pub fn may_become_one_of(&self, options: &[Box<str>]) -> bool {
        let from = options.partition_point(|option| option.as_bytes() < self.decoded.as_slice());
        let mut options = options.iter().skip(from).map(|option| option.as_bytes());
        options.by_ref().take_while(|option| option.starts_with(&self.decoded)).any(|option| {
            let rest = option.get(self.decoded.len()..).unwrap_or_default();
            self.escape_fits(rest)
        })
    }

    /// Whether the escape that is open may become the first character of `rest`.
    fn escape_fits(&self, rest: &[u8]) -> bool {
        let next = std::str::from_utf8(rest).ok().and_then(|rest| rest.chars().next());
        let mut units = [0; 2];
        let units: &[u16] = next.map_or(&[], |next| next.encode_utf16(&mut units));
        let digits_fit = |unit: Option<&u16>, value: u32, digits: u8| {
            unit.is_some_and(|&unit| u32::from(unit) >> (16 - 4 * u32::from(digits)) == value)
        };
        match self.escape {
            Escape::None => true,
            // Any character can be written with an escape.
            Escape::Backslash => next.is_some(),
            Escape::Unit(0, value, digits) => digits_fit(units.first(), value, digits),
            Escape::Unit(high, value, digits) => {
                units.first().is_some_and(|&unit| u32::from(unit) == high)
                    && digits_fit(units.get(1), value, digits)
            }
            Escape::LowBackslash(high) | Escape::LowU(high) => {
                units.first().is_some_and(|&unit| u32::from(unit) == high)
            }
        }
    }
}

/// A number whose first byte was read.
pub struct NumberState {
    part: Part,
    pub node: Option<NodeId>,
    /// Whether a digit other than zero was read before the exponent.
    is_something: bool,
    digits: usize,
    exponent: i32,
}

#[derive(Clone, Copy, PartialEq)]
enum Part {
    Minus,
    Zero,
    Whole,
    Point,
    Fraction,
    E,
    Sign(bool),
    Exponent(bool),
}

impl NumberState {
    pub fn new(byte: u8, node: Option<NodeId>) -> Self {
        let part = match byte {
            b'-' => Part::Minus,
            b'0' => Part::Zero,
            _ => Part::Whole,
        };
        Self { part, node, is_something: part == Part::Whole, digits: 1, exponent: 0 }
    }

    /// Whether it may end here.
    pub fn is_whole(&self) -> bool {
        matches!(self.part, Part::Zero | Part::Whole | Part::Fraction | Part::Exponent(_))
    }

    /// Take a byte; false where it is no part of the number.
    pub fn step(&mut self, byte: u8) -> Result<bool, Doom> {
        let part = match (self.part, byte) {
            (Part::Minus, b'0') => Part::Zero,
            (Part::Minus, b'1'..=b'9') | (Part::Whole, b'0'..=b'9') => Part::Whole,
            (Part::Zero | Part::Whole, b'.') => Part::Point,
            (Part::Point | Part::Fraction, b'0'..=b'9') => Part::Fraction,
            (Part::Zero | Part::Whole | Part::Fraction, b'e' | b'E') => Part::E,
            (Part::E, b'+' | b'-') => Part::Sign(byte == b'-'),
            (Part::E, b'0'..=b'9') => Part::Exponent(false),
            (Part::Sign(minus) | Part::Exponent(minus), b'0'..=b'9') => Part::Exponent(minus),
            _ if self.is_whole() => return Ok(false),
            _ => return Err(Doom::NoJson),
        };
        self.part = part;
        match part {
            Part::Whole | Part::Fraction => {
                self.is_something |= byte != b'0';
                self.digits += 1;
            }
            Part::Exponent(minus) => {
                self.exponent = self.exponent.saturating_mul(10).saturating_add(i32::from(byte - b'0'));
                // More digits only make it larger.
                let digits = i32::try_from(self.digits).unwrap_or(i32::MAX);
                if !minus && self.is_something && self.exponent > digits.saturating_add(310) {
                    return Err(Doom::NoJson);
                }
            }
            _ => {}
        }
        Ok(true)
    }
}
