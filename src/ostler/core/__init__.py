"""The crossing into the kernel, which knows no topic and no kind of machine."""
