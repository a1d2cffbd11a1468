# Nothing here is for Python: only other compiled modules call it.
