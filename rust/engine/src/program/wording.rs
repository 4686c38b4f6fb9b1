//! What a string has to be like: a pattern, or a format of the dialect.

use super::ecma::{spelled_out, with_own_meanings};
use jsonschema::{Draft, Validator};
use jsonschema_regex::{
    PatternAnalysis, analyze_pattern, contains_ecma_whitespace, is_valid_ecma_regex, to_rust_regex,
};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// The formats that any draft knows; which of them it asserts, the `jsonschema` crate says.
const FORMATS: [&str; 19] = [
    "date",
    "date-time",
    "duration",
    "email",
    "hostname",
    "idn-email",
    "idn-hostname",
    "ipv4",
    "ipv6",
    "iri",
    "iri-reference",
    "json-pointer",
    "regex",
    "relative-json-pointer",
    "time",
    "uri",
    "uri-reference",
    "uri-template",
    "uuid",
];

/// A test of a string.
#[derive(Clone)]
pub enum Wording {
    Starts(Arc<str>),
    Is(Arc<str>),
    OneOf(Arc<[String]>),
    NoSpace,
    Matches(Arc<regex::Regex>),
    /// With look-around or back references; given up beyond a million steps, which rejects.
    Searches(Arc<fancy_regex::Regex>),
    Format(Arc<Validator>),
}

impl Wording {
    /// An ECMA-262 pattern; None where it is none, or none that the engines know.
    pub fn pattern(source: &str) -> Option<Self> {
        match analyze_pattern(source) {
            Some(PatternAnalysis::Prefix(prefix)) => return Some(Self::Starts(prefix.as_ref().into())),
            Some(PatternAnalysis::Exact(exact)) => return Some(Self::Is(exact.as_ref().into())),
            Some(PatternAnalysis::Alternation(words)) => return Some(Self::OneOf(words.into())),
            Some(PatternAnalysis::NoWhitespace) => return Some(Self::NoSpace),
            None => {}
        }
        let source = spelled_out(source);
        if !is_valid_ecma_regex(&source) {
            return None;
        }
        let translated = to_rust_regex(&source).ok()?;
        match regex::Regex::new(&with_own_meanings(&translated, true)) {
            Ok(linear) => Some(Self::Matches(Arc::new(linear))),
            Err(_) => {
                let regex = fancy_regex::Regex::new(&with_own_meanings(&translated, false)).ok()?;
                Some(Self::Searches(Arc::new(regex)))
            }
        }
    }

    /// A format; None where the draft does not assert it.
    pub fn format(name: &str, draft: Draft) -> Option<Self> {
        type Known = HashMap<(&'static str, Draft), Option<Arc<Validator>>>;
        static KNOWN: OnceLock<Mutex<Known>> = OnceLock::new();
        let name = FORMATS.iter().find(|known| **known == name)?;
        let mut known = KNOWN.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
        let build = || {
            let options = jsonschema::options().with_draft(draft).should_validate_formats(true);
            options.build(&json!({"format": name})).ok().map(Arc::new)
        };
        known.entry((name, draft)).or_insert_with(build).clone().map(Self::Format)
    }

    pub fn holds(&self, text: &str) -> bool {
        match self {
            Self::Starts(prefix) => text.starts_with(&**prefix),
            Self::Is(exact) => *text == **exact,
            Self::OneOf(words) => words.iter().any(|word| word == text),
            Self::NoSpace => !contains_ecma_whitespace(text),
            // The engines panic on a few patterns; such a one matches nothing.
            Self::Matches(regex) => catch_unwind(AssertUnwindSafe(|| regex.is_match(text))).unwrap_or(false),
            Self::Searches(regex) => {
                catch_unwind(AssertUnwindSafe(|| regex.is_match(text).unwrap_or(false))).unwrap_or(false)
            }
            Self::Format(rule) => rule.is_valid(&Value::String(text.to_owned())),
        }
    }
}
