"""Taking the place of os: of the module in a whole process, of a machine in a thread."""
