//! The Python face of the engine: convert, call, convert back.

mod parsing;
mod repair;
mod values;

use llmharness_engine::{CompileError, Draft, Schema as Engine, Violation};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString, PyTuple};

/// Texts from this size on are checked with the interpreter released to other threads.
const RELEASE_FROM: usize = 4096;

#[pymodule(gil_used = false)]
mod _core {
    #[pymodule_export]
    use super::Schema;
    #[pymodule_export]
    use super::parsing::{OutputParser, OutputStream, grammars};
    #[pymodule_export]
    use super::repair::{Edits, coerce_json, repair_json};
}

/// A compiled JSON Schema; immutable, usable from any thread.
#[pyclass(frozen, module = "pytest_llmharness._native._core")]
struct Schema {
    engine: Engine,
}

#[pymethods]
impl Schema {
    /// Compile schema text. ValueError carries (kind, detail, violation | None).
    #[new]
    #[pyo3(signature = (text, draft, formats, registry, /))]
    fn new(
        py: Python<'_>,
        text: &str,
        draft: Option<&str>,
        formats: bool,
        registry: Vec<(String, String)>,
    ) -> PyResult<Self> {
        let draft = draft.map(draft_named).transpose()?;
        let compiled = py.detach(|| Engine::compile(text, draft, formats, &registry));
        let engine = compiled.map_err(|error| refusal(py, error))?;
        Ok(Self { engine })
    }

    /// Whether the text is JSON that satisfies the schema.
    #[pyo3(signature = (text, /))]
    fn accepts(&self, py: Python<'_>, text: &Bound<'_, PyAny>) -> PyResult<bool> {
        let Some(text) = bytes_of(text)? else { return Ok(false) };
        Ok(if text.len() < RELEASE_FROM {
            self.engine.accepts(text)
        } else {
            py.detach(|| self.engine.accepts(text))
        })
    }

    /// Everything that is wrong with the text, as tuples; an empty list where it is valid.
    #[pyo3(signature = (text, /))]
    fn check<'py>(&self, py: Python<'py>, text: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyList>> {
        // An empty text is no JSON either, so it stands for one that has no bytes at all.
        let text = bytes_of(text)?.unwrap_or_default();
        listed(py, &py.detach(|| self.engine.check(text)))
    }
}

/// The bytes of a text; None for a str that has none, because of lone surrogates.
fn bytes_of<'a>(text: &'a Bound<'_, PyAny>) -> PyResult<Option<&'a [u8]>> {
    if let Ok(text) = text.cast::<PyBytes>() {
        Ok(Some(text.as_bytes()))
    } else if let Ok(text) = text.cast::<PyString>() {
        Ok(text.to_str().ok().map(str::as_bytes))
    } else {
        let kind = text.get_type().name()?;
        Err(PyTypeError::new_err(format!("the text to check must be str or bytes, not {kind}")))
    }
}

fn draft_named(name: &str) -> PyResult<Draft> {
    match name {
        "4" => Ok(Draft::Draft4),
        "6" => Ok(Draft::Draft6),
        "7" => Ok(Draft::Draft7),
        "2019-09" => Ok(Draft::Draft201909),
        "2020-12" => Ok(Draft::Draft202012),
        _ => Err(PyValueError::new_err(("draft", name.to_owned(), None::<()>))),
    }
}

fn refusal(py: Python<'_>, error: CompileError) -> PyErr {
    let (kind, detail, violation) = match error {
        CompileError::NoJson(uri) => ("json", uri, None),
        CompileError::UnknownDialect(uri) => ("dialect", uri, None),
        CompileError::Invalid(violation) => ("invalid", String::new(), Some(violation)),
        CompileError::MissingReference(reference) => ("reference", reference, None),
        CompileError::TooDeep => ("deep", String::new(), None),
        CompileError::Other(message) => ("other", message, None),
    };
    let violation = violation.map(|violation| as_tuple(py, &violation)).transpose();
    match violation {
        Ok(violation) => PyValueError::new_err((kind, detail, violation.map(Bound::unbind))),
        Err(error) => error,
    }
}

fn listed<'py>(py: Python<'py>, violations: &[Violation]) -> PyResult<Bound<'py, PyList>> {
    let tuples = violations.iter().map(|violation| as_tuple(py, violation));
    PyList::new(py, tuples.collect::<PyResult<Vec<_>>>()?)
}

/// (pointer, schema pointer, keyword, expected as JSON text, branches, span).
fn as_tuple<'py>(py: Python<'py>, violation: &Violation) -> PyResult<Bound<'py, PyTuple>> {
    let branches = violation.branches.iter().map(|branch| listed(py, branch));
    (
        &violation.pointer,
        &violation.schema_pointer,
        &violation.keyword,
        violation.expected.to_string(),
        branches.collect::<PyResult<Vec<_>>>()?,
        violation.span,
    )
        .into_pyobject(py)
}
