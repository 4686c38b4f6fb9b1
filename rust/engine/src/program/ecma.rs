//! ECMA-262 patterns where the Rust engines read them differently.

/// What ends a line for ECMA-262; its dot takes everything else.
const DOT: &str = r"[^\n\r\u{2028}\u{2029}]";
/// The edge of a word of ASCII letters, which is what ECMA-262 has words of.
const EDGE: &str = "(?:(?<=[A-Za-z0-9_])(?![A-Za-z0-9_])|(?<![A-Za-z0-9_])(?=[A-Za-z0-9_]))";
const NO_EDGE: &str = "(?:(?<=[A-Za-z0-9_])(?=[A-Za-z0-9_])|(?<![A-Za-z0-9_])(?![A-Za-z0-9_]))";

/// The pattern in words that its translation to Rust knows.
///
/// These are `\0`, `[\b]`, the empty classes, surrogate pairs, and `\<`, which means a `<`.
pub fn spelled_out(source: &str) -> String {
    rewritten(source, |piece, inside| match piece {
        r"\b" if inside => Some(r"\x08".to_owned()),
        r"\0" => Some(r"\x00".to_owned()),
        r"\<" => Some("<".to_owned()),
        r"\>" => Some(">".to_owned()),
        "[^]" => Some(r"[\s\S]".to_owned()),
        "[]" => Some(r"[^\s\S]".to_owned()),
        pair => astral(pair).map(|code| format!("\\u{{{code:X}}}")),
    })
}

/// A translated pattern, with the dot and the edges of words that ECMA-262 means.
///
/// `linear` is for the engine that has ASCII edges of its own, and no look-around.
pub fn with_own_meanings(translated: &str, linear: bool) -> String {
    rewritten(translated, |piece, inside| match piece {
        _ if inside => None,
        "." => Some(DOT.to_owned()),
        r"\b" => Some(if linear { r"(?-u:\b)" } else { EDGE }.to_owned()),
        r"\B" => Some(if linear { r"(?-u:\B)" } else { NO_EDGE }.to_owned()),
        _ => None,
    })
}

/// Exchange pieces of a pattern; `change` is told whether a piece stands in a class.
fn rewritten(pattern: &str, change: impl Fn(&str, bool) -> Option<String>) -> String {
    let mut out = String::with_capacity(pattern.len());
    let (mut rest, mut inside) = (pattern, 0_usize);
    while let Some(length) = piece_length(rest, inside > 0) {
        let (piece, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        match change(piece, inside > 0) {
            Some(changed) => out.push_str(&changed),
            None => out.push_str(piece),
        }
        match piece {
            // Translated classes may hold others.
            "[" => inside += 1,
            "]" => inside = inside.saturating_sub(1),
            _ => {}
        }
        rest = after;
    }
    out
}

/// How many bytes belong together at the start; None at the end.
fn piece_length(rest: &str, inside: bool) -> Option<usize> {
    let first = rest.chars().next()?;
    let length = match first {
        '\\' if astral(rest.get(..12).unwrap_or_default()).is_some() => 12,
        // An octal escape is none of ours.
        '\\' if rest.starts_with(r"\0") && rest.chars().nth(2).is_some_and(|next| next.is_ascii_digit()) => 3,
        '\\' => 1 + rest.chars().nth(1).map_or(0, char::len_utf8),
        '[' if !inside && rest.starts_with("[^]") => 3,
        '[' if !inside && rest.starts_with("[]") => 2,
        other => other.len_utf8(),
    };
    Some(length)
}

/// The character that a pair of escaped surrogates stands for.
fn astral(pair: &str) -> Option<u32> {
    let (high, low) = pair.strip_prefix(r"\u")?.split_once(r"\u")?;
    let unit = |digits: &str| (digits.len() == 4).then(|| u32::from_str_radix(digits, 16).ok()).flatten();
    let (high, low) = (unit(high)?, unit(low)?);
    let is_pair = (0xD800..0xDC00).contains(&high) && (0xDC00..0xE000).contains(&low);
    is_pair.then(|| 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::Wording;

    #[test]
    fn patterns_mean_what_ecma_says() {
        let cases = [
            (".", "\u{2028}", false),
            (".", "\r", false),
            (".", "a", true),
            (r"[.]", "a", false),
            (r"^\.$", ".", true),
            (r"^é\b", "éa", true),
            (r"^a\b", "aé", true),
            (r"a\B", "aé", false),
            (r"a\B", "ab", true),
            (r"(?=a)a\b", "aé", true),
            (r"(?=a)a\B", "aé", false),
            (r"^\0$", "\0", true),
            (r"^[\b]$", "\u{8}", true),
            (r"^[^]$", "\n", true),
            (r"^[]$", "a", false),
            (r"^\uD83D\uDE00$", "\u{1F600}", true),
            (r"^[\uD83D\uDE00]$", "\u{1F600}", true),
            (r"\<a", "<a", true),
            (r"\<a", "a", false),
            (r"^\\u0041$", "\\u0041", true),
        ];
        for (pattern, text, expected) in cases {
            let holds = Wording::pattern(pattern).map(|wording| wording.holds(text));
            assert_eq!(holds, Some(expected), "{pattern} {text:?}");
        }
    }

    #[test]
    fn what_needs_no_change_stays() {
        for pattern in [r"^[a-z\]]+\\$", r"\u12", "é[", r"a\", r"\uD83D\u0041", r"\01"] {
            assert_eq!(spelled_out(pattern), pattern);
            assert_eq!(with_own_meanings(pattern, true), pattern);
        }
    }
}
