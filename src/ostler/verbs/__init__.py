"""Verbs: what can be asked of a machine. `table` says of each what it takes and touches."""
