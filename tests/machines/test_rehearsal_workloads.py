"""Rehearsals of what people do: committed, it is as if it had been done for real."""

import os
import shutil
import stat
import subprocess
import sys
import zipfile

import pytest

import ostler
from tests.machines.rehearsing import put, snapshot

SQLITE = """
import sqlite3
for name, mode in (("plain.db", "delete"), ("wal.db", "wal")):
    with sqlite3.connect(name) as db:
        db.execute("pragma journal_mode=" + mode)
        db.execute("create table if not exists t (a, b)")
        db.executemany("insert into t values (?, ?)", [(n, "x" * n) for n in range(300)])
        db.execute("delete from t where a % 3 = 0")
        db.execute("update t set b = ? where a = 1", ("y",))
    db.close()
    with sqlite3.connect(name) as db:
        db.execute("vacuum")
    db.close()
"""
MAKEFILE = """
all: prog list
prog: main.o part.o
\tcc -o $@ main.o part.o
%.o: %.c
\tcc -c -o $@ $<
list: main.c part.c
\tls *.c > list.new && mv list.new list
clean:
\trm -f *.o prog list
"""


def git(top):
    put(f"{top}/repo/a", "one\n")
    put(f"{top}/repo/d/b", "two\n" * 100)
    shell(top, "cd repo && git init -q && git add . && git commit -qm first")


def archive(top):
    put(f"{top}/tree/d/run", "#!/bin/sh\n", 0o755)
    put(f"{top}/tree/d/e/locked", "x", 0o400)
    os.link(f"{top}/tree/d/run", f"{top}/tree/d/again")
    os.symlink("run", f"{top}/tree/d/link")
    os.mkfifo(f"{top}/tree/fifo")
    shell(top, "tar cf one.tar tree && echo more >> tree/d/run && rm tree/fifo")
    shell(top, "mv tree/d/e tree/d/f && tar cf two.tar tree && rm -r tree")


def sources(top):
    put(f"{top}/Makefile", MAKEFILE)
    put(f"{top}/main.c", "int part(void); int main(void) { return part(); }\n")
    put(f"{top}/part.c", "int part(void) { return 3; }\n")


def package(top):
    put(f"{top}/pkg/__init__.py", "X = 1\n")
    for number in range(20):
        put(f"{top}/pkg/sub{number % 3}/m{number}.py", f"def f():\n    return {number}\n")


def wheel(top):
    name = "thing-1.0"
    with zipfile.ZipFile(f"{top}/{name}-py3-none-any.whl", "w") as file:
        for number in range(30):
            file.writestr(f"thing/m{number}.py", f"X = {number}\n")
        file.writestr(
            f"{name}.dist-info/METADATA", "Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n"
        )
        file.writestr(
            f"{name}.dist-info/WHEEL",
            "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        file.writestr(f"{name}.dist-info/RECORD", "")


def tree(top):
    for name in ("a/b/c/x", "a/b/y", "a/z", "other/x", "other/deep/w", "empty/.keep"):
        put(f"{top}/{name}", name + "\n")
    for number in range(40):
        put(f"{top}/html/p{number}.html", f"<a href=http:{number}>\n" * number)
    os.symlink("a/b", f"{top}/link")


# What it is made of, what is needed, what is done.
WORKLOADS = {
    "git": (git, ["git"], """
        git clone -q $LINKS repo clone
        cd clone
        echo changed >> a; git rm -q d/b; mkdir new; echo n > new/n; git add .
        git commit -qam second
        git checkout -q -b other HEAD~1; echo o > o; git add o; git commit -qm third
        git gc -q
        cd ../repo; git pull -q ../clone other; git stash -q || :; git reset -q --hard HEAD~1
    """),
    "tar": (archive, ["tar"], "tar xf one.tar; tar xf two.tar; mkdir in; tar xf one.tar -C in"),
    "sed": (tree, ["sed"], "sed -i s/http:/https:/ html/*.html; sed -i.old 1d html/p3*.html"),
    "mv": (tree, ["mv"], """
        mv a/b/c moved; mv a A; mv other/x A/b/y; mkdir -p n/e/w; mv other/deep n/e/w
        mv html/p1.html html/p2.html; mv html pages; mv pages/p1*.html .; rmdir other; mv link l
    """),
    "make": (sources, ["make", "cc"], """
        make -s; echo 'int more;' >> part.c; make -s; make -s clean; make -s
    """),
    "sqlite": (tree, ["python"], f"\"$PYTHON\" -c '{SQLITE}'"),
    "compileall": (package, ["python"], "\"$PYTHON\" -m compileall -q pkg; rm pkg/sub1/*.py"),
    "pip": (wheel, ["python"], "\"$PYTHON\" -m pip -q --no-cache-dir --disable-pip-version-check "
            "install --no-compile --no-index --no-deps --target lib ./thing-1.0-py3-none-any.whl"),
    "patch": (tree, ["patch", "diff"], """
        cp -a html new; sed -i s/http/ftp/ new/p[1-5].html; rm new/p7.html; echo n > new/n
        diff -ruN html new > p.diff || :; rm -r new; patch -s -p1 -d html < p.diff; rm p.diff
    """),
    "find and chmod": (tree, ["find"], """
        find . -name 'p?.html' -delete; chmod -R go-rwx a; touch -d 2001-01-01 a/z
        ln html/p10.html hard; ln -s /nowhere s; cp --sparse=always html/p39.html sparse
        truncate -s 1M sparse; mkfifo f; rm -rf other; mkdir other
    """),
}  # fmt: skip


def environment(top):
    return {
        "PATH": os.environ["PATH"],
        "HOME": os.path.dirname(top),
        "TZ": "UTC",
        "PYTHON": os.environ.get("PYTHON", ""),
        "LINKS": os.environ["LINKS"],
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
        # No maintenance behind the command's back.
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "maintenance.auto",
        "GIT_CONFIG_VALUE_0": "false",
        **{f"GIT_{who}_NAME": "N" for who in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{who}_EMAIL": "n@example.org" for who in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{who}_DATE": "2001-01-01T00:00:00Z" for who in ("AUTHOR", "COMMITTER")},
    }


def shell(top, script):
    subprocess.run(["sh", "-ec", script], cwd=top, env=environment(top), check=True)


def timeless(found):
    # git's index has inode numbers and times in it.
    return {path: entry for path, entry in found.items() if not path.endswith(b".git/index")}


def interpreter(run):
    """A Python that the user of the test can run, or None."""
    for path in (sys.executable, shutil.which("python3", path="/usr/bin:/bin")):
        try:
            run(lambda path=path: subprocess.run([path, "-c", ""], check=True))
        except (pytest.fail.Exception, TypeError):
            continue
        return path
    return None


SLOW = [pytest.param(name, marks=pytest.mark.slow) if name == "pip" else name for name in WORKLOADS]


@pytest.mark.parametrize("name", SLOW)
def test_workload(base, run, user, name, monkeypatch):
    prepare, needed, script = WORKLOADS[name]
    for program in needed:
        python = interpreter(run) if program == "python" else None
        if python is None and (program == "python" or shutil.which(program) is None):
            pytest.skip(f"{program} is not here, or not for this user")
        if python is not None:
            monkeypatch.setenv("PYTHON", python)
    if (
        name == "pip"
        and subprocess.run([python, "-m", "pip", "-V"], capture_output=True).returncode
    ):
        pytest.skip("pip is not here")
    # The kernel gives a file another inode number when an ordinary user links to it; git minds.
    monkeypatch.setenv("LINKS", "--no-hardlinks" if user == "ordinary" else "")

    def check():
        os.umask(0o022)
        prepare(base)
        shutil.copytree(base, f"{base}.before", symlinks=True, copy_function=copied)
        shell(base, script)
        expected = snapshot(base, times=False)
        os.rename(base, f"{base}.real")
        os.rename(f"{base}.before", base)
        before = snapshot(base)
        with ostler.rehearsal() as m:
            done = m.run(["sh", "-ec", script], cwd=base, env=environment(base))
            assert done.status == 0
            assert snapshot(base) == before
            mine = [c for c in m.changes() if c.path.startswith(base + "/")]
            assert mine
            assert m.diff()
            m.commit(base)
            assert not [c for c in m.changes() if c.path.startswith(base + "/")]
        found = snapshot(base, times=False)
        assert timeless(found) == timeless(expected)
        differences = ostler.trees.compare(base, f"{base}.real")
        assert [d for d in differences if not str(d.path).endswith(".git/index")] == []

    run(check)


def copied(source, target):
    if stat.S_ISFIFO(os.lstat(source).st_mode):
        os.mkfifo(target)
    else:
        shutil.copy2(source, target, follow_symlinks=False)
