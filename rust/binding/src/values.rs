//! Python values as the JSON text they are, where that is plain to see.

use llmharness_engine::MAX_DEPTH;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};

/// Append the JSON of a value.
///
/// None where the value, or a part of it, is no plain None, bool, int of 64 bits, finite float,
/// str, list, tuple or dict with str keys: the caller then looks at it more slowly, and says why.
pub fn write(value: &Bound<'_, PyAny>, out: &mut Vec<u8>, depth: usize) -> Option<()> {
    if let Ok(text) = value.cast_exact::<PyString>() {
        write_str(text.to_str().ok()?, out);
    } else if let Ok(members) = value.cast_exact::<PyDict>() {
        write_dict(members, out, depth)?;
    } else if let Ok(items) = value.cast_exact::<PyList>() {
        write_items(items.iter(), out, depth)?;
    } else if let Ok(items) = value.cast_exact::<PyTuple>() {
        write_items(items.iter(), out, depth)?;
    } else if let Ok(number) = value.cast_exact::<PyInt>() {
        write_int(number, out)?;
    } else if let Ok(number) = value.cast_exact::<PyFloat>() {
        let number = number.extract::<f64>().ok().filter(|number| number.is_finite())?;
        out.extend(format!("{number:?}").as_bytes());
    } else if let Ok(truth) = value.cast_exact::<PyBool>() {
        out.extend(if truth.is_true() { &b"true"[..] } else { b"false" });
    } else if value.is_none() {
        out.extend(b"null");
    } else {
        return None;
    }
    Some(())
}

fn write_int(number: &Bound<'_, PyInt>, out: &mut Vec<u8>) -> Option<()> {
    let number: i64 = number.extract().ok()?;
    let mut digits = [0; 20];
    let mut rest = number.unsigned_abs();
    let mut length = 0;
    for slot in digits.iter_mut().rev() {
        *slot = b'0' + (rest % 10) as u8;
        rest /= 10;
        length += 1;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        out.push(b'-');
    }
    out.extend(digits.get(digits.len() - length..)?);
    Some(())
}

fn write_items<'py>(
    items: impl Iterator<Item = Bound<'py, PyAny>>,
    out: &mut Vec<u8>,
    depth: usize,
) -> Option<()> {
    if depth == MAX_DEPTH {
        return None;
    }
    out.push(b'[');
    for (number, item) in items.enumerate() {
        if number > 0 {
            out.push(b',');
        }
        write(&item, out, depth + 1)?;
    }
    out.push(b']');
    Some(())
}

fn write_dict(members: &Bound<'_, PyDict>, out: &mut Vec<u8>, depth: usize) -> Option<()> {
    if depth == MAX_DEPTH {
        return None;
    }
    out.push(b'{');
    for (number, (name, value)) in members.iter().enumerate() {
        if number > 0 {
            out.push(b',');
        }
        write_str(name.cast_exact::<PyString>().ok()?.to_str().ok()?, out);
        out.push(b':');
        write(&value, out, depth + 1)?;
    }
    out.push(b'}');
    Some(())
}

fn write_str(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|&byte| byte == b'"' || byte == b'\\' || byte < b' ') {
        let (plain, after) = rest.split_at(at);
        out.extend(plain);
        if let Some((&byte, after)) = after.split_first() {
            match byte {
                b'"' | b'\\' => out.extend([b'\\', byte]),
                _ => out.extend(format!("\\u{byte:04x}").as_bytes()),
            }
            rest = after;
        }
    }
    out.extend(rest);
    out.push(b'"');
}
