"""Lines of single calls: of files, links, descriptors, attributes, times, text and variables."""


def times(m):
    if m.chance(0.5):
        value = m.one(
            "(1, 2)",
            "(1.5, -2.25)",
            "(1e9, 1e9)",
            "None",
            "(1,)",
            "[1, 2]",
            "(2**63, 0)",
            "('a', 1)",
            "(1, float('nan'))",
            "(Index(3), 4)",
            "(10**9 + 0.123456789, 5)",
        )
        return f"times={value}" if m.chance(0.3) else value
    value = m.one(
        "(1, 2)",
        "(10**18, 10**18 + 7)",
        "(-1, -10**9)",
        "(2**80, 0)",
        "(1.0, 2)",
        "(1, 2, 3)",
        "None",
        "(Index(3), 4)",
    )
    return f"ns={value}"


def descriptors(m):
    if not m.held or m.chance(0.15):
        return m.open()
    fd = m.fd()
    choice = m.random.randrange(34)
    if choice == 0:
        m.call("read", fd, m.size())
    elif choice == 1:
        m.call("write", fd, m.data())
    elif choice == 2:
        m.call("pread", fd, m.size(), m.size())
    elif choice == 3:
        m.call("pwrite", fd, m.data(), m.size())
    elif choice == 4:
        m.call("lseek", fd, m.number(), m.one("0", "1", "2", "os.SEEK_DATA", "os.SEEK_HOLE", "9"))
    elif choice == 5:
        m.call("ftruncate", fd, m.size())
    elif choice == 6:
        m.hold(f"os.dup({fd})")
    elif choice == 7:
        m.call("dup2", fd, m.one("9", "10", fd, "-1", "CLOSED"), a=(0.3, f"inheritable={m.bool()}"))
    elif choice == 8:
        m.call(
            m.one(
                "close",
                "fsync",
                "fdatasync",
                "isatty",
                "ttyname",
                "get_inheritable",
                "get_blocking",
                "fstat",
                "fstatvfs",
                "device_encoding",
                "get_terminal_size",
                "listdir",
                "fchdir",
            ),
            fd,
        )
    elif choice == 9:
        m.call(m.one("set_inheritable", "set_blocking"), fd, m.one("True", "True", "1", "None"))
    elif choice == 10:
        m.call("readv", fd, f"[bytearray({m.one('3', '0', '10')}), bytearray(4)]")
    elif choice == 11:
        m.call("writev", fd, f"[{m.data()}, {m.data()}]")
    elif choice == 12:
        m.call(
            "preadv", fd, "[bytearray(3)]", m.size(), a=(0.3, m.one("0", "os.RWF_NOWAIT", "2**20"))
        )
    elif choice == 13:
        m.call(
            "pwritev",
            fd,
            f"[{m.data()}]",
            m.size(),
            a=(0.3, m.one("0", "os.RWF_DSYNC", "os.RWF_APPEND", "-1")),
        )
    elif choice == 14:
        m.call("sendfile", fd, m.fd(), m.one("None", "0", "2", "-1", "'x'"), m.size())
    elif choice == 15:
        m.call(
            "copy_file_range",
            fd,
            m.fd(),
            m.size(),
            a=(0.4, f"offset_src={m.size()}"),
            b=(0.4, f"offset_dst={m.size()}"),
        )
    elif choice == 16:
        m.call(
            "splice",
            fd,
            m.fd(),
            m.size(),
            a=(0.3, f"offset_src={m.size()}"),
            b=(0.3, f"offset_dst={m.size()}"),
            c=(0.4, f"flags={m.one('0', 'os.SPLICE_F_NONBLOCK', '-1', 'None')}"),
        )
    elif choice == 17:
        m.call(m.one("posix_fallocate"), fd, m.size(), m.size())
    elif choice == 18:
        m.call("posix_fadvise", fd, m.size(), m.size(), m.one("0", "1", "99"))
    elif choice == 19:
        m.call("lockf", fd, m.one("os.F_TEST", "os.F_TLOCK", "os.F_ULOCK", "77"), m.size())
    elif choice == 20 and len(m.held) < 5:
        m.lines.append("z0 = os.pipe2(os.O_NONBLOCK)")
        m.hold("z0[0]")
        m.hold("z0[1]")
    elif choice == 21:
        m.hold(f"os.memfd_create({m.one(repr('m'), 'Text(' + repr('n') + ')', m.path())})")
    elif choice in (22, 23):
        count = len(m.held)
        m.hold(f"os.eventfd({m.size()}, os.EFD_NONBLOCK)")
        if len(m.held) > count:  # of another descriptor the error's number is what was left there
            m.call("eventfd_read", m.held[-1])
    elif choice == 24:
        m.call("eventfd_write", fd, m.size())
    elif choice == 25:
        m.call("closerange", fd, m.one("9", "12", "4"))  # to a negative one os closes all
    elif choice == 26:
        m.lines.append(
            f"y0 = os.fdopen({fd}, {m.one('repr', 'str') and m.one(repr('r'), repr('rb'), repr('w'), repr('a'))}, closefd=False)"
        )
        m.lines.append("y0.read(3)" if m.chance(0.5) else "y0.write('hi')")
    elif choice == 27:
        m.call(m.one("scandir", "listdir"), fd)
    elif choice == 28:
        m.call(m.one("fchmod"), fd, m.mode())
    elif choice == 29:
        m.call(m.one("fchown"), fd, m.one("-1", "os.getuid()", "2**32", "None"), "-1")
    elif choice == 30:
        m.call("fpathconf", fd, m.one("'PC_NAME_MAX'", "'PC_X'", "3", "999", "None"))
    elif choice == 31:
        m.call("readinto", fd, "bytearray(4)") if m.chance(0) else m.call("stat", fd)
    elif choice == 32:
        m.call("truncate", m.place(), m.size())
    else:
        m.call("utime", fd, times(m))


def files(m):
    if m.chance(0.12):
        return m.open()
    choice = m.random.randrange(20)
    p, q = m.path(), m.path()
    if choice < 3:
        m.call(m.one("stat", "stat", "lstat"), m.place() if choice else p, a=(0.2, m.dir_fd()))
    elif choice == 3:
        m.call("stat", p, m.follow(), a=(0.3, m.dir_fd()))
    elif choice < 6:
        m.call(
            m.one("rename", "replace"),
            p,
            q,
            a=(0.15, m.dir_fd("src_dir_fd")),
            b=(0.15, m.dir_fd("dst_dir_fd")),
        )
    elif choice == 6:
        m.call(m.one("unlink", "remove"), p, a=(0.2, m.dir_fd()))
    elif choice == 7:
        m.call("utime", m.place(), times(m), a=(0.2, m.dir_fd()), b=(0.2, m.follow()))
    elif choice == 8:
        m.call("truncate", m.place(), m.size())
    elif choice == 9:
        m.call("chmod", m.place(), m.mode(), a=(0.2, m.dir_fd()), b=(0.2, m.follow()))
    elif choice == 10:
        m.call(
            m.one("chown", "lchown"),
            p,
            m.one("-1", "os.getuid()", "2**32-1", "2**32", "None", "-2"),
            "-1",
        )
    elif choice == 11:
        m.call(
            "access",
            p,
            m.one("os.R_OK", "os.W_OK | os.X_OK", "os.F_OK", "64", "-1"),
            a=(0.2, m.dir_fd()),
            b=(0.2, f"effective_ids={m.bool()}"),
            c=(0.2, m.follow()),
        )
    elif choice == 12:
        m.call(m.one("mkfifo"), p, a=(0.5, m.mode()), b=(0.2, m.dir_fd()))
    elif choice == 13:
        m.call(
            "mknod",
            p,
            a=(0.6, m.one("0o600", "0o100644", "0o010600", "0o140600")),
            b=(0.2, m.dir_fd()),
        )
    elif choice == 14:
        m.call("umask", m.one("0o22", "0o77", "0", "-1", "None", "0o17777"))
    elif choice == 15:
        m.call(m.one("statvfs"), m.place())
    elif choice == 16:
        p = p.strip("-")  # of a negative number os dies
        m.call("pathconf", p, m.one("'PC_NAME_MAX'", "'PC_X'", "3", "999", "None"))
    elif choice == 17:
        m.call(
            "path."
            + m.one(
                "exists",
                "lexists",
                "isfile",
                "isdir",
                "islink",
                "ismount",
                "getsize",
                "realpath",
                "abspath",
            ),
            m.place() if m.chance(0.5) else p,
        )
    elif choice == 18:
        m.call("path." + m.one("samefile"), p, q)
    else:
        m.call("path.realpath", p, f"strict={m.one('True', 'False')}")


def links(m):
    if m.chance(0.1):
        return m.open()
    p, q = m.path(), m.path()
    choice = m.random.randrange(8)
    if choice < 2:
        m.call("symlink", p, q, a=(0.2, m.dir_fd()), b=(0.1, "target_is_directory=True"))
    elif choice == 2:
        m.call(
            "link",
            p,
            q,
            a=(0.2, m.dir_fd("src_dir_fd")),
            b=(0.2, m.dir_fd("dst_dir_fd")),
            c=(0.4, m.follow()),
        )
    elif choice == 3:
        m.call("readlink", p, a=(0.3, m.dir_fd()))
    elif choice == 4:
        m.call("path.realpath", p, a=(0.5, f"strict={m.bool()}"))
    elif choice == 5:
        m.call("path." + m.one("islink", "lexists", "exists", "isdir"), p)
    else:
        files(m)


def xattrs(m):
    if m.chance(0.15):
        return m.open()
    name = (
        m.one("'user.a'", "'user.b'", "b'user.a'", "Text('user.c')", "Path('user.d')")
        if m.chance(0.9)
        else m.one(
            "''",
            "'x'",
            "'user.'",
            "None",
            "'user.' + 'x' * 300",
            "'user.\\0'",
            "'user.\\udcff'",
            "'system.x'",
            "5",
        )
    )
    choice = m.random.randrange(6)
    place = m.place() if m.chance(0.9) else m.one("-1", "-2", "-100")
    if choice < 2:
        m.call(
            "setxattr",
            place,
            name,
            m.data(),
            a=(0.4, m.one("0", "os.XATTR_CREATE", "os.XATTR_REPLACE", "3", "-1")),
            b=(0.3, m.follow()),
        )
    elif choice == 2:
        m.call("getxattr", place, name, a=(0.3, m.follow()))
    elif choice == 3:
        m.call("removexattr", place, name, a=(0.3, m.follow()))
    elif choice == 4:
        m.lines.append(f"sorted(os.listxattr({place if m.chance(0.9) else ''}))")
    else:
        links(m)


def utimes(m):
    if m.chance(0.15):
        return m.open()
    m.call("utime", m.place(), times(m), a=(0.2, m.dir_fd()), b=(0.3, m.follow()))
    if m.chance(0.4):
        m.call("path." + m.one("getmtime", "getatime"), m.one("'a'", "'b'", "'d/x'", "'missing'"))


def environment(m):
    name = m.one(
        "'A'",
        "'B'",
        "'é'",
        "''",
        "'A='",
        "'a\\0'",
        "b'A'",
        "5",
        "Text('A')",
        "None",
        "'\\udcff'",
        "'É'",
    )
    value = m.one("'x'", "''", "'é'", "'a\\0'", "b'x'", "5", "Text('t')", "None", "'\\udcff'")
    m.lines.append(
        m.one(
            f"os.environ.__setitem__({name}, {value})", f"os.environ.__getitem__({name})", f"os.environ.__delitem__({name})",
            f"os.putenv({name}, {value})", f"os.unsetenv({name})", f"os.getenv({name})", f"os.getenv({name}, {value})",
            f"os.environ.pop({name}, {value})", f"os.environ.setdefault({name}, {value})", f"os.environ.get({name})",
            "sorted(os.environ)", "sorted(os.environb)", f"{name} in os.environ", f"{name} in os.environb", f"os.environb.get({name})",
            f"os.environ.update({{{name}: {value}}})", f"sorted((os.environ | {{{name}: {value}}}).items(), key=repr)",
            f"sorted(({{{name}: {value}}} | os.environ).items(), key=repr)", "len(os.environ)", "os.environ.copy()['A']",
            f"os.environb.__setitem__({name}, {value})", f"os.environ.__ior__({{{name}: {value}}})", "repr(os.environ)", "os.system('echo $A $B')",
            f"os.path.expandvars({m.text()})", f"os.path.expanduser({m.text()})", "sorted(os.get_exec_path())", "os.environ == dict(os.environ)",
            f"os.getenvb({name})",
        )
    )  # fmt: skip


def paths(m):
    one = (
        "abspath",
        "basename",
        "dirname",
        "expanduser",
        "expandvars",
        "isabs",
        "normcase",
        "normpath",
        "realpath",
        "split",
        "splitdrive",
        "splitext",
        "splitroot",
    )
    choice = m.random.randrange(8)
    if choice < 4:
        m.call("path." + m.random.choice(one), m.text())
    elif choice == 4:
        m.call("path.join", m.text(), m.text(), a=(0.5, m.text()))
    elif choice == 5:
        m.call("path.relpath", m.text(), a=(0.7, m.text()))
    elif choice == 6:
        m.call(
            f"path.{m.one('commonpath', 'commonprefix')}", f"[{m.text()}, {m.text()}, {m.text()}]"
        )
    else:
        m.call(m.one("fsencode", "fsdecode", "fspath"), m.text())
