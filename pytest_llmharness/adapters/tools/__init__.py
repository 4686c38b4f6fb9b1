"""Ways to make a tool."""
