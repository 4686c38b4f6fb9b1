"""Build the Rust core; everything else is said in pyproject.toml.

The core is optional for users (without it `Schema` falls back to jsonschema). With
LLMHARNESS_RUST=required a build that fails is an error.
"""

import os

from setuptools import setup
from setuptools_rust import Binding, RustExtension
from setuptools_rust import build_rust as _build_rust


class build_rust(_build_rust):  # noqa: N801 - the name of the command
    """Build the core, or say plainly that there is none."""

    built = False

    def run_for_extension(self, extension: RustExtension) -> None:
        """Build one extension."""
        super().run_for_extension(extension)
        self.built = True

    def run(self) -> None:
        """Build all extensions, of which there is one."""
        super().run()
        if not self.built:
            self.warn(
                "the Rust core was not built; JSON Schema checks will run on the slower jsonschema"
                " package. Install Rust (https://rustup.rs) and reinstall to get the core."
            )


setup(
    cmdclass={"build_rust": build_rust},
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
    rust_extensions=[
        RustExtension(
            "pytest_llmharness._native._core",
            path="rust/binding/Cargo.toml",
            args=["--locked"],
            binding=Binding.PyO3,
            py_limited_api=True,
            debug=False,
            optional=os.environ.get("LLMHARNESS_RUST") != "required",
        )
    ],
)
