"""Ways to tell the time."""
