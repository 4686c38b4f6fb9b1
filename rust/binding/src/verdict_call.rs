//! `accepts` as CPython calls it: one argument, no arrays, no bookkeeping.
//!
//! PyO3's own wrapper costs more than checking a small tool call does; this one a third of it.
#![allow(unsafe_code)]

use super::{Schema, no_text, released};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyCFunction, PyString};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

struct Method(ffi::PyMethodDef);

// SAFETY: it is never written, and its pointers lead to static strings.
unsafe impl Sync for Method {}

static ACCEPTS: Method = Method(ffi::PyMethodDef {
    ml_name: c"accepts".as_ptr(),
    ml_meth: ffi::PyMethodDefPointer { PyCFunction: accepts },
    ml_flags: ffi::METH_O,
    ml_doc: c"accepts($self, text, /)\n--\n\nWhether the text is JSON that satisfies the schema.".as_ptr(),
});

/// The built-in method `accepts` of a schema.
pub fn of<'py>(schema: &Bound<'py, Schema>) -> PyResult<Bound<'py, PyCFunction>> {
    // SAFETY: CPython only reads the definition, which is static; it takes its own reference to
    // the schema, and returns a new one to the method or null with an error set.
    unsafe {
        let method = ptr::from_ref(&ACCEPTS.0).cast_mut();
        let made = ffi::PyCFunction_NewEx(method, schema.as_ptr(), ptr::null_mut());
        Bound::from_owned_ptr_or_err(schema.py(), made).map(|made| made.cast_into_unchecked())
    }
}

/// What CPython calls, attached to the interpreter, with the schema that `of` bound and any object.
unsafe extern "C" fn accepts(schema: *mut ffi::PyObject, text: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: CPython calls methods attached, with borrowed references that outlive the call, and
    // `of` is the only maker of this method, so the receiver is a `Schema`.
    let (py, schema, text) = unsafe {
        let py = Python::assume_attached();
        let schema = Borrowed::from_ptr(py, schema).cast_unchecked::<Schema>();
        (py, schema, Borrowed::from_ptr(py, text))
    };
    let schema = schema.get();
    match catch_unwind(AssertUnwindSafe(|| verdict(py, schema, &text))) {
        Ok(Ok(valid)) => PyBool::new(py, valid).to_owned().into_ptr(),
        // Work that panicked has accepted nothing.
        Err(_) => PyBool::new(py, false).to_owned().into_ptr(),
        Ok(Err(error)) => {
            error.restore(py);
            ptr::null_mut()
        }
    }
}

#[inline(always)]
fn verdict(py: Python<'_>, schema: &Schema, text: &Bound<'_, PyAny>) -> PyResult<bool> {
    if let Ok(text) = text.cast_exact::<PyBytes>() {
        return Ok(of_bytes(py, schema, text.as_bytes()));
    }
    if let Ok(text) = text.cast::<PyString>() {
        // A str without UTF-8 holds lone surrogates, and is no JSON.
        let Ok(text) = text.to_str() else { return Ok(false) };
        return Ok(released(py, text.len(), || schema.engine.accepts_str(text)));
    }
    match text.cast::<PyBytes>() {
        Ok(text) => Ok(of_bytes(py, schema, text.as_bytes())),
        Err(_) => Err(no_text(text)),
    }
}

#[inline(always)]
fn of_bytes(py: Python<'_>, schema: &Schema, text: &[u8]) -> bool {
    released(py, text.len(), || schema.engine.accepts(text))
}
