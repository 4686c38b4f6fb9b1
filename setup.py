"""Build the Rust core; everything else is said in pyproject.toml.

The core is optional for users (without it `Schema` falls back to jsonschema). With
LLMHARNESS_RUST=required a build that fails is an error.
"""

import os

from setuptools import setup
from setuptools_rust import Binding, RustExtension

setup(
    rust_extensions=[
        RustExtension(
            "pytest_llmharness._native._core",
            path="rust/binding/Cargo.toml",
            binding=Binding.PyO3,
            py_limited_api=True,
            debug=False,
            optional=os.environ.get("LLMHARNESS_RUST") != "required",
        )
    ],
)
