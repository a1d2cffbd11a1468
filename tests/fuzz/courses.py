"""Lines of directories and commands: calls, and longer courses of them."""

from tests.fuzz.calls import environment, files


def directories(m):
    if m.chance(0.15):
        return m.open()
    choice = m.random.randrange(14)
    p = m.path()
    if choice == 0:
        m.call("mkdir", p, a=(0.4, m.mode()), b=(0.2, m.dir_fd()))
    elif choice == 1:
        m.call("makedirs", p, a=(0.4, m.mode()), b=(0.4, f"exist_ok={m.bool()}"))
    elif choice == 2:
        m.call("rmdir", p, a=(0.2, m.dir_fd()))
    elif choice == 3:
        m.call("removedirs", p)
    elif choice == 4:
        m.call("chdir", m.place())
    elif choice == 5:
        m.call("fchdir", m.fd())
    elif choice == 6:
        m.call(m.one("getcwd", "getcwdb"))
    elif choice == 7:
        m.call("renames", p, m.path())
    elif choice < 10:
        m.lines.append(
            f"made(os, 'listdir', {m.place()})"
            if m.chance(0)
            else f"sorted(os.listdir({m.place() if m.chance(0.9) else ''}))"
        )
    elif choice < 12:
        m.lines.append(f"entries(os, {m.place()}, {changes(m, False)}, {questions(m)})")
    elif choice == 12:
        m.lines.append(f"partly(os, {m.place()}, {m.random.randrange(5)})")
    else:
        files(m)


def questions(m):
    asked = []
    for _ in range(m.random.randrange(1, 6)):
        question = m.one("is_dir", "is_file", "is_symlink", "is_junction", "stat", "stat", "is_dir")
        keywords = {}
        if question in ("is_dir", "is_file", "stat") and m.chance(0.5):
            keywords["follow_symlinks"] = m.one(True, False, 0)
        if question != "is_junction":
            asked.append((question, keywords))
    return repr(asked)


def changes(m, timed):
    made = []
    for _ in range(m.random.randrange(3)):
        change = m.one(
            ("unlink", "d/x"), ("unlink", "d/e/y"), ("rename", "d/e", "d/z"), ("rename", "d", "dd"),
            ("symlink", "e", "d/s"), ("rmdir", "empty"), ("rmdir", "d/e/f"), ("mkdir", "empty/n"),
            ("symlink", "empty", "d/e/t"), ("chmod", "d/e", 0), ("unlink", "a"), ("mkdir", "d/e/f/g"),
            ("unlink", "l"), ("rename", "empty", "d/e/f/moved"), ("rename", "d/e/f", "d/e/f2"),
        )  # fmt: skip
        made.append((m.random.randrange(3), *change) if timed else change)
    return repr(made)


def walks(m):
    if m.chance(0.1):
        return directories(m)
    if m.chance(0.1):
        return m.open()
    name = m.one("walk", "fwalk")
    top = (
        m.one("'.'", "'d'", "b'd'", "'ld'", "Path('d')", "Text('d')", "'d/'", "b'.'")
        if m.chance(0.75)
        else m.path()
    )
    given = [f"topdown={m.one('True', 'True', 'False', '1', '0')}"]
    if m.chance(0.3):
        given.append(f"{'followlinks' if name == 'walk' else 'follow_symlinks'}={m.bool()}")
    if name == "fwalk" and m.chance(0.15):
        given.append(m.dir_fd())
    if name == "walk" and m.chance(0.1):
        top = m.fd()
    if m.chance(0.5):
        given.append(f"change={changes(m, True)}")
    if m.chance(0.4):
        new = m.one(
            "['e']",
            "[]",
            "['e', 'up']",
            "[b'e']",
            "[Path('e')]",
            "[5]",
            "[None]",
            "['missing', 'e']",
            "['', 'e']",
            "['.']",
            "[Text('e')]",
            "['e', 'e']",
            "['e', 5]",
            "[Path(OSError(5, 'n'))]",
            "['..']",
            "['e/f']",
            "[Item('e')]",
            "['a\\0']",
            "['x']",
            "['d', 'empty']",
        )
        given.append(
            f"put=({m.random.randrange(2)}, slice({m.one('None', '1', '0, 0')}), {new})"
            if m.chance(0.9)
            else f"put=(0, slice(None), {new})"
        )
    if m.chance(0.2):
        given.append(f"stop={m.random.randrange(1, 4)}")
    if m.chance(0.3):
        given.append(f"raising={m.one('True', 'None')}")
    m.lines.append(f"walked(os, {name!r}, {top}, {', '.join(given)})")


COMMANDS = [
    "exit 3", "true", "false", "/bin/true", "echo a", "echo $A", "echo a b; exit 2", "pwd", "kill -9 $$", "kill -15 $$",
    "missing-command", "", " ", "cat a", "cat <a >new", "echo hi >d/made", "./sh 5", "sh ./sh 6", "cat", "head -c 3",
    "echo err >&2; exit 1", "test -e a", "printf 'x\\n\\xff'", "A=5 sh -c 'echo $A'", "exec cat a", "echo $É", "ls d",
    "/bin/cat b", "env -i sh -c 'echo $A'", "umask", "cd d; pwd", "a=b", "exec 3<&- 4<&-; echo $?", "mkdir new; rmdir new",
]  # fmt: skip


ARGUMENTS = [
    "['sh', '-c', 'exit 4']",
    "('sh', '-c', 'echo $A')",
    "['x']",
    "[]",
    "['']",
    "['sh', Path('sh'), b'9']",
    "['sh', '-c', 'cat a; exit 1']",
    "None",
    "'sh'",
    "[1]",
    "['a\\0']",
    "[Text('sh'), '-c', Bytes(b'exit 8')]",
    "['sh', 'sh', '7']",
]


PROGRAMS = [
    "'/bin/sh'",
    "'sh'",
    "b'/bin/sh'",
    "'./sh'",
    "'sh'",
    "'a'",
    "'missing'",
    "'/missing/x'",
    "''",
    "'d'",
    "Path('/bin/sh')",
    "None",
    "5",
    "'/bin/true'",
    "'true'",
    "Text('/bin/sh')",
    "Bytes(b'sh')",
    "'\\udcff'",
    "'x\\0'",
]


VARIABLES_GIVEN = [
    "{}",
    "os.environ",
    "{'A': 'two', 'PATH': '/bin'}",
    "{b'A': b'x'}",
    "None",
    "5",
    "{'': 'x'}",
    "{'A=': 'x'}",
    "{'A': 1}",
    "{'PATH': 'd:'}",
    "{'PATH': ''}",
    "{Text('A'): Bytes(b'1')}",
    "[('A', 'b')]",
    "{'A': 'a\\0'}",
]


def commands(m):
    choice = m.random.randrange(12)
    if choice < 3:
        command = m.random.choice(COMMANDS)
        text = m.one(
            repr(command),
            repr(command.encode()),
            f"Text({command!r})",
            f"Bytes({command.encode()!r})",
            f"Path({command!r})",
        )
        m.call(
            "system",
            text if m.chance(0.95) else m.one("None", "5", "'a\\0b'", "bytearray(b'true')"),
        )
    elif choice < 6:
        command = m.random.choice(COMMANDS)
        mode = m.one("r", "r", "w") if m.chance(0.95) else m.one("x", "rb", "")
        if mode == "w":  # one that reads all that it is given, or a pipe may break or not
            command = m.one("cat", "cat >new", "cat; exit 5", "wc -c", "head -c 3 >new; cat >new2")
        given = [
            f"how={m.one('with', 'lines', 'part', 'close twice')!r}",
            f"text={m.one('', 'hello', 'é', chr(10) * 3)!r}",
        ]
        if m.chance(0.3):
            given.append(f"buffering={m.one('1', '-1', '0', 'None', '100', '1.5')}")
        m.lines.append(f"spoken(os, {command!r}, {mode!r}, {', '.join(given)})")
    elif choice == 6:
        # The command surely lives when its stream goes, and ends later.
        command, mode = m.one(("sleep .1; echo a; echo x >mk", "r"), ("cat; echo x >mw", "w"))
        m.lines.append(f"spoken(os, {command!r}, {mode!r}, how='dropped')")
        m.ended = True  # when it is met again by a later popen is by chance
    elif choice < 9:
        kind = m.one("v", "ve", "vp", "vpe")
        mode = m.one("os.P_WAIT", "os.P_WAIT", "os.P_NOWAIT", "0")
        given = [mode, m.random.choice(PROGRAMS), m.random.choice(ARGUMENTS)]
        if kind.endswith("e"):
            given.append(m.random.choice(VARIABLES_GIVEN))
        call = f"os.spawn{kind}({', '.join(given)})"
        m.lines.append(f"waited(os, {call})" if mode == "os.P_NOWAIT" else call)
    elif choice == 9:
        given = [
            m.random.choice(PROGRAMS),
            m.random.choice(ARGUMENTS),
            m.random.choice(VARIABLES_GIVEN),
        ]
        if m.chance(0.5):
            actions = m.one(
                "None",
                "[(os.POSIX_SPAWN_OPEN, 1, 'new', os.O_WRONLY | os.O_CREAT, 0o600)]",
                "[(os.POSIX_SPAWN_CLOSE, 1)]",
                "[(os.POSIX_SPAWN_DUP2, 2, 1)]",
                "[(99, 1)]",
                "()",
                "5",
                "[(os.POSIX_SPAWN_OPEN, 1, 'missing/x', 0, 0)]",
                "[(os.POSIX_SPAWN_DUP2, 40, 1)]",
                "[()]",
                "[(os.POSIX_SPAWN_DUP2, -1, 1)]",
            )
            given.append(f"file_actions={actions}")
        if m.chance(0.2):
            given.append(
                m.one(
                    "resetids=True",
                    "setsigmask=[10]",
                    "setsigdef=[2, 13]",
                    "setsigmask=[0]",
                    "setsigdef=None",
                    "scheduler=(None, os.sched_param(0))",
                    "scheduler=5",
                )
            )
        m.lines.append(f"waited(os, os.posix_spawn{m.one('', 'p')}({', '.join(given)}))")
    elif choice == 10:
        environment(m)
    else:
        m.one(files, directories)(m)
