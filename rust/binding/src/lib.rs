//! The Python face of the engine: convert, call, convert back.

mod late;
mod objects;
mod parsing;
mod repair;
mod request;
mod stream;
mod values;
mod verdict_call;

use crate::stream::Stream;
use llmharness_engine::{CompileError, Draft, Report, Schema as Engine, Violation};
use pyo3::exceptions::{PyIndexError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyCFunction, PyDict, PyList, PyString, PyTuple, PyType};

/// Texts from this size on are checked with the interpreter released to other threads.
const RELEASE_FROM: usize = 4096;

#[pymodule(gil_used = false)]
mod _core {
    #[pymodule_export]
    use super::parsing::{OutputParser, OutputStream, grammars};
    #[pymodule_export]
    use super::repair::{Edits, coerce_json, repair_json};
    #[pymodule_export]
    use super::request::{request_key, request_prefixes, request_text};
    /// Changes whenever a request gets another key than before.
    #[pymodule_export]
    const REQUEST_VERSION: u32 = llmharness_engine::request::VERSION;
    #[pymodule_export]
    use super::{Findings, Schema, Stream, json_of};
}

/// The JSON text of a Python value; None where it takes a slower look.
#[pyfunction]
#[pyo3(signature = (value, /))]
fn json_of(value: &Bound<'_, PyAny>) -> Option<String> {
    values::json_of(value)
}

/// A compiled JSON Schema; immutable, usable from any thread.
#[pyclass(frozen, module = "pytest_llmharness._native._core")]
struct Schema {
    engine: Engine,
    /// What it was compiled from.
    #[pyo3(get)]
    text: String,
}

#[pymethods]
impl Schema {
    /// Compile JSON text, a dict or a bool. ValueError carries (kind, detail, violation | None);
    /// TypeError means that it takes a slower look to make text of it.
    #[new]
    #[pyo3(signature = (schema, draft, formats, registry, /))]
    fn new(
        py: Python<'_>,
        schema: &Bound<'_, PyAny>,
        draft: Option<&str>,
        formats: bool,
        registry: Vec<(String, String)>,
    ) -> PyResult<Self> {
        let text = text_of(schema).ok_or_else(|| PyTypeError::new_err("not plain"))?;
        let draft = draft.map(draft_named).transpose()?;
        let others = registry.iter().map(|(_, document)| document.len()).sum::<usize>();
        let compile = || Engine::compile(&text, draft, formats, &registry);
        let compiled = released(py, text.len() + others, compile);
        let engine = compiled.map_err(|error| refusal(py, error))?;
        Ok(Self { engine, text })
    }

    /// (text: str | bytes, /) -> bool: whether the text is JSON that satisfies the schema.
    #[getter]
    fn accepts<'py>(schema: &Bound<'py, Self>) -> PyResult<Bound<'py, PyCFunction>> {
        verdict_call::of(schema)
    }

    /// Whether a Python value, as JSON, satisfies the schema; None where it takes a slower look.
    #[pyo3(signature = (value, /))]
    fn accepts_value(&self, py: Python<'_>, value: &Bound<'_, PyAny>) -> Option<bool> {
        let mut text = Vec::with_capacity(256);
        values::write(value, &mut text, 0)?;
        // What was written is UTF-8: it came from str.
        Some(released(py, text.len(), || self.engine.accepts(&text)))
    }

    /// A check of a text that is still arriving.
    fn stream(schema: &Bound<'_, Self>) -> Stream {
        Stream::of(schema)
    }

    /// Whether the own engine reads the schema; else the jsonschema crate does.
    #[getter]
    fn is_own(&self) -> bool {
        self.engine.is_own()
    }

    /// Everything that is wrong with the text; put into words when it is asked for.
    #[pyo3(signature = (text, /))]
    fn check(schema: &Bound<'_, Self>, text: &Bound<'_, PyAny>) -> PyResult<Findings> {
        // An empty text is no JSON either, so it stands for one that has no bytes at all.
        let bytes = bytes_of(text)?.unwrap_or_default();
        let py = schema.py();
        let engine = &schema.get().engine;
        let report = released(py, bytes.len(), || engine.check(bytes));
        Ok(Findings { report, schema: schema.clone().unbind(), text: text.clone().unbind() })
    }
}

/// What is wrong with one text: a sequence of tuples that are made when they are asked for.
#[pyclass(frozen, sequence, module = "pytest_llmharness._native._core")]
struct Findings {
    report: Report,
    schema: Py<Schema>,
    text: Py<PyAny>,
}

#[pymethods]
impl Findings {
    fn __len__(&self) -> usize {
        self.report.len()
    }

    fn __getitem__<'py>(&self, py: Python<'py>, number: usize) -> PyResult<Bound<'py, PyTuple>> {
        let engine = &self.schema.get().engine;
        let text = bytes_of(self.text.bind(py))?.unwrap_or_default();
        let violation = released(py, text.len(), || engine.violation(&self.report, number, text));
        as_tuple(py, &violation.ok_or_else(|| PyIndexError::new_err("there are no more findings"))?)
    }

    /// One unfilled object of the class for each finding; it knows where it comes from.
    #[pyo3(signature = (kind, origin, /))]
    fn unfilled<'py>(
        &self,
        kind: &Bound<'py, PyType>,
        origin: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyTuple>> {
        late::unfilled(kind, origin, self.report.len())
    }

    /// Pickled and copied as the plain list it stands for.
    fn __reduce__<'py>(findings: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyType>, (Bound<'py, PyList>,))> {
        let py = findings.py();
        let found = (0..findings.len()?).map(|number| findings.get().__getitem__(py, number));
        let list = PyList::new(py, found.collect::<PyResult<Vec<_>>>()?)?;
        Ok((list.get_type(), (list,)))
    }
}

/// A schema as JSON text, where that is plain to see.
fn text_of(schema: &Bound<'_, PyAny>) -> Option<String> {
    if let Ok(text) = schema.cast::<PyString>() {
        return text.to_str().ok().map(str::to_owned);
    }
    if schema.is_exact_instance_of::<PyDict>() || schema.is_exact_instance_of::<PyBool>() {
        return values::json_of(schema);
    }
    None
}

/// The bytes of a text; None for a str that has none, because of lone surrogates.
fn bytes_of<'a>(text: &'a Bound<'_, PyAny>) -> PyResult<Option<&'a [u8]>> {
    if let Ok(text) = text.cast::<PyBytes>() {
        Ok(Some(text.as_bytes()))
    } else if let Ok(text) = text.cast::<PyString>() {
        Ok(text.to_str().ok().map(str::as_bytes))
    } else {
        Err(no_text(text))
    }
}

#[cold]
fn no_text(text: &Bound<'_, PyAny>) -> PyErr {
    match text.get_type().name() {
        Ok(kind) => PyTypeError::new_err(format!("the text to check must be str or bytes, not {kind}")),
        Err(error) => error,
    }
}

/// Do `work` on a text of so many bytes, with the interpreter released where it is worth it.
fn released<T: Send>(py: Python<'_>, bytes: usize, work: impl FnOnce() -> T + Send) -> T {
    if bytes < RELEASE_FROM { work() } else { py.detach(work) }
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
