"""What programs in C and in shell do at random is told as they say, as that of Python is."""

import os
import random
from pathlib import Path

import pytest

from tests.machines import as_user, let_all_in
from tests.test_record import check_random, deeds, run
from tests.test_record_truth import compiled  # noqa: F401

# As RANDOM of tests/test_record.py.
PROGRAM = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
static unsigned long long state;
static int below(int end) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (int)((state >> 33) % end);
}
static int opened(const char *path, int flags) {
    int fd = open(path, flags, 0600);
    return fd < 0 ? -1 : close(fd);
}
static const char *kinds[] = {"create", "write", "append", "read", "mkdir", "remove", "rmdir",
                              "symlink", "mkfifo", "mode", "times", "truncate", "rename", "link"};
static const char *tops[] = {"", "d/", "e/", "d/e/"};
static void name(char *at) {
    sprintf(at, "%s%c", tops[below(4)], 'a' + below(5));
}
int main(int argc, char **argv) {
    state = strtoull(argv[1], NULL, 10);
    for (int left = atoi(argv[2]); left; left--) {
        char path[9], other[9] = "", real[PATH_MAX] = "";
        int kind = below(14), done;
        struct stat found;
        struct timespec times[2] = {{below(999), 5}, {below(999), 7}};
        name(path);
        if (kind >= 12) name(other);
        if (kind >= 1 && kind <= 3 && stat(path, &found) == 0 && S_ISFIFO(found.st_mode)) continue;
        errno = 0;
        switch (kind) {
        case 0: done = opened(path, O_CREAT | O_EXCL | O_WRONLY); break;
        case 1: done = opened(path, O_WRONLY); break;
        case 2: done = opened(path, O_WRONLY | O_APPEND | O_CREAT); break;
        case 3: done = opened(path, O_RDONLY); break;
        case 4: done = mkdir(path, 0777); break;
        case 5: done = unlink(path); break;
        case 6: done = rmdir(path); break;
        case 7: done = symlink("a", path); break;
        case 8: done = mkfifo(path, 0600); break;
        case 9: done = chmod(path, 0400 + below(0377)); break;
        case 10: done = utimensat(AT_FDCWD, path, times, 0); break;
        case 11: done = truncate(path, 1 + below(9999)); break;
        case 12: done = rename(path, other); break;
        default: done = link(path, other);
        }
        int number = errno;
        if (done == 0) { if (!realpath(path, real)) *real = 0; } else if (!number) return 1;
        printf("[\"%s\", \"%s\", \"%s\", %s, %d, \"%s\"]\n", kinds[kind], path, other,
               done ? "false" : "true", done ? number : 0, real);
    }
    return 0;
}
"""


@pytest.mark.parametrize("options", [(), ("-static",)], ids=["shared", "static"])
@pytest.mark.parametrize(
    "seed", [1, *(pytest.param(n, marks=pytest.mark.thorough) for n in range(2, 12))]
)
def test_a_program_in_c(compiled, tmp_path, seed, options):  # noqa: F811
    program = compiled("operations" + "".join(options), PROGRAM, *options)
    check_random(str(tmp_path), seed, 2000, [program])


@pytest.mark.parametrize(
    "seed", [1, *(pytest.param(n, marks=pytest.mark.thorough) for n in range(2, 12))]
)
def test_a_program_of_an_ordinary_user(compiled, tmp_path, seed):  # noqa: F811
    """Whom the modes of directories hinder."""
    program = compiled("operations", PROGRAM)
    let_all_in(tmp_path)
    let_all_in(Path(program))
    tmp_path.chmod(0o1777)
    place = tmp_path / "place"
    as_user(made_and_checked, str(place), seed, [program])


def made_and_checked(place, seed, program):
    os.mkdir(place)
    check_random(place, seed, 2000, program)


NAMES = [top + letter for top in ("", "d/", "e/", "d/e/") for letter in "abcde"]
# What a command is told as, where it succeeds.
ONE = {
    "true >>{}": "write", "mkdir {}": "mkdir", "rm -f {}": "remove", "rmdir {}": "rmdir",
    "ln -sT a {}": "symlink", "chmod 64{} {}": "mode", "mkfifo {}": "mknod",
}  # fmt: skip
TWO = {"mv -T {} {}": "rename", "ln -T {} {}": "link"}


def above(path):
    parts = path.split("/")
    return ["/".join(parts[:i]) for i in range(1, len(parts))]


def script(seed, count):
    """Commands at random, which say their numbers where they succeed: [(kind, paths)], text."""
    rng = random.Random(seed)
    kinds, lines = [], []
    for number in range(count):
        command = rng.choice(["true >>{}"] * 4 + ["mkdir {}"] * 2 + [*ONE, *TWO, *TWO])
        path, other = rng.choice(NAMES), rng.choice(NAMES)
        # Which commands go round, or wait for; what lies behind a link is told where it is.
        links = {path, *above(path), *(above(other) if command in TWO else ())}
        usable = " && ".join([f"[ ! -p {path} ]", *(f"[ ! -L {each} ]" for each in sorted(links))])
        if command in TWO:
            # Of two names of one file mv removes one; what is a directory, and what stands at the
            # other name, has each its own rules.
            usable += f" && [ -f {path} ] && [ ! -e {other} ] && [ ! -L {other} ]"
            command_line = command.format(path, other)
        elif command.startswith("chmod"):
            command_line = command.format(rng.randrange(8), path)
        else:
            command_line = command.format(path)
        if command in ("true >>{}", "rm -f {}"):
            usable += f" && [ ! -d {path} ]"
        if command == "rm -f {}":
            usable += f" && [ -e {path} ]"
        kinds.append(((ONE | TWO)[command], path, other if command in TWO else ""))
        lines.append(f"{usable} && {command_line} 2>/dev/null && echo {number}")
    return kinds, "\n".join([*lines, "true"])


@pytest.mark.parametrize(
    ("seed", "count"),
    [(1, 200), *(pytest.param(n, 2000, marks=pytest.mark.thorough) for n in range(2, 6))],
)
def test_a_script(tmp_path, seed, count):
    at = os.path.realpath(tmp_path / "place")
    kinds, text = script(seed, count)
    place = tmp_path / "place"
    place.mkdir()
    (tmp_path / "script").write_text(text)  # too much for an argument
    story, result = run("sh", "../script", cwd=place)
    assert result.status == 0, result.stderr
    done = [kinds[int(number)] for number in result.stdout.split()]
    assert len(done) > count / 10
    told = deeds(story, "create", *{kind for kind, _, _ in kinds}, under=f"{at}/")
    # A file that `>>` has made is told as created.
    wanted = []
    for kind, path, other in done:
        if kind == "link":
            path, other = other, path
        wanted.append((kind, f"{at}/{path}", f"{at}/{other}" if other else ""))
    found = [("write" if kind == "create" else kind, path, "" if kind == "symlink" else other)
             for kind, path, other in told]  # fmt: skip
    assert found == wanted
