//! Names told apart fast: those that come in the schema's order are not even read.

use crate::scan::{Short, window};

const EMPTY: u32 = u32::MAX;
/// How many bytes of a name are compared at once.
const HEAD: usize = 16;

/// How many names are looked at one by one.
const FEW: usize = 8;

/// A list of different strings, and the way from a string to its place in it.
#[derive(Default)]
pub struct Names {
    names: Box<[Name]>,
    /// Open addressing; a power of two of slots, at most half of them taken.
    slots: Box<[u32]>,
}

struct Name {
    /// The first bytes of the name and its closing quote, as they stand in JSON text.
    head: u128,
    /// The bytes of `head` that count; none where the name cannot be written without an escape.
    mask: u128,
    text: Box<[u8]>,
    /// Whether the head says all of it, as it is written.
    is_short: bool,
}

impl Names {
    pub fn of<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let names: Box<[Name]> = texts.into_iter().map(Name::of).collect();
        let mut slots = vec![EMPTY; (names.len() * 2).next_power_of_two().max(2)];
        for (number, name) in names.iter().enumerate() {
            let mut at = name.hash() as usize & (slots.len() - 1);
            while slots.get(at).is_some_and(|&slot| slot != EMPTY) {
                at = (at + 1) & (slots.len() - 1);
            }
            if let (Some(slot), Ok(number)) = (slots.get_mut(at), u32::try_from(number)) {
                *slot = number;
            }
        }
        Self { names, slots: slots.into() }
    }

    pub fn len(&self) -> usize {
        self.names.len()
    }

    pub fn get(&self, number: usize) -> Option<&str> {
        self.names.get(number).and_then(|name| std::str::from_utf8(&name.text).ok())
    }

    /// The position behind the closing quote, where the string whose content starts at `start` is
    /// written exactly as this name.
    #[inline(always)]
    pub fn written(&self, number: usize, text: &[u8], start: usize) -> Option<usize> {
        let name = self.names.get(number)?;
        if (window(text, start) ^ name.head) & name.mask != 0 {
            return None;
        }
        if name.is_short { Some(start + name.text.len() + 1) } else { name.long(text, start) }
    }

    /// The position behind the closing quote, where the string whose content starts at `start` is
    /// written exactly as one of the first few names.
    #[inline(always)]
    pub fn written_as_any(&self, text: &[u8], start: usize) -> Option<usize> {
        let window = window(text, start);
        let is_it = |name: &&Name| (window ^ name.head) & name.mask == 0 && name.is_short;
        self.names.iter().take(FEW).find(is_it).map(|name| start + name.text.len() + 1)
    }

    /// The place of a string.
    #[inline]
    pub fn find(&self, text: &[u8]) -> Option<usize> {
        if text.len() < HEAD {
            return self.find_form(head_of(text), text.len());
        }
        self.look(hash_of_long(text), |name| *name.text == *text)
    }

    /// The place of a string that was read from JSON text.
    #[inline]
    pub fn find_short(&self, short: Short) -> Option<usize> {
        self.find_form(short.form, short.length)
    }

    #[inline(always)]
    fn find_form(&self, form: u128, length: usize) -> Option<usize> {
        self.look(hash_of_short(form), |name| name.head == form && name.text.len() == length)
    }

    #[inline(always)]
    fn look(&self, hash: u64, is_it: impl Fn(&Name) -> bool) -> Option<usize> {
        let mut at = hash as usize;
        loop {
            at &= self.slots.len().wrapping_sub(1);
            let number = *self.slots.get(at)? as usize;
            if is_it(self.names.get(number)?) {
                return Some(number);
            }
            at += 1;
        }
    }
}

impl Name {
    fn of(text: &str) -> Self {
        let plain = text.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\');
        let counted = (text.len() + 1).min(HEAD);
        let mask = if plain { u128::MAX >> (8 * (HEAD - counted)) } else { 0 };
        let is_short = plain && text.len() < HEAD;
        Self { head: head_of(text.as_bytes()), mask, text: text.as_bytes().into(), is_short }
    }

    fn hash(&self) -> u64 {
        if self.text.len() < HEAD { hash_of_short(self.head) } else { hash_of_long(&self.text) }
    }

    /// The same for a name that is longer than its head, or that is never written as it is.
    #[inline(never)]
    fn long(&self, text: &[u8], start: usize) -> Option<usize> {
        let end = start + self.text.len();
        let same = self.mask != 0 && text.get(start..end)? == &*self.text && text.get(end) == Some(&b'"');
        same.then_some(end + 1)
    }
}

/// The first bytes of a string and a quote behind them, little-endian.
fn head_of(text: &[u8]) -> u128 {
    let mut head = [0; HEAD];
    for (slot, &byte) in head.iter_mut().zip(text.iter().chain(b"\"")) {
        *slot = byte;
    }
    u128::from_le_bytes(head)
}

const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;

#[inline(always)]
fn hash_of_short(form: u128) -> u64 {
    let (low, high) = (form as u64, (form >> 64) as u64);
    (low.wrapping_mul(FACTOR) ^ high.rotate_left(23)).wrapping_mul(FACTOR) >> 29
}

#[inline(always)]
fn hash_of_long(text: &[u8]) -> u64 {
    let mut sum = text.len() as u64;
    let mut rest = text;
    while let Some((chunk, after)) = rest.split_first_chunk::<8>() {
        sum = (sum.rotate_left(23) ^ u64::from_le_bytes(*chunk)).wrapping_mul(FACTOR);
        rest = after;
    }
    let last = rest.iter().fold(0, |sum, &byte| sum << 8 | u64::from(byte));
    (sum.rotate_left(23) ^ last).wrapping_mul(FACTOR) >> 29
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_and_nothing_else() {
        let texts: Vec<String> =
            (0..300).map(|number| "x".repeat(number % 40) + &number.to_string()).collect();
        let names = Names::of(texts.iter().map(String::as_str));
        for (number, text) in texts.iter().enumerate() {
            assert_eq!(names.find(text.as_bytes()), Some(number));
            assert_eq!(names.find(format!("{text}y").as_bytes()), None);
        }
        assert_eq!(Names::default().find(b"a"), None);
    }

    #[test]
    fn a_name_is_recognised_as_it_is_written() {
        let long = "a".repeat(15);
        let longer = "b".repeat(16);
        let names = Names::of(["id", &long, &longer, "a\"b", "é", ""]);
        let padded = |text: &str| format!("{text}                    ").into_bytes();
        assert_eq!(names.written(0, &padded("id\""), 0), Some(3));
        assert_eq!(names.written(0, &padded("ida\""), 0), None);
        assert_eq!(names.written(0, b"id\"", 0), Some(3));
        assert_eq!(names.written(0, b"id", 0), None);
        assert_eq!(names.written(3, b"a\"b\"", 0), None);
        assert_eq!(names.written(1, &padded(&format!("{long}\"")), 0), Some(16));
        assert_eq!(names.written(2, &padded(&format!("{longer}\"")), 0), Some(17));
        assert_eq!(names.written(2, &padded(&format!("{longer}x\"")), 0), None);
        assert_eq!(names.written(3, &padded("a\"b\""), 0), None);
        assert_eq!(names.written(4, &padded("é\""), 0), Some(3));
        assert_eq!(names.written(5, &padded("\""), 0), Some(1));
    }
}
