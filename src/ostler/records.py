"""The results that os gives as records: stat_result and its relatives."""

TYPES = {}
