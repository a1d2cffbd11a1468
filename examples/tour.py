"""A walk through what an operating system does for a program, in seven parts.

Everything here happens for real, in a temporary folder that is gone at the end: directories and
files are made, children are started, permissions change. There is nothing but `import os` in it,
so it runs under `python` as it does under `ostler run`.
"""

import os
import sys
import tempfile


def main():
    start = os.getcwd()
    with tempfile.TemporaryDirectory(prefix="tour-") as folder:
        os.chdir(folder)
        try:
            directories()
            files()
            environment()
            paths()
            commands()
            processes()
            permissions()
        finally:
            os.chdir(start)
    say()
    say(f"The folder is gone again: os.path.exists(...) is {os.path.exists(folder)}.")


def directories():
    part(1, "Directories", "where the program stands, and the folders around it")
    show("os.getcwd()", os.getcwd())

    os.mkdir("harbour")
    did("os.mkdir('harbour')", "one new folder")
    os.makedirs("harbour/north/pier")
    did("os.makedirs('harbour/north/pier')", "two more, one inside the other")

    os.chdir("harbour")
    did("os.chdir('harbour')", f"now standing in {os.path.basename(os.getcwd())!r}")
    show("os.listdir()", os.listdir())
    os.chdir("..")

    os.rmdir("harbour/north/pier")
    did("os.rmdir('harbour/north/pier')", "only an empty folder can be removed so")
    os.removedirs("harbour/north")
    did("os.removedirs('harbour/north')", "and every parent that is empty then")
    show("os.listdir()", os.listdir())


def files():
    part(2, "Files", "names for contents, and what is known about them")
    write("log.txt", "Wind from the west.\n")
    did("open('log.txt', 'w')", "a file with one line in it")

    about = os.stat("log.txt")
    show("os.stat('log.txt').st_size", about.st_size)
    show("os.stat('log.txt').st_nlink", about.st_nlink)

    os.rename("log.txt", "logbook.txt")
    did("os.rename('log.txt', 'logbook.txt')", "another name, the same file:")
    show(
        "os.stat('logbook.txt').st_ino == about.st_ino",
        os.stat("logbook.txt").st_ino == about.st_ino,
    )

    os.remove("logbook.txt")
    did("os.remove('logbook.txt')", "no name left, so the file is gone")
    show("os.listdir()", os.listdir())


def environment():
    part(3, "Environment", "the variables that a program is given and hands on")
    os.environ["TOUR_SHIP"] = "Heron"
    did("os.environ['TOUR_SHIP'] = 'Heron'", "set, for this program and its children")
    show("os.getenv('TOUR_SHIP')", os.getenv("TOUR_SHIP"))
    show("os.getenv('TOUR_CREW', 'nobody')", os.getenv("TOUR_CREW", "nobody"))

    os.putenv("TOUR_WIND", "west")
    did("os.putenv('TOUR_WIND', 'west')", "set behind the back of os.environ:")
    show("'TOUR_WIND' in os.environ", "TOUR_WIND" in os.environ)
    with os.popen("echo $TOUR_SHIP sails $TOUR_WIND") as child:
        show("what a child sees", child.read())

    del os.environ["TOUR_SHIP"]
    os.unsetenv("TOUR_WIND")
    did("del os.environ['TOUR_SHIP']", "and both are gone again")


def paths():
    part(4, "Paths", "the grammar of names, and questions about what they name")
    chart = os.path.join("charts", "north", "sea.txt")
    show("os.path.join('charts', 'north', 'sea.txt')", chart)
    show("os.path.exists(chart)", os.path.exists(chart))

    os.makedirs(os.path.dirname(chart))
    write(chart, "Here be dragons.\n")
    did("os.makedirs(...), open(chart, 'w')", "now it is there")
    show("os.path.exists(chart)", os.path.exists(chart))
    show("os.path.isfile(chart)", os.path.isfile(chart))
    show("os.path.isdir(chart)", os.path.isdir(chart))
    show("os.path.isdir('charts')", os.path.isdir("charts"))
    show("os.path.abspath(chart)", os.path.abspath(chart))

    os.remove(chart)
    os.removedirs(os.path.dirname(chart))


def commands():
    part(5, "Commands", "other programs, run from this one")
    status = os.system("echo '      (the shell speaks, on the same output)'")
    show('os.system("echo ...")', status)
    status = os.system("exit 3")
    show("os.system('exit 3')", status)
    show("os.waitstatus_to_exitcode(status)", os.waitstatus_to_exitcode(status))

    with os.popen("printf 'three\\nlittle\\nlines\\n' | sort") as child:
        show("os.popen('printf ... | sort').read()", child.read())


def processes():
    part(6, "Processes", "who this program is, and who its children are")
    show("os.getpid()", os.getpid())
    show("os.getppid()", os.getppid())

    child = os.fork()
    if child == 0:
        # Two programs run from here on; this one is the child, and becomes another.
        try:
            os.execv("/bin/sh", ["sh", "-c", "exit 7"])
        finally:
            os._exit(127)  # reached only when there is no /bin/sh
    did("os.fork()", f"a child, process {child}")
    did("os.execv('/bin/sh', ['sh', '-c', 'exit 7'])", "in the child, which is the shell now")
    _pid, status = os.waitpid(child, 0)
    show("os.waitstatus_to_exitcode(status)", os.waitstatus_to_exitcode(status))


def permissions():
    part(7, "Permissions", "who may do what")
    write("orders.txt", "Sealed until the equator.\n")
    os.chmod("orders.txt", 0o400)
    did("os.chmod('orders.txt', 0o400)", "to be read by its owner alone")
    show("oct(os.stat('orders.txt').st_mode & 0o777)", oct(os.stat("orders.txt").st_mode & 0o777))

    os.chown("orders.txt", os.getuid(), os.getgid())
    did("os.chown('orders.txt', os.getuid(), os.getgid())", "the owner is who runs this:")
    show("os.stat('orders.txt').st_uid == os.getuid()", os.stat("orders.txt").st_uid == os.getuid())
    os.remove("orders.txt")


def write(name, text):
    with open(name, "w", encoding="utf-8") as file:
        file.write(text)


def part(number, title, about):
    say()
    say(f"{number}. {title}: {about}")
    say()


def show(call, value):
    """A call and what came back."""
    say(f"   {call:48} -> {value!r}")


def did(call, what):
    """A call that returns nothing, and what it did."""
    say(f"   {call:48} :: {what}")


def say(line=""):
    # At once, so that what children print comes in its place.
    try:
        print(line, flush=True)
    except OSError as error:
        # The reader has enough, as head has; or there is no room for more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(
            0 if isinstance(error, BrokenPipeError) else f"tour: standard output: {error.strerror}"
        )


if __name__ == "__main__":
    say(f"A tour of os, on Python {sys.version.split()[0]}")
    main()
