# For the compiled modules alone: Python sees nothing of it.
