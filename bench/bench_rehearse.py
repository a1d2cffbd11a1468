"""One workload, tried out under ostler rehearse and under what else keeps a program's changes aside.

`python -m bench.bench_rehearse [--rounds 5] [--files 5000] [--directory DIR] [--json FILE]`, and a
part of `make bench-machines`. A shell script unpacks an archive of 5,000 files beside 5,000 that
are there, edits, removes and moves some of the old and the new. Each way of running it starts from
the same directory; they take turns. Numbers are seconds from start to end of the whole command,
medians; each way is judged, too: what discards must leave the directory as it was, what commits
must leave what the plain run leaves.
"""

import argparse
import hashlib
import importlib.util
import json
import os
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time

WORKLOAD = """\
failed=0
cd "$1" || exit
tar -xf "$2" || failed=1
for d in old new; do
    find $d -name '*0.txt' -exec sed -i 's/line/LINE/' {} + || failed=1
    find $d -name '*5.txt' -exec rm {} + || failed=1
    rm -r $d/d07 || failed=1
done
mkdir moved || failed=1
mv new/d08 moved || failed=1
exit $failed
"""

# What the script of a way is given: base, other (an empty place of its own), work, archive.
_OVERLAY = """\
mkdir "$2/upper" "$2/work"
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work$5" "$1"
exec sh "$3" "$1" "$4"
"""
_FUSE = """\
mkdir "$2/upper" "$2/work" "$2/merged"
fuse-overlayfs -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$2/merged"
sh "$3" "$2/merged" "$4" && s=0 || s=$?
fusermount -u "$2/merged"
exit $s
"""
_COPY = """\
cp -a "$1" "$2/copy"
bwrap --dev-bind / / --bind "$2/copy" "$1" sh "$3" "$1" "$4"
if [ "$5" = commit ]; then mv "$1" "$2/before"; mv "$2/copy" "$1"; fi
rm -rf "$2/copy" "$2/before"
"""
_SANDLOCK = """\
import sys
from sandlock import Sandbox
from sandlock.sandbox import BranchAction
base, other, work, archive, then = sys.argv[1:]
done = Sandbox(
    fs_readable=["/"], fs_writable=[base, other, "/dev"], workdir=base, fs_storage=other,
    on_exit=BranchAction(then), on_error=BranchAction.ABORT,
).run(["sh", work, base, archive])
sys.stderr.write(done.error or done.stderr.decode())
sys.exit(done.exit_code if done.success or done.exit_code else 1)
"""


class Unavailable(Exception):
    """Why a way can't be measured here."""


def needs(program, hint=""):
    if shutil.which(program) is None:
        raise Unavailable(f"{program} is not installed{hint}")


def plain(given):
    return ["sh", given.work, given.base, given.archive]


def ostler(then):
    def way(given):
        return [sys.executable, "-m", "ostler", "rehearse", then, *plain(given)]

    return way


def unseen(given):
    return [sys.executable, "-m", "ostler", "exec", "--rehearse", *plain(given)]


def overlay(given):
    needs("unshare")
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    option = "" if os.geteuid() == 0 else ",userxattr"
    return ["unshare", "--mount", *user, "sh", "-euc", _OVERLAY, "sh", *given, option]


def bubblewrap(given):
    needs("bwrap")
    text = subprocess.run(["bwrap", "--help"], capture_output=True, text=True)
    if "--tmp-overlay" not in text.stdout + text.stderr:
        version = subprocess.run(["bwrap", "--version"], capture_output=True, text=True).stdout
        raise Unavailable(f"{version.strip()} has no --overlay: that came with 0.11")
    return ["bwrap", "--dev-bind", "/", "/", "--overlay-src", given.base, "--tmp-overlay",
            given.base, *plain(given)]  # fmt: skip


def bubblewrap_copy(then):
    def way(given):
        needs("bwrap")
        return ["sh", "-euc", _COPY, "sh", *given, then]

    return way


def fuse(given):
    needs("fuse-overlayfs")
    needs("fusermount")
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        raise Unavailable("/dev/fuse may not be opened by this user")
    return ["sh", "-euc", _FUSE, "sh", *given]


def sandlock(then):
    def way(given):
        if importlib.util.find_spec("sandlock") is None:
            raise Unavailable("sandlock is not installed (pip install sandlock)")
        return [sys.executable, "-c", _SANDLOCK, *given, then]

    return way


def binpash(then):
    def way(given):
        needs("try", " (binpash/try: a script, in no package registry)")
        return ["try", then, *plain(given)]

    return way


# name -> (the command, what the directory is afterwards)
WAYS = {
    "plain": (plain, "changed"),
    "ostler rehearse --discard": (ostler("--discard"), "as it was"),
    "ostler rehearse --commit": (ostler("--commit"), "changed"),
    "ostler exec --rehearse": (unseen, "as it was"),
    "mount -t overlay, by hand": (overlay, "as it was"),
    "bubblewrap --overlay": (bubblewrap, "as it was"),
    "bubblewrap on a copy": (bubblewrap_copy("discard"), "as it was"),
    "bubblewrap on a copy, exchanged": (bubblewrap_copy("commit"), "changed"),
    "fuse-overlayfs": (fuse, "as it was"),
    "sandlock, abort": (sandlock("abort"), "as it was"),
    "sandlock, commit": (sandlock("commit"), "changed"),
    "try -n": (binpash("-n"), "as it was"),
    "try -y": (binpash("-y"), "changed"),
}


class Given(list):
    """base, other, work, archive: where things are, all below one directory."""

    def __init__(self, top, files):
        self.top = top
        self.base, self.other = f"{top}/base", f"{top}/other"
        self.work, self.archive = f"{top}/work.sh", f"{top}/new.tar"
        self.master = f"{top}/master"
        super().__init__([self.base, self.other, self.work, self.archive])
        with open(self.work, "w") as file:
            file.write(WORKLOAD)
        for number in range(files):
            for name in ("old", "new"):
                where = f"{self.master}/{name}/d{number % 50:02}"
                os.makedirs(where, exist_ok=True)
                with open(f"{where}/{number}.txt", "w") as file:
                    file.write(f"line {number}\n" * (1 + number % 100))
        with tarfile.open(self.archive, "w") as archive:
            archive.add(f"{self.master}/new", "new")
        shutil.rmtree(f"{self.master}/new")

    def reset(self):
        """The directory as it is before each run."""
        for path in (self.base, self.other):
            # The work directory of an overlay is closed, also to its owner.
            subprocess.run(["chmod", "-R", "u+rwx", path], capture_output=True)
            shutil.rmtree(path, ignore_errors=True)
        subprocess.run(["cp", "-a", self.master, self.base], check=True)
        os.mkdir(self.other)

    def run(self, way):
        """Seconds of one run, and what it complained of when it failed, else None."""
        command = way(self)
        # The compiled form of Python's modules is kept, as where a package is installed.
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        start = time.perf_counter()
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            env=environment,
        )  # fmt: skip
        seconds = time.perf_counter() - start
        if done.returncode == 0:
            return seconds, None
        text = done.stderr.decode(errors="replace").strip().splitlines() or ["no word of why"]
        return seconds, f"status {done.returncode}: {text[0]}"


def picture(top):
    """What a directory holds: kinds, modes, contents, and the times that the script leaves."""
    found = {}
    for root, directories, files in os.walk(top):
        for name in [*directories, *files]:
            path = os.path.join(root, name)
            status = os.lstat(path)
            told = [status.st_mode, status.st_uid, status.st_gid]
            if name in files:
                with open(path, "rb") as file:
                    told.append(hashlib.sha256(file.read()).hexdigest())
                if not name.endswith("0.txt"):
                    told.append(status.st_mtime_ns)
            found[os.path.relpath(path, top)] = told
    return found


def file_system(directory):
    """The name of the kind of file system that a directory is in."""
    command = ["findmnt", "--noheadings", "--output", "FSTYPE", "--target", directory]
    return subprocess.run(command, capture_output=True, text=True).stdout.strip()


def measure(rounds, files=5000, directory=None, only=None):
    """{way: {"seconds", "ratio", "right" ...} or {"reason"}}: medians; times the plain run's.

    What is slow takes its turn in every third round only.
    """
    top = tempfile.mkdtemp(prefix="ostler-bench-", dir=directory)
    found = {"file system": file_system(top)}
    try:
        given = Given(top, files)
        given.reset()
        before = picture(given.base)
        usual, _ = given.run(plain)
        wanted = {"as it was": before, "changed": picture(given.base)}
        times, slow = {}, set()
        for name, (way, after) in WAYS.items():
            if only and name != "plain" and not any(part in name for part in only):
                continue
            given.reset()
            try:
                seconds, complaint = given.run(way)
            except Unavailable as error:
                found[name] = {"reason": str(error)}
                continue
            right = picture(given.base) == wanted[after]
            found[name] = {"right": right, "after": after, "complaint": complaint}
            times[name] = []
            if seconds > 5 * usual:
                slow.add(name)
        for turn in range(rounds):
            for name, taken in times.items():
                if name in slow and turn % 3:
                    continue
                given.reset()
                taken.append(given.run(WAYS[name][0])[0])
        for name, taken in times.items():
            found[name]["rounds"] = len(taken)
            found[name]["seconds"] = statistics.median(taken)
            found[name]["ratio"] = statistics.median(taken) / statistics.median(times["plain"])
    finally:
        subprocess.run(["chmod", "-R", "u+rwx", top], capture_output=True)
        shutil.rmtree(top, ignore_errors=True)
    return found


def show(found):
    """The table, for people."""
    kind = found["file system"]
    print(f"{'on ' + kind:34}{'seconds':>8}{'times':>8}   the directory afterwards")
    for name, row in found.items():
        if name == "file system":
            continue
        if "reason" in row:
            print(f"{name:34}{'-':>8}{'-':>8}   {row['reason']}")
            continue
        judged = row["after"] if row["right"] else f"WRONG: not {row['after']}"
        if row["complaint"]:
            judged += f", and {row['complaint']}"
        print(f"{name:34}{row['seconds']:8.3f}{row['ratio']:8.2f}   {judged}")


def main():
    reader = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    reader.add_argument("--rounds", type=int, default=5)
    reader.add_argument("--files", type=int, default=5000)
    reader.add_argument("--directory", help="the file system to work on, by default the temporary")
    reader.add_argument("--only", action="append", help="ways whose name has this, and plain")
    reader.add_argument("--json", metavar="FILE", help="write the numbers there, too")
    options = reader.parse_args()
    found = measure(options.rounds, options.files, options.directory, options.only)
    show(found)
    if options.json:
        with open(options.json, "w") as file:
            json.dump(found, file, indent=2)


if __name__ == "__main__":
    main()
