"""Ways to reach a model: one SDK or dialect a file."""
