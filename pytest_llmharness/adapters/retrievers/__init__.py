"""Retrievers: where snippets come from."""
