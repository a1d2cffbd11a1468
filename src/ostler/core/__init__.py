"""The crossing into the kernel, which knows no topic and no kind of machine."""

__import__("ostler._compiled")  # who begins here waits until ostler is imported
