"""Verbs: what can be asked of a machine. `table` says of each what it takes and touches."""

__import__("ostler._compiled")  # who begins here waits until ostler is imported
