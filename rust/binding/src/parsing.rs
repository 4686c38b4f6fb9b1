//! The output parser, for Python.

use crate::objects::to_python;
use crate::released;
use crate::repair::Edits;
use llmharness_engine::parsing::{Arguments, Call, Event, GRAMMARS, Machine, Output, Parser, Tool};
use llmharness_engine::repair::{Value, strict};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::MutexExt;
use pyo3::types::{PyList, PyTuple};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A compiled output parser; immutable, usable from any thread.
#[pyclass(frozen, module = "pytest_llmharness._native._core")]
pub struct OutputParser {
    parser: Parser,
}

#[pymethods]
impl OutputParser {
    /// `tools` are (name, schema as JSON text). ValueError carries the grammar that is none.
    #[new]
    #[pyo3(signature = (grammars, tools, strict, /))]
    fn new(grammars: Option<Vec<String>>, tools: Vec<(String, String)>, strict: bool) -> PyResult<Self> {
        let tools =
            tools.into_iter().map(|(name, schema)| Tool { name, schema: schema_of(&schema) }).collect();
        let parser = Parser::new(grammars.as_deref(), tools, strict).map_err(PyValueError::new_err)?;
        Ok(Self { parser })
    }

    /// Parse a whole text: (text, thinking, calls, documents, edits, readings).
    #[pyo3(signature = (text, /))]
    fn parse<'py>(&self, py: Python<'py>, text: &str) -> PyResult<Bound<'py, PyTuple>> {
        let mut machine = Machine::default();
        released(py, text.len(), || {
            machine.feed(&self.parser, text);
            machine.close(&self.parser);
        });
        output(py, machine.output())
    }
}

fn schema_of(text: &str) -> Value<'static> {
    strict::read(text).map(Value::into_owned).unwrap_or(Value::Null)
}

/// One text that is being parsed piece by piece.
#[pyclass(frozen, module = "pytest_llmharness._native._core")]
pub struct OutputStream {
    parser: Py<OutputParser>,
    machine: Mutex<Machine>,
}

#[pymethods]
impl OutputStream {
    #[new]
    #[pyo3(signature = (parser, /))]
    fn new(parser: Py<OutputParser>) -> Self {
        Self { parser, machine: Mutex::new(Machine::default()) }
    }

    /// Take the next piece; what it decided comes back as (kind, value) tuples.
    #[pyo3(signature = (chunk, /))]
    fn feed<'py>(&self, py: Python<'py>, chunk: &str) -> PyResult<Bound<'py, PyList>> {
        let parser = &self.parser.get().parser;
        let found = py.detach(|| self.machine().feed(parser, chunk));
        events(py, &found)
    }

    /// Say that the text is over: the last events, and the output as `parse` gives it.
    fn close<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyList>, Bound<'py, PyTuple>)> {
        let parser = &self.parser.get().parser;
        let found = py.detach(|| self.machine().close(parser));
        let listed = events(py, &found)?;
        // Making objects may run other threads: who waits for the machine must not hold them up.
        let machine = self.machine.lock_py_attached(py).unwrap_or_else(PoisonError::into_inner);
        Ok((listed, output(py, machine.output())?))
    }
}

impl OutputStream {
    fn machine(&self) -> MutexGuard<'_, Machine> {
        self.machine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn events<'py>(py: Python<'py>, events: &[Event]) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(py);
    for event in events {
        let entry = match event {
            Event::Text(text) => ("text", text).into_pyobject(py)?,
            Event::Thinking(text) => ("thinking", text).into_pyobject(py)?,
            Event::Call(found) => ("tool_call", call(py, found)?).into_pyobject(py)?,
            Event::Document(value) => ("document", to_python(py, value)?).into_pyobject(py)?,
            Event::TextWasThinking => ("text_was_thinking", py.None()).into_pyobject(py)?,
        };
        list.append(entry)?;
    }
    Ok(list)
}

/// (name, arguments | None, raw arguments | None, id | None, span).
fn call<'py>(py: Python<'py>, call: &Call) -> PyResult<Bound<'py, PyTuple>> {
    let (arguments, raw) = match &call.arguments {
        Arguments::Named(value) => (Some(to_python(py, value)?), None),
        Arguments::Raw(text) => (None, Some(text)),
    };
    (&call.name, arguments, raw, &call.id, call.span).into_pyobject(py)
}

fn output<'py>(py: Python<'py>, output: &Output) -> PyResult<Bound<'py, PyTuple>> {
    let calls = output.calls.iter().map(|found| call(py, found)).collect::<PyResult<Vec<_>>>()?;
    let documents =
        output.documents.iter().map(|value| to_python(py, value)).collect::<PyResult<Vec<_>>>()?;
    let readings: Vec<_> =
        output.readings.iter().map(|reading| (reading.span, reading.grammars.clone())).collect();
    (&output.text, output.thinking.clone(), calls, documents, Edits::new(output.edits.clone()), readings)
        .into_pyobject(py)
}

/// The formats that are known: (name, family, models, source, markers).
#[pyfunction]
pub fn grammars(py: Python<'_>) -> PyResult<Bound<'_, PyList>> {
    let rows = GRAMMARS.iter().map(|grammar| {
        let markers: Vec<_> = grammar.markers().filter(|marker| !marker.is_empty()).collect();
        (grammar.name, grammar.family, grammar.models, grammar.source, markers)
    });
    PyList::new(py, rows.collect::<Vec<_>>())
}
