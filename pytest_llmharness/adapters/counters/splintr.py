"""Counts tokens with the vocabularies that the splintr package carries: no download, no network."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from typing import Any

from ...errors import ConfigError, MissingExtra


class SplintrCounter:
    """Counts the tokens of a text as the named model's own tokenizer does.

    Text is counted as text: `<|endoftext|>` written by a user is the letters it is made of, as every
    server treats it. Thread-safe; a vocabulary is loaded once a process (0.1 to 0.2 s).

    Example:
        >>> SplintrCounter("o200k_base").count("hello world")
        2

    Args:
        vocabulary: "o200k_base" (GPT-4o and later), "cl100k_base", "llama3", "qwen3" (Qwen 2 and 3),
            "deepseek_v3", "mistral_v3", "glm4", ...: a name that `splintr.Tokenizer.from_pretrained` knows.

    Raises:
        ConfigError: splintr has no such vocabulary.
        MissingExtra: splintr is not installed.
    """

    def __init__(self, vocabulary: str = "o200k_base") -> None:
        self.vocabulary = vocabulary
        self._tokenizer = _loaded(vocabulary)

    def count(self, text: str) -> int:
        """Return the number of tokens; a lone surrogate counts as the mark that replaces it."""
        return len(self._tokenizer.encode_ordinary(text.encode("utf-8", "replace").decode("utf-8")))


@lru_cache
def _loaded(vocabulary: str) -> Any:
    try:
        splintr = import_module("splintr")
    except ImportError as error:
        raise MissingExtra(
            "counting tokens with a model's vocabulary needs the package splintr-rs",
            where="SplintrCounter",
            fix="pip install 'pytest-llmharness[tokens]'",
        ) from error
    try:
        return splintr.Tokenizer.from_pretrained(vocabulary)
    except Exception as error:
        raise ConfigError(
            f"splintr has no vocabulary {vocabulary!r}",
            where="SplintrCounter.vocabulary",
            fix="use 'o200k_base', 'cl100k_base', 'llama3', 'qwen3', 'deepseek_v3' or 'mistral_v3'",
        ) from error
