//! `enum` and `const`: the values that may be there.

use super::{ARRAY, FALSE, FRACTION, INTEGER, Kinds, NULL, NUMBER, Names, OBJECT, STRING, TRUE};
use crate::canonical::{self, canonical_of};
use crate::scan::{Limit, Number, decoded, number_end, number_in, string_end};
use serde_json::Value;

/// The values of one `enum` or `const`.
pub struct Choice {
    pub keyword: &'static str,
    /// The kinds of the values.
    pub kinds: Kinds,
    pub strings: Names,
    pub numbers: Box<[Limit]>,
    /// Arrays and objects in their canonical form.
    pub containers: Box<[Box<[u8]>]>,
}

impl Choice {
    pub fn of(keyword: &'static str, values: &[Value]) -> Option<Self> {
        let mut kinds = 0;
        let mut strings: Vec<&str> = Vec::new();
        let mut numbers = Vec::new();
        let mut containers = Vec::new();
        for value in values {
            kinds |= match value {
                Value::Null => NULL,
                Value::Bool(false) => FALSE,
                Value::Bool(true) => TRUE,
                Value::Number(number) => {
                    let number = Limit::of(number)?;
                    let kind = if number.number().is_whole() { INTEGER } else { FRACTION };
                    numbers.push(number);
                    kind
                }
                Value::String(text) => {
                    strings.push(text);
                    STRING
                }
                Value::Array(_) => ARRAY,
                Value::Object(_) => OBJECT,
            };
            if value.is_array() || value.is_object() {
                containers.push(canonical_of(value)?.into());
            }
        }
        Some(Self {
            keyword,
            kinds,
            strings: Names::of(strings),
            numbers: numbers.into(),
            containers: containers.into(),
        })
    }

    /// Whether the value at `at` is one of them; None only where the text is no JSON.
    pub fn holds(&self, text: &[u8], at: usize, kind: Kinds) -> Option<bool> {
        Some(match kind {
            STRING => {
                let end = string_end(text, at + 1)?;
                let words = decoded(text.get(at + 1..end.at)?, end.escaped)?;
                self.strings.find(words.as_bytes()).is_some()
            }
            NUMBER => self.has_number(number_in(text.get(at..number_end(text, at)?)?)),
            ARRAY | OBJECT => {
                let mut form = Vec::new();
                canonical::write(text, at, &mut form)?;
                self.has_container(&form)
            }
            _ => self.kinds & kind != 0,
        })
    }

    pub fn has_number(&self, number: Number<'_>) -> bool {
        self.numbers.iter().any(|each| each.number().equals(number))
    }

    pub fn has_container(&self, canonical: &[u8]) -> bool {
        self.containers.iter().any(|each| **each == *canonical)
    }
}
