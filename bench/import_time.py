"""What `import ostler` takes, beside the sources of CPython's os, stat and posixpath run afresh.

`python bench/import_time.py [ROUNDS]`: medians over fresh interpreters, in milliseconds. The aim
is at most twice the time of the three sources, and 15 ms. With cached bytecode those take less
than any compiled module; that line is there to be honest.
"""

import statistics
import subprocess
import sys

OSTLER = """
from time import perf_counter as now
start = now()
import ostler
print((now() - start) * 1000)
"""
# As modules that no one has imported yet.
SOURCES = """
from time import perf_counter as now
from importlib._bootstrap_external import SourceFileLoader
from importlib._bootstrap import ModuleSpec, module_from_spec
import os
folder = os.__file__[:-5]
class Fresh(SourceFileLoader):
    def get_code(self, name):
        return {get_code}
start = now()
for name in ("stat", "genericpath", "posixpath", "os"):
    loader = Fresh(name, folder + name + ".py")
    loader.exec_module(module_from_spec(ModuleSpec(name, loader, origin=loader.path)))
print((now() - start) * 1000)
"""
COMPILED = SOURCES.format(get_code="self.source_to_code(self.get_data(self.path), self.path)")
CACHED = SOURCES.format(get_code="super().get_code(name)")


def median(code, rounds):
    times = []
    for _ in range(rounds):
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        times.append(float(done.stdout))
    return statistics.median(times)


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    median(OSTLER, 1)  # so that everything is in the page cache
    ours, theirs, cached = (median(code, rounds) for code in (OSTLER, COMPILED, CACHED))
    print(f"import ostler                           {ours:6.2f} ms")
    print(f"os, stat and posixpath from source      {theirs:6.2f} ms   ratio {ours / theirs:.2f}")
    print(f"the same with cached bytecode           {cached:6.2f} ms   ratio {ours / cached:.2f}")


if __name__ == "__main__":
    main()
