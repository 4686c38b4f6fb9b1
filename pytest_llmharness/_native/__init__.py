"""The compiled core. Where it is missing, `Schema` falls back to jsonschema and says so."""
