//! Values that mean the right thing in the wrong type, made to fit a schema, with receipts.
//!
//! A stage of its own, after repair: every rule has a cost, and of all readings of a text the
//! cheapest one that fits is taken.

mod containers;
mod fit;
mod words;

use crate::repair::{self, Value, strict};
use fit::Fitter;
use std::borrow::Cow;

/// One value that was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    pub pointer: String,
    pub rule: &'static str,
    pub before: String,
    pub after: String,
}

/// A value that fits, and what was changed for it.
#[derive(Debug)]
pub struct Coerced {
    pub value: Value<'static>,
    pub receipts: Vec<Receipt>,
}

/// A reading of a text costs this much where it is not the whole text.
const PART: u32 = 10;
/// A text as a string, where it is JSON that is none.
const RAW: u32 = 1;

/// The value of a text that fits a schema best; None where nothing does.
pub fn coerce(text: &str, schema: &Value<'static>) -> Option<Coerced> {
    let mut best: Option<(u32, Coerced)> = None;
    let mut fitter = Fitter::new(schema);
    for (base, value) in readings(text) {
        fitter.decodes = base != RAW;
        if best.as_ref().is_some_and(|(cost, _)| *cost <= base) {
            continue;
        }
        let Some(found) = fitter.fit(&value, schema, "") else { continue };
        let is_converted_text = base == RAW && found.cost > 0;
        let cost = base + found.cost + if is_converted_text { PART + PART / 2 } else { 0 };
        if best.as_ref().is_none_or(|(lowest, _)| cost < *lowest) {
            best = Some((cost, Coerced { value: found.value, receipts: found.receipts }));
        }
    }
    best.map(|(_, coerced)| coerced)
}

/// What a text may be, the likeliest first.
fn readings(text: &str) -> Vec<(u32, Value<'static>)> {
    let raw = || Value::String(Cow::Owned(text.to_owned()));
    let mut readings = Vec::new();
    if let Ok(value) = strict::read(text) {
        readings.push((0, value.into_owned()));
        readings.push((RAW, raw()));
        return readings;
    }
    let mut documents: Vec<Value<'static>> = repair::documents(text);
    for (index, document) in (0_u32..).zip(&documents) {
        readings.push((PART + index.min(PART), document.clone()));
    }
    if documents.is_empty() {
        if let Ok(repaired) = repair::repair(text) {
            readings.push((PART, repaired.value.into_owned()));
        }
    } else if documents.len() > 1 {
        readings.push((PART + 2, Value::Array(std::mem::take(&mut documents))));
    }
    readings.push((RAW, raw()));
    readings.sort_by_key(|(base, _)| *base);
    readings
}
