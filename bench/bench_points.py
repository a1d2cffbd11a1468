"""What a point of a rehearsal takes, beside what else keeps a state of a project to go back to.

`python -m bench.bench_points [--files N] [--changes N] [--rounds N] [--points N]`. The tree has so many
files, of which as many as --changes are changed in each round; then each way of keeping that has its
turn: a checkpoint and a rollback of a rehearsal, as the user who runs this and, if that is root, as an
ordinary one, `git stash -u` and its `pop`, `cp -a --reflink=auto` of the tree, and a snapshot of it on a btrfs
in an image, where mkfs.btrfs is there. Printed are medians
in milliseconds. A last table shows checkpoints one after the other, eleven files changed in each, as
medians of a tenth of them at a time: they should not grow. The same follows for points that are kept (`upper=`),
in memory and where temporary files are, with what a rollback, a redo and a drop take then. Then come 1,000 branches over 11 layers, the
list of 10,000 changes since a point, and a command that reads all files of the tree, on a machine with 16
points and on one with none, in turn. The status is 1 where any of root's or the user's takes more than
its goal: run it while nothing else runs.
"""

import argparse
import binascii  # noqa: F401
import ctypes
import json  # noqa: F401
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import ostler

# Who is another user can't read them.
from ostler.machines.rehearsal import (
    uppers,
)

GOAL = 1.0  # milliseconds
KEPT_GOAL = {"/dev/shm": 1.0}  # where points are kept; elsewhere:
DISK_GOAL = 2.0
BRANCHES, BRANCHES_GOAL = 1000, 2000.0
LISTED, LISTED_GOAL = 10_000, 500.0
COMMAND_GOAL = 1.1  # times as long
USER = 1234
PR_SET_DUMPABLE = 4


def milliseconds(function, *args, **kwargs):
    begin = time.perf_counter()
    function(*args, **kwargs)
    return (time.perf_counter() - begin) * 1000


def furnish(top, files):
    for number in range(files):
        folder = f"{top}/d{number // 100}"
        if number % 100 == 0:
            os.mkdir(folder)
        with open(f"{folder}/f{number}", "w") as file:
            file.write(f"{number}\n" * 20)


def change(opened, top, files, changes, stamp):
    for number in range(0, files, max(1, files // changes)):
        with opened(f"{top}/d{number // 100}/f{number}", "w") as file:
            file.write(f"{stamp}\n" * 20)


def run(*command, cwd):
    subprocess.run(command, cwd=cwd, check=True, capture_output=True)


def of_rehearsal(top, options):
    """{way: [milliseconds]} of points of a rehearsal."""
    found = {"checkpoint": [], "rollback": []}
    with ostler.rehearsal(top) as m:
        start = m.checkpoint()
        for stamp in range(options.rounds):
            change(m.open_file, "", options.files, options.changes, stamp)
            found["checkpoint"].append(milliseconds(m.checkpoint))
            change(m.open_file, "", options.files, options.changes, -stamp)
            found["rollback"].append(milliseconds(m.rollback, start))
    return found


def in_a_row(top, options):
    """Milliseconds of each of many checkpoints."""
    found = []
    with ostler.rehearsal(top) as m:
        for stamp in range(options.points):
            change(m.open_file, "", options.files, 11, stamp)
            found.append(milliseconds(m.checkpoint))
    return found


def kept(top, place, options):
    """{way: [milliseconds]} of points that are kept in a directory, many of them in a row."""
    found = {"checkpoint": [], "rollback": [], "redo": [], "drop": []}
    upper = tempfile.mkdtemp(prefix="ostler-kept-", dir=place)
    with ostler.rehearsal(top, upper=upper) as m:
        try:
            for stamp in range(options.points):
                change(m.open_file, "", options.files, 11, stamp)
                found["checkpoint"].append(milliseconds(m.checkpoint))
            m._history.background.finish()
            points = m.points()
            for number in range(options.rounds):
                change(m.open_file, "", options.files, 11, -number)
                point = points[number * 7919 % len(points)]
                found["rollback"].append(milliseconds(m.rollback, point))
                found["redo"].append(milliseconds(m.redo))
            found["drop"] = [milliseconds(m.drop, p) for p in points[: options.rounds]]
            m._history.background.finish()
        finally:
            uppers.remove(m)
    return found


def show_kept(who, top, options):
    """Measure and print what kept points take; whether they reach their goals."""
    reached = True
    for place in ("/dev/shm", tempfile.gettempdir()):
        found = kept(top, place, options)
        row = tenths(found["checkpoint"])
        print(f"| {who} | kept in {place}, {options.points} in a row | {row} |")
        for way, times in found.items():
            median = statistics.median(times)
            print(f"| {who} | kept in {place}, {way} | {median:.3f} |")
            reached = reached and median <= KEPT_GOAL.get(place, DISK_GOAL)
    return reached


def tenths(times):
    """The medians of a tenth of these at a time, in words."""
    part = max(1, len(times) // 10)
    medians = [statistics.median(times[at : at + part]) for at in range(0, len(times), part)]
    return ", ".join(f"{median:.3f}" for median in medians)


def many_branches(top, options):
    """Milliseconds of 1,000 branches, made and closed, over 11 layers."""
    found = []
    with ostler.rehearsal(top) as m:
        for stamp in range(11):
            change(m.open_file, "", options.files, 11, stamp)
            m.checkpoint()
        for _ in range(3):
            begin = time.perf_counter()
            branches = m.branch(BRANCHES)
            found.append((time.perf_counter() - begin) * 1000)
            for branch in branches:
                branch.close()
            m._share.family.background.finish()
    return found


def many_listed(top, options):
    """Milliseconds of the list of 10,000 changes since a point."""
    found = []
    with ostler.rehearsal(top) as m:
        change(m.open_file, "", options.files, 11, -1)
        point = m.checkpoint()
        for number in range(LISTED):
            if number % 100 == 0:
                m.mkdir(f"/new{number // 100}")
            m.create_file(f"/new{number // 100}/{number}", "x")
        for _ in range(5):
            begin = time.perf_counter()
            count = len(m.changes(since=point))
            found.append((time.perf_counter() - begin) * 1000)
            assert count > LISTED, count
    return found


def of_command(top, options):
    """{points: milliseconds} of a command that reads the whole tree."""
    found = {0: [], 16: []}
    command = ["sh", "-c", f"cat {top}/*/* | cksum"]
    with ostler.rehearsal() as plain, ostler.rehearsal() as pointed:
        for stamp in range(16):
            for m in (plain, pointed):
                change(m.open_file, top, options.files, 11, stamp)
            pointed.checkpoint()
        pointed._history.background.finish()
        for _ in range(options.rounds):
            for m, count in ((plain, 0), (pointed, 16)):
                found[count].append(milliseconds(m.run, command, capture=True))
    return found


def with_goals(who, top, options):
    """Measure and print what has goals of its own; whether all of them are reached."""
    reached = True
    for what, function, goal in (
        (f"{BRANCHES} branches over 11 layers", many_branches, BRANCHES_GOAL),
        (f"{LISTED} changes since a point", many_listed, LISTED_GOAL),
    ):
        median = statistics.median(function(top, options))
        print(f"| {who} | {what} | {median:.0f} |")
        reached = reached and median <= goal
    times = of_command(top, options)
    without, with_them = (min(times[count]) for count in (0, 16))
    print(f"| {who} | a command without points | {without:.1f} |")
    print(f"| {who} | the same with 16, {with_them / without:.3f} times | {with_them:.1f} |")
    return reached and with_them <= COMMAND_GOAL * without


def of_git(top, options):
    found = {"git stash -u": [], "git stash pop": []}
    identity = ("-c", "user.name=bench", "-c", "user.email=bench@localhost")
    run("git", "init", "-q", cwd=top)
    run("git", "add", "-A", cwd=top)
    run("git", *identity, "commit", "-qm", "start", cwd=top)
    for stamp in range(options.rounds):
        change(open, top, options.files, options.changes, stamp)
        stash = ("git", *identity, "stash", "-q", "-u")
        found["git stash -u"].append(milliseconds(run, *stash, cwd=top))
        pop = ("git", "stash", "pop", "-q")
        found["git stash pop"].append(milliseconds(run, *pop, cwd=top))
        run("git", "checkout", "-q", ".", cwd=top)
    shutil.rmtree(f"{top}/.git")
    return found


def of_copy(top, options):
    times = []
    for _ in range(min(options.rounds, 5)):
        copy = ("cp", "-a", "--reflink=auto", top, f"{top}-copy")
        times.append(milliseconds(run, *copy, cwd="/"))
        shutil.rmtree(f"{top}-copy")
    return {"cp -a --reflink=auto": times}


def of_snapshots(folder, options):
    """What a snapshot of btrfs takes, of a tree on an image that is mounted for it, by root."""
    if os.geteuid() != 0 or shutil.which("mkfs.btrfs") is None:
        print("| | btrfs subvolume snapshot | needs root, and mkfs.btrfs |")
        return {}
    image, place = f"{folder}/image", f"{folder}/btrfs"
    with open(image, "wb") as file:
        file.truncate(4 << 30)
    os.mkdir(place)
    run("mkfs.btrfs", "-q", image, cwd="/")
    run("mount", "-o", "loop", image, place, cwd="/")
    try:
        found = {"btrfs subvolume snapshot": [], "the same, with cp -a --reflink=auto": []}
        run("btrfs", "subvolume", "create", f"{place}/tree", cwd="/")
        furnish(f"{place}/tree", options.files)
        for stamp in range(min(options.rounds, 5)):
            change(open, f"{place}/tree", options.files, options.changes, stamp)
            snapshot = ("btrfs", "subvolume", "snapshot", f"{place}/tree", f"{place}/{stamp}")
            found["btrfs subvolume snapshot"].append(milliseconds(run, *snapshot, cwd="/"))
            copy = ("cp", "-a", "--reflink=auto", f"{place}/tree", f"{place}/copy")
            times = found["the same, with cp -a --reflink=auto"]
            times.append(milliseconds(run, *copy, cwd="/"))
            shutil.rmtree(f"{place}/copy")
        return found
    finally:
        run("umount", place, cwd="/")
        os.unlink(image)


def as_user(function):
    """Do it as an ordinary user, in a child; whether it said that all was well."""
    pid = os.fork()
    if pid == 0:
        status = 2
        try:
            os.setgroups([])
            os.setgid(USER)
            os.setuid(USER)
            ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 1)
            status = function()
            sys.stdout.flush()
        except BaseException as error:
            sys.stderr.write(f"{error!r}\n")
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def show(who, found):
    """Print the medians; whether those of points reach the goal."""
    reached = True
    for way, times in found.items():
        median = statistics.median(times)
        print(f"| {who} | {way} | {median:.3f} |")
        if way in ("checkpoint", "rollback"):
            reached = reached and median <= GOAL
    return reached


def points_of(who, top, options):
    """Measure and print what points take for one user: 0, or 1 where the goal is missed."""
    reached = show(who, of_rehearsal(top, options))
    row = in_a_row(top, options)
    print(f"| {who} | {len(row)} in a row | {tenths(row)} |")
    reached = show_kept(who, top, options) and reached
    reached = with_goals(who, top, options) and reached
    return 0 if reached else 1


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--files", type=int, default=50_000)
    parser.add_argument("--changes", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--points", type=int, default=1000)
    options = parser.parse_args(arguments)
    folder = tempfile.mkdtemp(prefix="ostler-points-")
    try:
        top = f"{folder}/tree"
        os.mkdir(top)
        furnish(top, options.files)
        print(f"Python {sys.version.split()[0]}, {options.files} files, {options.changes} changed")
        print("| who | what | ms, median |\n|---|---|--:|", flush=True)
        is_root = os.geteuid() == 0
        missed = points_of("root" if is_root else "user", top, options)
        show("", of_git(top, options))
        show("", of_copy(top, options))
        show("", of_snapshots(folder, options))
        sys.stdout.flush()
        if is_root:
            run("chown", "-R", f"{USER}:{USER}", folder, cwd="/")
            missed |= as_user(lambda: points_of("user", top, options))
        return missed
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
