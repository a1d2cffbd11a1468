# For the compiled modules alone.
