"""Points in time: which layers a machine's state is made of, and how several are seen as one."""

__import__("ostler._compiled")  # who begins here waits until ostler is imported
