"""CPython's own test suites, run on the interpreter's os and on ostler in its place.

`python -m tests.conformance [MODULE...]`; see __main__.py. The parts:

- `__main__`   the command line, the comparison and the report
- `rooms`      the two clean environments in which the suites run, and the ordinary user's
- `worker`     runs one test module in a fresh process and writes what came of each test
- `startup`    runs in every interpreter of the room that has ostler in os's place
- `differences.txt`  the tests whose difference is a fact about the test
"""
