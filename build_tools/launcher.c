/* The command `ostler`: becomes the interpreter that it is installed for, at once.

A script that python runs costs the start of an interpreter before it can become another one, which
`ostler run PROGRAM` would pay twice. A shell script would do, but for the environment: a shell drops
variables whose names it does not like, and adds others, and the program would see it. So this is C.

    ostler run PROGRAM ...  ->  python PROGRAM ..., with the start-up folder in front of PYTHONPATH
    ostler ANYTHING ...     ->  python -P .../ostler_command.py ANYTHING ...

The interpreter is the one in the first line of `ostler-command`, which pip writes beside this file.
Whatever is not as it is expected is left to that script: it does the same, and says what is wrong. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#define SCRIPT "ostler-command"
#define PLACES 4
#define LINKS 40 /* as many as the kernel follows */

static char script[PATH_MAX + sizeof SCRIPT + 1];
static char python[PATH_MAX];

/* Takes the script that lies in this folder, and its interpreter; 0 if there is none. */
static int take_script(const char *folder)
{
    if (snprintf(script, sizeof script, "%s/" SCRIPT, folder) >= (int)sizeof script)
        return 0;
    int fd = open(script, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t got = read(fd, python, sizeof python - 1);
    close(fd);
    python[got > 0 ? got : 0] = 0;
    char *end = strchr(python, '\n');
    if (end)
        *end = 0;
    /* "#!/bin/sh" is how pip begins where the interpreter's path is long or has blanks. */
    if (!end || strncmp(python, "#!/", 3) || strchr(python, ' ') || !strstr(python, "python"))
        *python = 0;
    else
        memmove(python, python + 2, strlen(python + 2) + 1);
    return 1;
}

/* Takes the script beside this file, or beside what it links to, from one link to the next: some
   installers link their files from a store. */
static int take_script_beside(const char *called)
{
    char path[2 * PATH_MAX], folder[PATH_MAX], link[2 * PATH_MAX];
    snprintf(path, sizeof path, "%s%s", strchr(called, '/') ? "" : "./", called);
    for (int i = 0; i < LINKS; i++) {
        char *name = strrchr(path, '/');
        *name++ = 0;
        if (!realpath(*path ? path : "/", folder))
            return 0;
        if (take_script(folder))
            return 1;
        if (snprintf(link, sizeof link, "%s/%s", folder, name) >= (int)sizeof link)
            return 0;
        char target[PATH_MAX];
        ssize_t length = readlink(link, target, sizeof target - 1);
        if (length <= 0)
            return 0;
        target[length] = 0;
        snprintf(path, sizeof path, "%s%s%s", *target == '/' ? "" : folder,
                 *target == '/' ? "" : "/", target);
    }
    return 0;
}

/* The folder that the package is in; 0 if it is not where an installation for this Python has it. */
static int find_package(char *folder, size_t size)
{
#ifdef OSTLER_SOURCE /* an editable installation's */
    snprintf(folder, size, "%s", OSTLER_SOURCE);
    return 1;
#else
    static const char *places[PLACES] = {
        "lib/" OSTLER_PYTHON "/site-packages", "lib64/" OSTLER_PYTHON "/site-packages",
        "lib/" OSTLER_PYTHON "/dist-packages", "lib64/" OSTLER_PYTHON "/dist-packages",
    };
    int bin = (int)(strrchr(script, '/') - script);
    while (bin > 0 && script[bin - 1] != '/')
        bin--;
    for (int i = 0; i < PLACES; i++) {
        char probe[PATH_MAX];
        if (snprintf(folder, size, "%.*s%s", bin, script, places[i]) < (int)size &&
            snprintf(probe, sizeof probe, "%s/ostler/py.typed", folder) < (int)sizeof probe &&
            access(probe, F_OK) == 0)
            return 1;
    }
    return 0;
#endif
}

/* Whether the arguments begin with a program, as python takes one: a script, -m, -c or -. */
static int is_program(const char *first)
{
    if (!first || *first != '-')
        return first && *first;
    return !first[1] || !strcmp(first, "--") || first[1] == 'm' || first[1] == 'c';
}

/* Puts the start-up folder in front of PYTHONPATH; ostler_command.py says how. Leaves there, too,
   which process asked for it: see the start-up file. */
static int put_startup(const char *folder)
{
    char pid[24];
    const char *before = getenv("PYTHONPATH");
    size_t size = strlen(folder) + (before ? strlen(before) : 0) + 64;
    char *path = malloc(size);
    if (!path || strchr(folder, ':'))
        return 0;
    size_t length = (size_t)snprintf(path, size, "%s/ostler/cli/startup", folder);
    const char *rest = before && !strncmp(before, path, length) ? before + length : "no";
    if (!*rest || *rest == ':' || !strcmp(rest, "/"))
        strcpy(path, before); /* below another `ostler run` it is there already */
    else
        snprintf(path + length, size - length, "%s%s", !before ? "" : *before ? ":" : "/",
                 before ? before : "");
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    return !setenv("PYTHONPATH", path, 1) && !setenv("OSTLER_RUN", pid, 1);
}

static void take_startup_back(const char *before)
{
    if (before)
        setenv("PYTHONPATH", before, 1);
    else
        unsetenv("PYTHONPATH");
    unsetenv("OSTLER_RUN");
}

int main(int argc, char **argv)
{
    char self[PATH_MAX], folder[PATH_MAX];
    const char *called = (const char *)getauxval(AT_EXECFN);
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    self[length > 0 ? length : 0] = 0;
    if (!(length > 0 && take_script_beside(self)) && !(called && take_script_beside(called))) {
        fprintf(stderr, "ostler: no %s beside %s; install ostler again\n", SCRIPT,
                *self ? self : called ? called : "this file");
        return 127;
    }
    if (*python && find_package(folder, sizeof folder)) {
        if (argc > 2 && !strcmp(argv[1], "run") && is_program(argv[2])) {
            const char *path = getenv("PYTHONPATH");
            char *before = path ? strdup(path) : NULL;
            if ((!path || before) && put_startup(folder)) {
                argv[1] = python;
                execv(python, argv + 1);
            }
            argv[1] = "run";
            take_startup_back(before);
        } else {
            char command[PATH_MAX + 32];
            char **all = calloc((size_t)argc + 4, sizeof *all);
            snprintf(command, sizeof command, "%s/ostler_command.py", folder);
            if (all) {
                all[0] = python;
                all[1] = "-P";
                all[2] = command;
                for (int i = 1; i < argc; i++)
                    all[i + 2] = argv[i];
                execv(python, all);
            }
        }
    }
    argv[0] = script;
    execv(script, argv);
    fprintf(stderr, "ostler: %s: %s\n", script, strerror(errno));
    return errno == ENOENT ? 127 : 126;
}
