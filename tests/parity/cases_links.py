"""Cases of links.py."""

from tests.parity import BAD_PATHS, CLOSED, Named, attempt, case, touch


@case
def remove_bad_paths(os):
    return [
        [attempt(call, path) for path in [*BAD_PATHS, "x/y", "."]]
        for call in (os.remove, os.unlink)
    ]


@case
def remove_kinds(os):
    touch(os, "f")
    touch(os, "g")
    os.mkdir("d")
    os.symlink("f", "l")
    here = os.open(".", os.O_RDONLY)
    try:
        return [
            attempt(os.remove, "f"),
            attempt(os.unlink, b"g", dir_fd=here),
            attempt(os.remove, "d"),
            attempt(os.unlink, Named("l")),
            attempt(os.unlink, "f", dir_fd=CLOSED),
            sorted(os.listdir()),
        ]
    finally:
        os.close(here)


@case
def rename_bad_paths(os):
    touch(os, "f")
    return [
        [[attempt(call, path, "to"), attempt(call, "f", path)] for path in BAD_PATHS]
        for call in (os.rename, os.replace)
    ]


@case
def rename_kinds(os):
    touch(os, "f", b"1")
    touch(os, "g", b"22")
    os.mkdir("d")
    os.mkdir("e")
    touch(os, "e/x")
    here = os.open("d", os.O_RDONLY)
    try:
        return [
            attempt(os.rename, "f", "g"),
            attempt(os.rename, "g", "d"),
            attempt(os.rename, "d", "g"),
            attempt(os.rename, "d", "e"),
            attempt(os.rename, "e", "e/in"),
            attempt(os.rename, "g", b"h"),
            attempt(os.replace, Named("h"), "i", dst_dir_fd=here),
            attempt(os.replace, "i", "j", src_dir_fd=here, dst_dir_fd=CLOSED),
            attempt(os.rename, "i", "k", src_dir_fd=here),
            attempt(os.rename, "k", "k", src_dir_fd="x"),
            sorted(os.listdir()),
            os.stat("k").st_size,
        ]
    finally:
        os.close(here)


@case
def renames(os):
    os.mkdir("a")
    os.mkdir("a/b")
    touch(os, "a/b/f")
    return [
        attempt(os.renames, "a/b/f", "c/d/e/g"),
        sorted(os.listdir(".")),
        os.listdir("c/d/e"),
        attempt(os.renames, "missing", "x/y"),
        attempt(os.renames, None, "x"),
        attempt(os.renames, "c/d/e/g", b"x"),
        attempt(os.renames, b"c/d/e/g", b"h"),
        sorted(os.listdir(".")),
    ]


@case
def link(os):
    touch(os, "f", b"1")
    os.symlink("f", "l")
    here = os.open(".", os.O_RDONLY)

    def kind(name):
        return os.lstat(name).st_mode, os.lstat(name).st_nlink

    try:
        return [
            attempt(os.link, "f", "g"),
            attempt(os.link, "f", "g"),
            attempt(os.link, "l", "a"),
            attempt(os.link, "l", "b", follow_symlinks=False),
            attempt(os.link, "l", "c", src_dir_fd=here),
            attempt(os.link, "l", "d", dst_dir_fd=here, follow_symlinks=False),
            [kind(name) for name in "gabcd"],
            attempt(os.link, "f", "x", src_dir_fd=CLOSED),
            attempt(os.link, "f", "x", dst_dir_fd=1.5),
            attempt(os.link, ".", "x"),
            [[attempt(os.link, path, "to"), attempt(os.link, "f", path)] for path in BAD_PATHS],
        ]
    finally:
        os.close(here)


@case
def symlink_and_readlink(os):
    here = os.open(".", os.O_RDONLY)
    try:
        return [
            attempt(os.symlink, "to", "l"),
            attempt(os.symlink, b"to\xff", b"m"),
            attempt(os.symlink, Named("to"), "n", True, dir_fd=here),
            attempt(os.symlink, "x" * 4000, "long"),
            attempt(os.symlink, "x", "l"),
            attempt(os.readlink, "l"),
            attempt(os.readlink, b"l"),
            attempt(os.readlink, "m"),
            attempt(os.readlink, Named(b"m")),
            attempt(os.readlink, Named("n"), dir_fd=here),
            attempt(os.readlink, "long"),
            attempt(os.readlink, "."),
            attempt(os.readlink, "l", dir_fd=CLOSED),
            [attempt(os.readlink, path) for path in BAD_PATHS],
            [[attempt(os.symlink, path, "to"), attempt(os.symlink, "x", path)]
             for path in BAD_PATHS],
        ]  # fmt: skip
    finally:
        os.close(here)
