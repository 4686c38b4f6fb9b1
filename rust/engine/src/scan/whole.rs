//! A whole value of which nothing is asked.

use super::{MAX_DEPTH, byte, number_end, past_space, string_end, word_end};

/// The position behind any JSON value, nested at most [`MAX_DEPTH`] with the `depth` around it.
///
/// `high` becomes true where a byte that is not ASCII was met.
#[inline(never)]
pub fn skip(text: &[u8], start: usize, depth: usize, high: &mut bool) -> Option<usize> {
    // One bit a level: set where it is an object.
    let mut kinds = 0_u128;
    let mut open = 0_usize;
    let mut at = start;
    loop {
        match byte(text, at) {
            b'"' => {
                let end = string_end(text, at + 1)?;
                *high |= end.high;
                at = end.at + 1;
            }
            bracket @ (b'{' | b'[') => {
                if depth + open >= MAX_DEPTH {
                    return None;
                }
                let inner = past_space(text, at + 1);
                if byte(text, inner) == bracket + 2 {
                    at = inner + 1;
                } else {
                    open += 1;
                    kinds = kinds << 1 | u128::from(bracket == b'{');
                    at = if bracket == b'{' { key_end(text, inner, high)? } else { inner };
                    continue;
                }
            }
            b'-' | b'0'..=b'9' => at = number_end(text, at)?,
            b't' => at = word_end(text, at, b"true")?,
            b'f' => at = word_end(text, at, b"false")?,
            b'n' => at = word_end(text, at, b"null")?,
            _ => return None,
        }
        // A value ended: go on with the next one, or close what it was the last of.
        loop {
            if open == 0 {
                return Some(at);
            }
            at = past_space(text, at);
            let in_object = kinds & 1 == 1;
            match byte(text, at) {
                b',' => {
                    at = past_space(text, at + 1);
                    if in_object {
                        at = key_end(text, at, high)?;
                    }
                    break;
                }
                b'}' if in_object => {}
                b']' if !in_object => {}
                _ => return None,
            }
            at += 1;
            open -= 1;
            kinds >>= 1;
        }
    }
}

/// The position of the value that follows the key at `at`.
fn key_end(text: &[u8], at: usize, high: &mut bool) -> Option<usize> {
    if byte(text, at) != b'"' {
        return None;
    }
    let end = string_end(text, at + 1)?;
    *high |= end.high;
    let colon = past_space(text, end.at + 1);
    (byte(text, colon) == b':').then(|| past_space(text, colon + 1))
}
