"""What making the files of a release and trying them have in common."""

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
TEST_NEEDS = ("pytest>=8", "hypothesis>=6", "rich>=13", "python-dotenv>=1")
SEEN = """
import importlib.metadata, os, platform, ostler
assert os.host is ostler.host and not ostler._compiled.__file__.endswith(".py")
os.stat("/"), os.listdir("/"), os.getpid(), ostler.path.realpath("/")
assert os.waitstatus_to_exitcode(os.system("exit 3")) == 3
print(ostler._compiled.__file__, importlib.metadata.version("ostler"), platform.machine())
"""


def newer_pythons():
    """The folder of the Pythons that build_tools/newer has got, whether it is there or not."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ostler/pythons"
    return Path(os.environ.get("OSTLER_PYTHONS") or cache)


def the_time():
    """SOURCE_DATE_EPOCH, or the time of the last commit, as text."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if given:
        return given
    git = ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"]
    done = subprocess.run(git, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit("this is no git checkout; set SOURCE_DATE_EPOCH")
    return done.stdout.strip()


def source_archive(out):
    """Build the source archive into a folder; return its path."""
    quiet = "import backend, sys; print(backend.build_sdist(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", quiet, str(out)], cwd=ROOT, check=True, text=True,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(HERE), "SOURCE_DATE_EPOCH": the_time()},
    )  # fmt: skip
    return Path(out, done.stdout.splitlines()[-1])


def command_works(within, environment, version):
    """Run the installed command; return what it says of the package that it takes.

    `within` are the words that begin a command in another root, `environment` is the folder of the
    Python that ostler was installed for.
    """
    command = str(environment / "bin" / "ostler")
    told = subprocess.check_output([*within, command, "--version"], text=True).strip()
    if told != f"ostler {version}":
        raise ValueError(f"ostler --version says {told!r}, not {version}")
    program = [*within, command, "run", "-c", SEEN]
    told = subprocess.check_output(program, text=True, stdin=subprocess.DEVNULL).strip()
    if not told.startswith(f"{environment}/"):
        raise ValueError(f"ostler run takes {told}")
    return told


def with_test_needs(within, environment):
    """Install what the tests need, beside ostler: the newest that comes compiled, if there is any.

    To compile another may take what is not here.
    """
    own = environment / "bin" / "python"
    install = [*within, own, "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    compiled = [*install, "--only-binary", ":all:", *TEST_NEEDS]
    if subprocess.run(compiled, check=False).returncode:
        subprocess.run([*install, *TEST_NEEDS], check=True)


def unpack(packed, into):
    """Unpack an archive of our own making; older releases of 3.11 have no filter to name."""
    packed.extractall(into, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))


def run_tests(within, environment, archive, place, words):
    """Run tests of a source archive on the package that is installed; return pytest's status.

    The folder `src` of the archive is replaced by a link to the installed package, so that nothing
    else is tested, however a test finds it.
    """
    with tarfile.open(archive) as packed:
        unpack(packed, place)
    (top,) = place.glob("ostler-*/")
    shutil.rmtree(top / "src")
    (package,) = environment.glob("lib/python*/site-packages")
    (top / "src").symlink_to(package)
    # Another root sees of this one no more than the directory in which it is entered.
    there = [*within, "sh", "-c", 'cd "$0" && exec "$@"', top]
    command = [*there, environment / "bin" / "python", "-m", "pytest", *words]
    around = os.path.commonpath([top, environment])
    return subprocess.run(command, cwd=around, stdin=subprocess.DEVNULL, check=False).returncode
