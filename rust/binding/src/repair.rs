//! Repair of damaged JSON, for Python.

use crate::objects::to_python;
use crate::released;
use llmharness_engine::coerce::coerce;
use llmharness_engine::repair::{Edit, Unrepairable, Value, repair, strict};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyString, PyTuple};

/// The edits of a repair; made into Python tuples only when they are asked for.
#[pyclass(frozen, module = "pytest_llmharness._native._core")]
pub struct Edits {
    edits: Vec<Edit>,
}

impl Edits {
    pub fn new(edits: Vec<Edit>) -> Self {
        Self { edits }
    }
}

#[pymethods]
impl Edits {
    fn __len__(&self) -> usize {
        self.edits.len()
    }

    /// ((start byte, end byte), rule) for every edit, in the order of the text.
    fn listed<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        PyTuple::new(py, self.edits.iter().map(|edit| ((edit.start, edit.end), edit.rule.name())))
    }
}

/// The value that damaged JSON meant, and the edits. ValueError carries (kind, byte | None).
#[pyfunction]
#[pyo3(signature = (text, /))]
pub fn repair_json<'py>(
    py: Python<'py>,
    text: &Bound<'py, PyString>,
) -> PyResult<(Bound<'py, PyAny>, Edits)> {
    let Ok(text) = text.to_str() else {
        return Err(PyValueError::new_err(("surrogate", None::<usize>)));
    };
    match released(py, text.len(), || repair(text)) {
        Ok(repaired) => Ok((to_python(py, &repaired.value)?, Edits::new(repaired.edits))),
        Err(Unrepairable::NoValue) => Err(PyValueError::new_err(("none", None::<usize>))),
        Err(Unrepairable::TooDeep(at)) => Err(PyValueError::new_err(("deep", Some(at)))),
        Err(Unrepairable::LoneSurrogate) => Err(PyValueError::new_err(("json", None::<usize>))),
    }
}

type Coerced<'py> = (Bound<'py, PyAny>, Vec<(String, &'static str, String, String)>);

/// The value of a text that fits a schema (as JSON text), and what was changed for it.
#[pyfunction]
#[pyo3(signature = (text, schema, /))]
pub fn coerce_json<'py>(py: Python<'py>, text: &str, schema: &str) -> PyResult<Coerced<'py>> {
    let schema = strict::read(schema).map(Value::into_owned).unwrap_or(Value::Bool(true));
    let Some(found) = released(py, text.len(), || coerce(text, &schema)) else {
        return Err(PyValueError::new_err(("unfit", "")));
    };
    let receipts = found.receipts.into_iter();
    let receipts = receipts.map(|found| (found.pointer, found.rule, found.before, found.after)).collect();
    Ok((to_python(py, &found.value)?, receipts))
}
