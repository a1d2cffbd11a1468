"""Covered: what coverage.py sees in the process of a test, which has no file of its own for it."""

import sys
from typing import Any


def _current() -> Any:
    module = sys.modules.get("coverage")
    kind: Any = getattr(module, "Coverage", None)
    return kind.current() if hasattr(kind, "current") else None


def flush() -> None:
    """In the parent, before a fork: keep what was measured until now."""
    coverage = _current()
    if coverage is not None:
        coverage.get_data()


def begin() -> "Any":
    """In the child: measure from here on, in memory. What end() wants."""
    coverage = _current()
    if coverage is None:
        return None
    coverage.stop()
    data = getattr(coverage, "_data", None)
    if data is not None:
        data._no_disk = True  # in a forked copy it is begun anew at the next use
    if hasattr(coverage, "_collector"):
        coverage._collector.reset()  # what was seen before the parent has
    coverage.start()
    return coverage


def end(coverage: "Any") -> "Any":
    """What was measured, as simple values; None: nothing is."""
    if coverage is None:
        return None
    coverage.stop()
    data = coverage.get_data()
    has_arcs = data.has_arcs()
    found = []
    for context in data.measured_contexts():
        data.set_query_context(context)
        files = {
            name: seen
            for name in data.measured_files()
            if (seen := data.arcs(name) if has_arcs else data.lines(name))
        }
        found.append([context, files])
    tracers = {name: data.file_tracer(name) for name in data.measured_files()}
    return {"arcs": has_arcs, "contexts": found, "tracers": tracers}


def add(found: "Any") -> None:
    """In the parent: put what end() has given with what is measured there."""
    coverage = _current()
    if coverage is None or not isinstance(found, dict):
        return
    data = sys.modules["coverage"].CoverageData(no_disk=True)
    for context, files in found["contexts"]:
        data.set_context(str(context))
        if found["arcs"]:
            data.add_arcs({str(name): [(int(a), int(b)) for a, b in files[name]] for name in files})
        else:
            data.add_lines({str(name): [int(line) for line in files[name]] for name in files})
    tracers = {str(name): str(tracer) for name, tracer in found["tracers"].items() if tracer}
    if tracers:
        data.add_file_tracers(tracers)
    coverage.get_data().update(data)
    data.close(force=True)
