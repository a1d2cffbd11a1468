"""Commits: putting what was rehearsed into the real files.

First it is looked whether the base has changed since the rehearsal began. Then every new object
is prepared, whole, in a stash: a directory in the file system that it goes to. Only then, with a
journal that has all of it, names are moved: each new object into its place, each old one into
the stash. So whatever stops a commit, it can be finished or taken back (see journals.py).
"""

import contextlib
import errno

from ostler.machines import CommitConflict, host
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


def commit(machine, paths=None, goes_on=True):
    """Apply the changes, or the chosen ones; return those that were applied, a list of Change.

    A machine that does not go on afterwards is left with the changes that were applied.
    """
    walks, plans = [], []
    try:
        for number, overlay in enumerate(machine._overlays):
            walk = machine._walk(overlay)
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
            for plan in plans:
                for change in plan.chosen:
                    if change.kind == "renamed":
                        plan.walk.settle_origin(change._found.path)
    finally:
        for walk in walks:
            walk.__exit__()
    if goes_on:
        machine._begin_again(not every, chosen)
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
        for path in (change.path, change.source):
            for place in _upwards(path):
                if place in wanted:
                    wanted[place] = True
                    picked.add(change.path)
                    break
    missing = [path for path, found in wanted.items() if not found]
    if missing:
        raise FileNotFoundError(errno.ENOENT, "nothing was changed there", missing[0])
    by_path = {change.path: change for change in changes}
    size = 0
    while size != len(picked):
        size = len(picked)
        _add_needed(changes, by_path, picked)
    return [change for change in changes if change.path in picked]


def _upwards(path):
    """A path and what it lies in, up to the root; nothing for None."""
    while path is not None:
        yield path
        above = host.path.dirname(path)
        path = above if above != path else None


def _add_needed(changes, by_path, picked):
    # The directories that they are in, where these are new there.
    for path in list(picked):
        for above in _upwards(host.path.dirname(path)):
            change = by_path.get(above)
            if change is not None and change.kind in ("created", "renamed", "retyped"):
                picked.add(above)
    # What has to leave a place before something else stands there, or it is gone.
    taken = {
        (c._found.overlay, c._found.at)
        for c in changes
        if c.path in picked and c.kind != "metadata"
    }
    renamed = [change for change in changes if change.kind == "renamed"]
    for change in renamed:
        path = change._found.lower
        while path:
            if (change._found.overlay, path) in taken:
                picked.add(change.path)
            path = path.rpartition(b"/")[0]
    # Renamed directories may stand on one another, and files in them: they go together.
    if any(c.path in picked and c.before.type == "directory" for c in renamed):
        picked.update(change.path for change in renamed)


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
                _leave(machine, work, stashes, plans, journal)
                raise
            try:
                go = [packed(s) for s in work.steps], [packed(t) for t in work.times]
                journal.write("go", *go, [pair for plan in plans for pair in plan.looks])
                work.finish(expected)
                synced(work, stashes)
            except BaseException as error:
                # Where not even that can be written, a crash from here on is finished instead.
                with contextlib.suppress(OSError):
                    journal.write("back")
                if not work.take_back():
                    raise OSError(
                        errno.EIO,
                        "a commit could neither be finished nor undone; all is kept here",
                        stash_path(tops, stashes),
                    ) from error
                synced(work, stashes)
                with contextlib.suppress(OSError):
                    journal.write("undone")
                _leave(machine, work, stashes, plans, journal)
                if isinstance(error, Lost):
                    raise CommitConflict([error.filename]) from None
                error.add_note("the commit was taken back: nothing is changed")
                raise
            try:
                journal.write("done")
                clear(work, stashes, True)
                journal.remove()
            except OSError:
                pass  # it is done; what is left in the stash is for recover()
            for plan in plans:
                machine._own.update(plan.own())
    finally:
        journal.close()


def _leave(machine, work, stashes, plans, journal):
    """Clear away what a commit leaves that is not to be."""
    clear(work, stashes, False)
    for plan in plans:
        machine._own.update(plan.own_again())
    journal.remove()
