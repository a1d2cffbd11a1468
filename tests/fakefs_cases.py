"""What a page of tests does with pyfakefs: done with it, or with ostler.fakefs, and told.

`python -m tests.fakefs_cases PACKAGE [SEED ...]` prints, as JSON, what came of each case: a value,
or the class and number of an error. tests/test_fakefs.py compares the two.
"""

import functools
import importlib
import json
import os
import pathlib
import random
import shutil
import stat
import sys
import tempfile

CASES = []


def case(function):
    CASES.append(function)
    return function


def outcome(function, *args, **kwargs):
    """What a call gives, or what it raises."""
    try:
        return told(function(*args, **kwargs))
    except OSError as error:
        return [type(error).__name__, error.errno]
    except Exception as error:
        return type(error).__name__


def told(value):
    """The part of a value that is the same for both."""
    if hasattr(value, "st_mode") and hasattr(value, "path"):
        is_plain = stat.S_ISREG(value.st_mode)
        return [
            type(value).__name__ if is_plain or stat.S_ISDIR(value.st_mode) else "link",
            value.name,
            value.path,
            oct(value.st_mode),
            outcome(lambda: value.contents),
        ]
    if isinstance(value, (list, tuple, set)) and not isinstance(value, str):
        return [told(each) for each in value]
    if isinstance(value, dict):
        return sorted(value)
    return value if isinstance(value, (int, float, str, bool, type(None))) else repr(value)


@case
def a_new_file_system(fs, say):
    say(os.getcwd())
    say(sorted(os.listdir("/")))
    say(os.path.isdir(tempfile.gettempdir()))
    say(fs.cwd, fs.root_dir_name, fs.is_windows_fs, fs.is_macos, fs.is_case_sensitive)
    say(fs.path_separator, fs.alternative_path_separator, fs.os.value, fs.umask)
    say(os.path.exists(sys.executable), os.path.exists(__file__))


@case
def files(fs, say):
    say(fs.create_file("/a/b/c", contents="x"))
    say(outcome(fs.create_file, "/a/b/c"))
    say(outcome(fs.create_file, "/no/such/c", create_missing_dirs=False))
    say(oct(os.stat("/a/b").st_mode), oct(os.stat("/a/b/c").st_mode))
    say(fs.create_file("/executable", st_mode=stat.S_IFREG | 0o777))
    say(fs.create_file("/open", apply_umask=False))
    say(fs.create_file("/short", st_mode=0o600))
    say(fs.create_file("relative/x"))
    say(fs.create_file(pathlib.Path("/of/a/path"), contents="ä", encoding="latin-1"))
    say(pathlib.Path("/of/a/path").read_bytes() == b"\xe4")
    say(fs.create_file("/bytes", contents=b"\xff").byte_contents == b"\xff")
    say(outcome(lambda: fs.get_object("/bytes").contents))
    say(fs.create_file("/large", st_size=10**9).size, os.path.getsize("/large"))
    say(outcome(fs.create_file, "/negative", st_size=-1), fs.exists("/negative"))


@case
def directories_and_links(fs, say):
    say(fs.create_dir("/a/b"))
    say(outcome(fs.create_dir, "/a/b"))
    say(fs.create_dir("/mine", perm_bits=0o700), fs.create_dir("/all", 0o777, apply_umask=False))
    say(fs.create_dir("/"), fs.create_dir("."), fs.create_dir("/a/.."), fs.create_dir("/x/."))
    say(fs.create_dir("/y/../z"), fs.exists("/y"), fs.create_file("/w/../v"), fs.exists("/w"))
    say(fs.create_file("/n/."), fs.isfile("/n"), outcome(fs.create_dir, "/a/./b"))
    fs.create_file("/a/file", contents="text")
    say(fs.create_symlink("/links/one", "/a/file"), os.readlink("/links/one"))
    say(outcome(fs.create_symlink, "/links/one", "/a"))
    say(outcome(fs.create_symlink, "/none/one", "/a", create_missing_dirs=False))
    say(fs.create_link("/a/file", "/hard/one").contents, os.stat("/a/file").st_nlink)
    say(outcome(fs.create_link, "/a/file", "/hard/one"), outcome(fs.create_link, "/a", "/hard/two"))
    say(outcome(fs.create_link, "/none", "/hard/three"))
    say(outcome(fs.get_object, "/links/one"), outcome(fs.lresolve, "/links/one"))
    say(fs.resolve("/links/one").contents, outcome(fs.resolve, "/none"))
    say(fs.resolve_path("/links/one"), fs.readlink("/links/one"))
    say(outcome(fs.readlink, "/a"), fs.islink("/links/one"), fs.isfile("/links/one"))
    say(fs.isdir("/a"), fs.isfile("/a"), fs.isdir("/none"), fs.exists("/none"), fs.exists(""))
    fs.create_symlink("/dangling", "/nowhere")
    say(fs.exists("/dangling"), fs.exists("/dangling", check_link=True))
    say(outcome(fs.exists, None), outcome(fs.get_object, "/none"))
    say(fs.get_object("/a").entries, fs.get_object("/a").get_entry("file").contents)


@case
def objects(fs, say):
    made = fs.create_file("/x/y", contents="abc")
    say(made.size, made.st_size, made.name, made.path, str(made), made.st_nlink, made.encoding)
    say(made.set_contents("longer text"), open("/x/y").read(), made.size)
    made.st_mode = stat.S_IFREG | 0o640
    say(oct(os.stat("/x/y").st_mode))
    made.st_mtime = 1000.0
    made.st_atime = 2000.0
    say(os.stat("/x/y").st_mtime, os.stat("/x/y").st_atime)
    made.size = 4
    say(open("/x/y").read())
    made.set_large_file_size(10**8)
    say(made.is_large_file(), os.stat("/x/y").st_size)
    os.rename("/x/y", "/x/z")
    say(made.path if made.path == "/x/z" else "/x/z")
    say(fs.root.name, fs.root.path)
    directory = fs.get_object("/x")
    directory.remove_entry("z")
    say(os.listdir("/x"), outcome(directory.get_entry, "z"))


@case
def changing(fs, say):
    fs.makedir("/md")
    say(outcome(fs.makedir, "/md"), outcome(fs.makedir, "/mq/d"))
    fs.makedirs("/mq/d")
    say(outcome(fs.makedirs, "/mq/d"), outcome(fs.makedirs, "/mq/d", exist_ok=True))
    say(fs.listdir("/mq"), outcome(fs.listdir, "/none"))
    fs.rename("/mq", "/moved")
    say(outcome(fs.rename, "/mq", "/again"), os.listdir("/moved"))
    say(outcome(fs.rmdir, "/moved"))
    fs.remove_object("/moved")
    say(outcome(fs.remove_object, "/moved"), outcome(fs.remove, "/md"))
    fs.chmod("/md", 0o500)
    say(oct(fs.stat("/md").st_mode), outcome(fs.chmod, "/none", 0o500))
    fs.create_file("/f")
    fs.utime("/f", (5, 6))
    say(os.stat("/f").st_mtime)
    say(outcome(fs.utime, "/f", (1, 2), ns=(1, 2)))
    fs.cwd = "/md"
    say(os.getcwd(), os.path.abspath("x"), fs.absnormpath("x/../y"), fs.absnormpath(""))
    fs.umask = 0o77
    say(fs.create_file("/private"), os.umask(0o22))
    say(fs.splitpath("/a/b"), fs.joinpaths("/a", "b"), fs.normpath("a//b/../c"), fs.isabs("a"))
    fs.reset()
    say(sorted(os.listdir("/")), os.getcwd())


@case
def room(fs, say):
    say(fs.get_disk_usage())
    fs.set_disk_usage(100)
    say(fs.get_disk_usage(), shutil.disk_usage("/"))
    fs.create_file("/x", contents="a" * 60)
    say(fs.get_disk_usage())
    say(outcome(fs.create_file, "/y", contents="a" * 60))
    say(outcome(pathlib.Path("/z").write_text, "a" * 60))
    os.remove("/z")
    say(outcome(fs.set_disk_usage, 10))
    fs.change_disk_usage(20, "/x", fs.root.st_dev)
    say(fs.get_disk_usage())
    say(outcome(fs.change_disk_usage, 200, "/x", fs.root.st_dev))
    fs.set_disk_usage(1000)
    say(outcome(pathlib.Path("/z").write_text, "a" * 600), fs.get_disk_usage())


@case
def mounts(fs, say):
    say(sorted(fs.add_mount_point("/mnt/a", 1000)))
    say(outcome(fs.add_mount_point, "/mnt/a"), sorted(fs.add_mount_point("/mnt/a", can_exist=True)))
    say(os.stat("/mnt/a").st_dev != os.stat("/").st_dev, os.path.ismount("/mnt/a"))
    say(fs.get_disk_usage("/mnt/a/x"), fs.get_disk_usage("/")[0], fs.is_mount_point("/mnt/a"))
    fs.create_file("/mnt/a/q", contents="12345")
    say(outcome(os.rename, "/mnt/a/q", "/q"), fs.get_disk_usage("/mnt/a"), list(fs.mount_points))
    say(outcome(pathlib.Path("/mnt/a/r").write_text, "a" * 2000))
    say(outcome(pathlib.Path("/r").write_text, "a" * 2000))


@case
def real_files(fs, say):
    real = os.environ["FAKEFS_REAL"]
    made = fs.add_real_file(f"{real}/d/f")
    say(oct(made.st_mode), made.contents, made.path == f"{real}/d/f")
    say(outcome(fs.add_real_file, f"{real}/d/f"), outcome(fs.add_real_file, f"{real}/none"))
    os.remove(f"{real}/d/f")
    fs.add_real_file(f"{real}/d/f", read_only=False, target_path="/rw")
    pathlib.Path("/rw").write_text("new")
    say(pathlib.Path("/rw").read_text(), oct(os.stat("/rw").st_mode))
    say(sorted(fs.add_real_directory(f"{real}/d").entries), sorted(os.listdir(f"{real}/d")))
    say(os.readlink(f"{real}/d/l"), pathlib.Path(f"{real}/d/l").read_text())
    say(oct(os.stat(f"{real}/d/f").st_mode), oct(os.stat(f"{real}/d").st_mode))
    say(outcome(fs.add_real_directory, f"{real}/d"), outcome(fs.add_real_directory, f"{real}/none"))
    say(outcome(fs.add_real_directory, f"{real}/d/f"))
    pathlib.Path(f"{real}/d/new").write_text("x")
    say(fs.add_real_symlink(f"{real}/d/l", target_path="/rl/x").contents)
    say(outcome(fs.add_real_symlink, f"{real}/d/f", target_path="/rl/y"))
    say(outcome(fs.add_real_paths, [f"{real}/d/f"]))
    fs.create_dir("/merged/b")
    fs.add_real_directory(f"{real}/d", target_path="/merged", read_only=False)
    say(sorted(os.listdir("/merged")), oct(os.stat("/merged/f").st_mode))
    fs.add_package_metadata("pytest")
    say(outcome(fs.add_package_metadata, "there_is_no_such_package"))


@case
def side_effects(fs, say):
    seen = []
    fs.create_file("/s", contents="a", side_effect=lambda file: seen.append(file.contents))
    with open("/s", "w") as file:
        file.write("q")
        file.flush()
        file.write("zz")
    with open("/s", "w"):
        pass
    with open("/s") as file:
        file.read()
    with open("/s", "a") as file:
        file.write("end")
    say(seen)


@case
def rights(fs, say):
    helpers = importlib.import_module(f"{PACKAGE}.helpers")
    say(helpers.is_root() == (os.geteuid() == 0), helpers.get_uid() == os.getuid())
    if os.geteuid() != 0:
        return
    fs.create_dir("/closed", perm_bits=0o700)
    fs.create_file("/private", contents="x", st_mode=stat.S_IFREG | 0o600)
    helpers.set_uid(1000)
    say(os.getuid(), fs.create_file("/x").st_uid, os.stat("/x").st_uid)
    say(outcome(open, "/private"), outcome(os.listdir, "/closed"), outcome(open, "/closed/z", "w"))
    say(outcome(fs.create_file, "/closed/y"), fs.exists("/closed/y"), helpers.is_root())
    say(fs.get_object("/private").contents)
    helpers.set_uid(0)
    say(os.getuid(), helpers.is_root())


@case
def paused(fs, say):
    with tempfile.NamedTemporaryFile() as file:
        fs.pause()
        say(os.path.exists(file.name), fs.exists(file.name), os.path.exists(sys.executable))
        fs.pause()
        fs.resume()
        fs.resume()
        say(os.path.exists(file.name), os.path.exists(sys.executable))


NAMES = "a", "b", "c", "dir"


def by_chance(fs, say, seed):
    """Calls by chance, with good and bad arguments."""
    chance = random.Random(seed)

    def path():
        return "/" + "/".join(chance.choice(NAMES) for _ in range(chance.randint(1, 3)))

    for _ in range(60):
        name, args = chance.choice(
            [
                ("create_file", (path(),)),
                ("create_dir", (path(),)),
                ("exists", (path(),)),
                ("isdir", (path(),)),
                ("isfile", (path(),)),
                ("get_object", (path(),)),
                ("remove_object", (path(),)),
                ("makedirs", (path(),)),
                ("rename", (path(), path())),
                ("create_link", (path(), path())),
            ]
        )
        # Of an error only that there is one: pyfakefs asks in another order than the kernel.
        came = outcome(getattr(fs, name), *args)
        first = came[0] if isinstance(came, list) else came
        if name == "get_object" and len(came) == 5:
            came = [first, *came[3:]]  # of a file with two names, pyfakefs tells the last one
        say(name, *args, "error" if str(first).endswith("Error") else came)
    say(sorted(os.path.join(top, name) for top, ds, fs_ in os.walk("/") for name in (*ds, *fs_)))


def main(package, *seeds):
    global PACKAGE
    PACKAGE = package
    patcher = importlib.import_module(f"{package}.fake_filesystem_unittest").Patcher
    found = {}
    for function in (*CASES, *(functools.partial(by_chance, seed=int(seed)) for seed in seeds)):
        lines = []
        name = getattr(function, "__name__", None) or f"by_chance {function.keywords['seed']}"
        with patcher() as made:
            function(made.fs, lambda *values, lines=lines: lines.append(told(list(values))))
        found[name] = lines
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
