"""Cases of permissions.py."""

from tests.parity import BAD_PATHS, attempt, case, touch


@case
def chown_bad_paths(os):
    return [attempt(os.chown, path, -1, -1) for path in BAD_PATHS]


@case
def chown_unchanged(os):
    touch(os, "f")
    return attempt(os.chown, "f", -1, -1)
