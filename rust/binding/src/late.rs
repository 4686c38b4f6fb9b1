//! Objects that are filled when they are first read.
#![allow(unsafe_code)]

use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyTuple, PyType};
use std::mem::transmute;

/// Make objects without calling their class, and set the `_origin` of each to (origin, number).
///
/// In Python this takes four times as long, and more than half of a short check.
pub fn unfilled<'py>(
    kind: &Bound<'py, PyType>,
    origin: &Bound<'py, PyAny>,
    count: usize,
) -> PyResult<Bound<'py, PyTuple>> {
    let alloc = plain_allocator(kind)?;
    let name = intern!(kind.py(), "_origin");
    let one = |number: usize| {
        let whence = (origin, number).into_pyobject(kind.py())?;
        // SAFETY: `plain_allocator` says that the class makes its objects with `object.__new__`,
        // which allocates them and does no more; the result is a new reference or null with an
        // error set.
        let made = unsafe { Bound::from_owned_ptr_or_err(kind.py(), alloc(kind.as_type_ptr(), 0)) }?;
        // SAFETY: all three are live objects, the name is a str, and the call takes its own
        // references. It sets what a frozen class does not let be set; any object may be passed.
        let status = unsafe { ffi::PyObject_GenericSetAttr(made.as_ptr(), name.as_ptr(), whence.as_ptr()) };
        if status == 0 { Ok(made) } else { Err(PyErr::fetch(kind.py())) }
    };
    PyTuple::new(kind.py(), (0..count).map(one).collect::<PyResult<Vec<_>>>()?)
}

/// How the class allocates its objects, if `object.__new__` is all that makes them.
fn plain_allocator(kind: &Bound<'_, PyType>) -> PyResult<ffi::allocfunc> {
    let object = kind.py().get_type::<PyAny>();
    // SAFETY: both are types; the slots hold null or a function of the type that CPython gives
    // the slot, and `Option` reads null as none.
    let (same, alloc) = unsafe {
        let new = ffi::PyType_GetSlot(kind.as_type_ptr(), ffi::Py_tp_new);
        let plain = ffi::PyType_GetSlot(object.as_type_ptr(), ffi::Py_tp_new);
        let alloc = ffi::PyType_GetSlot(kind.as_type_ptr(), ffi::Py_tp_alloc);
        (new == plain, transmute::<*mut std::ffi::c_void, Option<ffi::allocfunc>>(alloc))
    };
    alloc.filter(|_| same).ok_or_else(|| PyTypeError::new_err("the class makes its objects itself"))
}
