"""Ways to remember answers."""
