//! `enum` and `const`: the values that may be there.

use super::{ARRAY, FALSE, FRACTION, INTEGER, Kinds, NULL, Names, OBJECT, STRING, TRUE};
use crate::canonical::canonical_of;
use crate::scan::Number;
use serde_json::Value;

/// The values of one `enum` or `const`.
pub struct Choice {
    pub keyword: &'static str,
    /// The kinds of the values.
    pub kinds: Kinds,
    pub strings: Names,
    pub numbers: Box<[Number]>,
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
                    let number = Number::of(number)?;
                    numbers.push(number);
                    if number.is_whole() { INTEGER } else { FRACTION }
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

    pub fn has_number(&self, number: Number) -> bool {
        self.numbers.iter().any(|each| each.equals(number))
    }

    pub fn has_container(&self, canonical: &[u8]) -> bool {
        self.containers.iter().any(|each| **each == *canonical)
    }
}
