"""What is written for each processor: a child by clone3, and the program between exec and exec.

Compiled by itself, of the text that the modules are compiled with; so it can also be run where
there is a compiler, and no ostler yet.
"""

import ast
import os
import platform
import re
import shutil
import subprocess

import pytest

from build_tools import modules

LIBC = modules.PACKAGE / "core" / "libc"
COMPILER = shutil.which(os.environ.get("CC", "cc"))
MAIN = r"""
static volatile int seen;
static int child(void *given) { seen = *(int *)given; return 7; }

int main(void)
{
    extern char **environ;
    int given = 42, pidfd = -1, status = 0, flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD;
    char *stack = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *words[] = {"failed\n", ";", "/", "/bin/echo", "echo", "entered", NULL};
    setvbuf(stdout, NULL, _IONBF, 0);
    long pid = ostler_clone_cleared(child, stack, 65536, flags, SIGCHLD, &given, &pidfd);
    if (pid > 0)
        waitpid((int)pid, &status, 0);
    printf("%s %d ", pid > 0 ? "clone3" : strerror(errno), seen);
    printf("%d %d\n", WEXITSTATUS(status), pidfd > 2);
    int fd = ostler_entering_program();
    for (int i = 0; i < 2; i++, words[3] = "/none") {
        if (fork() == 0) {
            fexecve(fd, words, environ);
            _exit(99);
        }
        wait(&status);
        printf("%d\n", WEXITSTATUS(status));
    }
    return 0;
}
"""


def text_of(name, function):
    """The C in a .pxd that defines a function."""
    found = re.findall(r'"""[\s\S]*?"""', (LIBC / name).read_text())
    (text,) = (ast.literal_eval(each) for each in found if function in each)
    return text


@pytest.mark.skipif(COMPILER is None, reason="there is no C compiler here")
@pytest.mark.skipif(
    platform.machine() not in ("x86_64", "aarch64"), reason="there is none of it for this processor"
)
@pytest.mark.parametrize("option", ["-O2", "-O0"])
def test_it_does_what_it_is_for(tmp_path, option):
    source = tmp_path / "main.c"
    headers = ["linux/sched.h", "sched.h", "signal.h", "stdio.h", "sys/mman.h", "sys/wait.h"]
    source.write_text(
        "\n".join(
            [
                "#define _GNU_SOURCE",
                *(f"#include <{header}>" for header in headers),
                text_of("sched.pxd", "ostler_clone_cleared"),
                text_of("entering.pxd", "ostler_entering_program"),
                MAIN,
            ]
        )
    )
    command = [COMPILER, option, "-w", "-o", str(tmp_path / "main"), str(source)]
    subprocess.run(command, check=True)
    done = subprocess.run([tmp_path / "main"], capture_output=True, text=True, check=True)
    assert done.stdout == "clone3 42 7 1\nentered\n0\n127\n" and done.stderr == "failed\n"
