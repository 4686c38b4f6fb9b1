"""Ways to keep what is known about the health of endpoints."""
