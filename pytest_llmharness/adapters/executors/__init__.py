"""Ways to run coroutines."""
