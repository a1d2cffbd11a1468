"""A fuzzer: programs of generated calls are run on os and on ostler, and what came of it compared.

A *program* is a list of lines of Python, in which `os` is one or the other. `generate.py` makes
them from a number, `room.py` is where they can do no harm, `run.py` runs one on both sides and
compares results, errors, the tree, descriptors and children, and `found.txt` keeps the programs
in which a difference was found once: the tests replay them.
"""
