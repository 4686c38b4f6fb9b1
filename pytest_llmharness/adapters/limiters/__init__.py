"""Ways to bound a rate."""
