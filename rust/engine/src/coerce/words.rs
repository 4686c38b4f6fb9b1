//! What words mean: numbers with currency signs, truth in prose, the names of an enum.

use crate::repair::{Value, is_number};
use std::borrow::Cow;

/// A reading out of prose costs this much.
const PROSE: u32 = 20;

/// A value of an enum, and every name it goes by.
pub(super) struct Choice {
    pub(super) value: Value<'static>,
    names: Vec<String>,
}

impl Choice {
    pub(super) fn new<'a>(value: Value<'static>, others: impl Iterator<Item = &'a str>) -> Self {
        let own = value.clone().into_text().into_owned();
        let names = std::iter::once(own).chain(others.map(str::to_owned)).collect();
        Self { value, names }
    }
}

/// The choice that a text names, and the price of it; None where it names none, or several.
pub(super) fn choose(text: &str, choices: &[Choice]) -> Option<(Value<'static>, u32)> {
    let trimmed = text.trim();
    let rules: [fn(&str) -> String; 3] = [str::to_owned, str::to_lowercase, letters];
    for (cost, rule) in (1..).zip(rules) {
        let wanted = rule(trimmed);
        let mut found = choices.iter().filter(|choice| choice.names.iter().any(|name| rule(name) == wanted));
        if let (Some(choice), None) = (found.next(), found.next()) {
            return Some((choice.value.clone(), cost));
        }
    }
    named_in(trimmed, choices).map(|choice| (choice.value.clone(), PROSE))
}

fn letters(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The one choice that a text names most often: as it is written, else in any case.
fn named_in<'c>(text: &str, choices: &'c [Choice]) -> Option<&'c Choice> {
    let cases: [fn(&str) -> String; 2] = [str::to_owned, str::to_lowercase];
    for case in cases {
        let text = case(text);
        let times =
            |choice: &Choice| choice.names.iter().map(|name| count(&text, &case(name))).sum::<usize>();
        let mut counts: Vec<(usize, &Choice)> =
            choices.iter().map(|choice| (times(choice), choice)).collect();
        counts.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
        match counts.as_slice() {
            [(0, _), ..] | [] => continue,
            [(most, choice), rest @ ..] => {
                return rest.first().is_none_or(|(next, _)| next < most).then_some(*choice);
            }
        }
    }
    None
}

/// How often a name stands in a text as a word.
fn count(text: &str, name: &str) -> usize {
    if name.is_empty() {
        return 0;
    }
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let found = text.match_indices(name).filter(|(at, _)| {
        let before = text.get(..*at).and_then(|before| before.chars().next_back());
        let after = text.get(at + name.len()..).and_then(|after| after.chars().next());
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    });
    found.count()
}

/// What a text says is true or false, and the price of it; None where it says neither, or both.
pub(super) fn truth(text: &str) -> Option<(bool, u32)> {
    let lower = text.trim().to_lowercase();
    match lower.as_str() {
        "true" | "yes" => return Some((true, 1)),
        "false" | "no" => return Some((false, 1)),
        _ => {}
    }
    match (count(&lower, "true"), count(&lower, "false")) {
        (1.., 0) => Some((true, PROSE)),
        (0, 1..) => Some((false, PROSE)),
        _ => None,
    }
}

pub(super) fn is_null(text: &str) -> bool {
    matches!(text.trim().to_lowercase().as_str(), "null" | "none" | "nil" | "n/a" | "")
}

/// The number that a text is: with a currency sign, thousands separators, a percent sign.
pub(super) fn number(text: &str) -> Option<String> {
    const SIGNS: [char; 7] = ['$', '€', '£', '¥', '₹', '%', ' '];
    let mut text = text.trim();
    let lower = text.to_lowercase();
    for unit in ["usd", "eur", "gbp"] {
        if lower.ends_with(unit) && text.is_char_boundary(text.len() - unit.len()) {
            text = text.get(..text.len() - unit.len())?.trim();
        } else if lower.starts_with(unit) && text.is_char_boundary(unit.len()) {
            text = text.get(unit.len()..)?.trim();
        }
    }
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest.trim_start_matches(SIGNS)),
        None => ("", text.trim_start_matches(SIGNS)),
    };
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) if sign.is_empty() => ("-", rest),
        _ => (sign, text),
    };
    let text = text.trim_end_matches(SIGNS).trim_start_matches('+');
    if let Some((over, under)) = text.split_once('/') {
        let (over, under) = (over.trim().parse::<f64>().ok()?, under.trim().parse::<f64>().ok()?);
        return (under != 0.0).then(|| format!("{sign}{:?}", over / under));
    }
    let plain = without_separators(text)?;
    let whole = plain.trim_start_matches('0');
    let lead = if whole.is_empty() || whole.starts_with(['.', 'e', 'E']) { "0" } else { "" };
    let tail = if whole.ends_with('.') { "0" } else { "" };
    let number = format!("{sign}{lead}{whole}{tail}");
    is_number(&number).then_some(number)
}

/// `1,234,567.8`: groups of three digits, or none.
fn without_separators(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains([',', '_']) {
        return Some(Cow::Borrowed(text));
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut groups = whole.split([',', '_']);
    let first = groups.next()?;
    let grouped = (1..=3).contains(&first.len())
        && groups.all(|group| group.len() == 3)
        && !fraction.contains([',', '_']);
    grouped.then(|| Cow::Owned(text.replace([',', '_'], "")))
}

/// A number without its fraction, where that is zero.
pub(super) fn whole(number: &str) -> Option<String> {
    if crate::repair::is_integer(number) {
        return Some(number.to_owned());
    }
    let value = number.parse::<f64>().ok()?;
    (value.fract() == 0.0 && value.abs() < 9e15).then(|| format!("{value:.0}"))
}

/// The member that a property names: by its key, by an alias, or by its letters.
pub(super) fn member(
    members: &[(Cow<'_, str>, Value<'_>)],
    used: &[bool],
    name: &str,
    schema: &Value<'_>,
) -> Option<usize> {
    let aliases: Vec<&str> = schema
        .get("x-aliases")
        .and_then(Value::items)
        .unwrap_or_default()
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let place = |fits: &dyn Fn(&str) -> bool| {
        members.iter().zip(used).rposition(|((key, _), used)| !*used && fits(key))
    };
    let wanted = letters(name);
    place(&|key| key == name)
        .or_else(|| place(&|key| aliases.contains(&key)))
        .or_else(|| place(&|key| !wanted.is_empty() && letters(key) == wanted))
}
