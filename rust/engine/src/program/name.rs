//! Names told apart fast: those that come in the schema's order are not even read.

const EMPTY: u32 = u32::MAX;
const HEAD: usize = 16;

/// A list of different strings, and the way from a string to its place in it.
#[derive(Default)]
pub struct Names {
    names: Box<[Name]>,
    /// Open addressing; a power of two of slots, at most half of them taken.
    slots: Box<[u32]>,
}

struct Name {
    text: Box<[u8]>,
    /// The first bytes of the name and its closing quote, as they stand in JSON text.
    head: u128,
    /// The bytes of `head` that count; none where the name cannot be written without an escape.
    mask: u128,
}

impl Names {
    pub fn of<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let names: Box<[Name]> = texts.into_iter().map(Name::of).collect();
        let mut slots = vec![EMPTY; (names.len() * 2).next_power_of_two().max(2)];
        for (number, name) in names.iter().enumerate() {
            let mut at = hash(&name.text) as usize & (slots.len() - 1);
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
        let Some(chunk) = text.get(start..)?.first_chunk::<HEAD>() else {
            return name.at_the_end(text, start);
        };
        if (u128::from_le_bytes(*chunk) ^ name.head) & name.mask != 0 || name.mask == 0 {
            return None;
        }
        let end = start + name.text.len();
        if name.text.len() < HEAD {
            return Some(end + 1);
        }
        let (rest, there) = (name.text.get(HEAD..)?, text.get(start + HEAD..end)?);
        (rest == there && text.get(end) == Some(&b'"')).then_some(end + 1)
    }

    /// The place of a string.
    #[inline]
    pub fn find(&self, text: &[u8]) -> Option<usize> {
        let mut at = hash(text) as usize;
        loop {
            at &= self.slots.len().wrapping_sub(1);
            let number = *self.slots.get(at)? as usize;
            let name = self.names.get(number)?;
            if *name.text == *text {
                return Some(number);
            }
            at += 1;
        }
    }
}

impl Name {
    fn of(text: &str) -> Self {
        let mut head = [0_u8; HEAD];
        let mut mask = [0_u8; HEAD];
        let quoted = text.bytes().chain([b'"']);
        for ((slot, flag), byte) in head.iter_mut().zip(mask.iter_mut()).zip(quoted) {
            (*slot, *flag) = (byte, 0xFF);
        }
        let plain = text.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\');
        let mask = if plain { u128::from_le_bytes(mask) } else { 0 };
        Self { text: text.as_bytes().into(), head: u128::from_le_bytes(head), mask }
    }

    /// The same where the text has fewer bytes left than a head.
    #[inline]
    fn at_the_end(&self, text: &[u8], start: usize) -> Option<usize> {
        let end = start + self.text.len();
        let same = self.mask != 0 && text.get(start..end)? == &*self.text && text.get(end) == Some(&b'"');
        same.then_some(end + 1)
    }
}

#[inline(always)]
fn hash(text: &[u8]) -> u64 {
    const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut sum = text.len() as u64;
    let mut rest = text;
    while let Some((chunk, after)) = rest.split_first_chunk::<8>() {
        sum = (sum.rotate_left(23) ^ u64::from_le_bytes(*chunk)).wrapping_mul(FACTOR);
        rest = after;
    }
    let mut last = 0_u64;
    for &byte in rest {
        last = last << 8 | u64::from(byte);
    }
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
