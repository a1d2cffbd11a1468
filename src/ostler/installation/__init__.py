"""Taking the place of os: of the module in a whole process, of a machine in a thread."""

__import__("ostler._compiled")  # who begins here waits until ostler is imported
