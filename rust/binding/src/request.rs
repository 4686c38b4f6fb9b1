//! Requests to a model, and when two of them are one.

use crate::released;
use llmharness_engine::request::{Request, Volatile};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// 16 bytes for a request with this head; None where its body is no JSON.
#[pyfunction]
#[pyo3(signature = (head, path, body, volatile, folders, /))]
pub fn request_key<'py>(
    py: Python<'py>,
    head: &[u8],
    path: &str,
    body: &[u8],
    volatile: Option<Vec<String>>,
    folders: Vec<String>,
) -> Option<Bound<'py, PyBytes>> {
    let volatile = volatile.map(|names| named(&names, folders));
    let work = || Request::of(path, body, volatile.as_ref())?.key(head);
    Some(PyBytes::new(py, &released(py, body.len(), work)?))
}

/// A key for each beginning of the conversation.
#[pyfunction]
#[pyo3(signature = (path, body, volatile, folders, /))]
pub fn request_prefixes<'py>(
    py: Python<'py>,
    path: &str,
    body: &[u8],
    volatile: Option<Vec<String>>,
    folders: Vec<String>,
) -> Vec<Bound<'py, PyBytes>> {
    let volatile = volatile.map(|names| named(&names, folders));
    let work = || Request::of(path, body, volatile.as_ref()).map(|request| request.prefixes());
    let keys = released(py, body.len(), work).unwrap_or_default();
    keys.iter().map(|key| PyBytes::new(py, key)).collect()
}

/// The request in its canonical form, as JSON text; None where it is no JSON.
#[pyfunction]
#[pyo3(signature = (path, body, volatile, folders, /))]
pub fn request_text(
    py: Python<'_>,
    path: &str,
    body: &[u8],
    volatile: Option<Vec<String>>,
    folders: Vec<String>,
) -> Option<String> {
    let volatile = volatile.map(|names| named(&names, folders));
    released(py, body.len(), || Request::of(path, body, volatile.as_ref()).map(|request| request.text()))
}

fn named(names: &[String], folders: Vec<String>) -> Volatile {
    let has = |name: &str| names.iter().any(|each| each == name);
    Volatile {
        uuids: has("uuid"),
        times: has("time"),
        call_ids: has("call_id"),
        folders: if has("cwd") { folders } else { Vec::new() },
    }
}
