"""Commits: putting what was rehearsed into the real files.

First it is looked whether the base has changed since the rehearsal began. Then every new object
is prepared, whole, in a stash: a directory in the file system that it goes to. Only then, with a
journal that has all of it, names are moved: each new object into its place, each old one into
the stash. So whatever stops a commit, it can be finished or taken back (see journals.py).
"""

import errno

from ostler.machines import CommitConflict, host
from ostler.machines.changes import Walk
from ostler.machines.journals import (
    Journal,
    clear,
    packed,
    stash_path,
    sync_one,
    sync_stashes,
    synced,
)
from ostler.machines.moves import Lost, Steps
from ostler.machines.plans import Plan


def commit(machine, paths=None):
    """Apply the changes, or the chosen ones; return those that were applied, a list of Change."""
    walks, plans = [], []
    try:
        for number, overlay in enumerate(machine._overlays):
            walk = Walk(machine, overlay)
            walks.append(walk)
            walk.changes()
            plans.append(Plan(machine, walk, number))
        chosen = _chosen([change for walk in walks for change in walk.found], paths)
        if not chosen:
            return []
        for plan in plans:
            plan.choose(chosen)
        _check(plans)
        _carry_out(machine, walks, plans)
        every = sum(len(walk.found) for walk in walks) == len(chosen)
        if not every:
            for walk in walks:
                for path in walk.moved.values():
                    walk.forget_origin(path)
    finally:
        for walk in walks:
            walk.__exit__()
    machine._begin_again(not every)
    return chosen


def _chosen(changes, paths):
    """The changes at these paths and below, with what they can't be without."""
    if paths is None:
        return changes
    if isinstance(paths, (str, bytes)) or hasattr(paths, "__fspath__"):
        paths = [paths]
    wanted = {}
    for path in paths:
        if isinstance(path, (str, bytes)) or hasattr(path, "__fspath__"):
            text = host.fsdecode(path)
        else:
            text = path.path  # a Change
        wanted[host.path.abspath(text)] = False
    picked = set()
    for change in changes:
        path = change.path
        while True:
            if path in wanted:
                wanted[path] = True
                picked.add(change.path)
                break
            above = host.path.dirname(path)
            if above == path:
                break
            path = above
    missing = [path for path, found in wanted.items() if not found]
    if missing:
        raise FileNotFoundError(errno.ENOENT, "nothing was changed there", missing[0])
    by_path = {change.path: change for change in changes}
    for path in list(picked):
        above = host.path.dirname(path)
        while above != path:
            change = by_path.get(above)
            if change is not None and change.kind in ("created", "renamed", "retyped"):
                picked.add(above)
            above, path = host.path.dirname(above), above
    if any(by_path[path].kind == "renamed" for path in picked):
        # Renamed directories may stand on one another: they go together.
        picked.update(c.path for c in changes if c.kind == "renamed")
    return [change for change in changes if change.path in picked]


def _check(plans):
    conflicts = sorted({path for plan in plans for path in plan.conflicts()})
    if conflicts:
        raise CommitConflict(conflicts)


def _carry_out(machine, walks, plans):
    plans = [plan for plan in plans if plan.chosen]
    journal = Journal(avoid=[p for plan in plans for p in plan.touched_paths()])
    tops = [walk.top for walk in walks]
    stashes = []
    try:
        with Steps(tops, [], []) as work:
            try:
                for plan in plans:
                    stashes += plan.stashes()
                base = machine._base.decode("latin-1")
                journal.write("begin", base, [top.decode("latin-1") for top in tops], stashes)
                for plan in plans:
                    plan.stage(work)
                _check(plans)
                work.steps = [step for plan in plans for step in plan.steps]
                work.times = [times for plan in plans for times in plan.times]
                olds = [old for plan in plans for old in plan.old]
                expected = {n: old for n, old in enumerate(olds) if old is not None}
                if all(plan.few for plan in plans):
                    for top, path in stashes:
                        sync_one(work.place(top), path.encode("latin-1"))
                else:
                    sync_stashes(work, stashes)
            except BaseException:
                work.times = [times for plan in plans for times in plan.times]
                clear(work, stashes, False)
                for plan in plans:
                    machine._own.update(plan.homes())
                journal.remove()
                raise
            journal.write("go", [packed(s) for s in work.steps], [packed(t) for t in work.times])
            try:
                work.finish(expected)
                synced(work, stashes)
            except BaseException as error:
                journal.write("back")
                if not work.take_back():
                    raise OSError(
                        errno.EIO,
                        "a commit could neither be finished nor undone; all is kept here",
                        stash_path(tops, stashes),
                    ) from error
                synced(work, stashes)
                journal.write("undone")
                clear(work, stashes, False)
                for plan in plans:
                    machine._own.update(plan.homes())
                journal.remove()
                if isinstance(error, Lost):
                    raise CommitConflict([error.filename]) from None
                raise
            journal.write("done")
            clear(work, stashes, True)
            journal.remove()
            for plan in plans:
                machine._own.update(plan.own())
    finally:
        journal.close()
