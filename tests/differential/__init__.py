"""Our verdicts beside those of other engines, on schemas and values nobody wrote by hand."""
