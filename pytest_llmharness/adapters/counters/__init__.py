"""Token counters that know a model's vocabulary."""
