"""One technology a file, each behind a port; adapters do not know each other."""
