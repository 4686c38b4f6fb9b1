//! The check of a text that is still arriving.

use super::{Schema, bytes_of, listed, released};
use llmharness_engine::{Progress, Stream as Engine};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A byte that JSON has nowhere: it stands for a str that has no UTF-8.
const NO_UTF8: &[u8] = &[0xFF];

/// One text, as far as it has arrived; threads take turns.
#[pyclass(frozen, module = "pytest_llmharness._native._core")]
pub struct Stream {
    schema: Py<Schema>,
    engine: Mutex<Engine>,
}

impl Stream {
    pub(super) fn of(schema: &Bound<'_, Schema>) -> Self {
        Self { schema: schema.clone().unbind(), engine: Mutex::default() }
    }

    fn engine(&self) -> MutexGuard<'_, Engine> {
        self.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Stream {
    /// Take the next chunk; "viable", "complete" or "doomed".
    #[pyo3(signature = (chunk, /))]
    fn feed(&self, py: Python<'_>, chunk: &Bound<'_, PyAny>) -> PyResult<&'static str> {
        let chunk = bytes_of(chunk)?.unwrap_or(NO_UTF8);
        let schema = &self.schema.get().engine;
        let progress = released(py, chunk.len(), || schema.feed(&mut self.engine(), chunk));
        Ok(match progress {
            Progress::Viable => "viable",
            Progress::Complete => "complete",
            Progress::Doomed => "doomed",
        })
    }

    /// Whether a text is doomed at the very first byte after which nothing helps.
    #[getter]
    fn exact(&self) -> bool {
        self.schema.get().engine.streams_exactly()
    }

    /// The text up to the byte that doomed it.
    #[getter]
    fn text<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.engine().text())
    }

    /// What dooms the text, as tuples.
    fn findings<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let found = self.schema.get().engine.stream_violations(&self.engine());
        listed(py, &found)
    }

    /// (the JSON of the doomed value so far, for each part of its pointer whether it is a name).
    fn scene(&self) -> (String, Vec<bool>) {
        self.engine().scene()
    }
}
