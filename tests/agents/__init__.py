"""Agents of other frameworks in the place of a model, and their tools under our rules."""
