"""Ways to watch a harness."""
