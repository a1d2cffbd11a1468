"""A source archive in which nothing tells by whom, when or where it was made."""

import gzip
import os
import tarfile
from pathlib import Path


def made_plain(build_sdist, folder, settings):
    """Build a source archive by a function of a build backend; return its name.

    With SOURCE_DATE_EPOCH its files are of that time, in the order of their names, owned by nobody
    and readable by all.
    """
    name = build_sdist(folder, settings)
    if "SOURCE_DATE_EPOCH" in os.environ:
        _make_plain(Path(folder, name), int(os.environ["SOURCE_DATE_EPOCH"]))
    return name


def _make_plain(archive, when):
    plain = archive.with_suffix(".new")
    with (
        tarfile.open(archive) as before,
        plain.open("wb") as file,
        gzip.GzipFile("", "wb", 9, file, mtime=when) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as after,
    ):
        for member in sorted(before.getmembers(), key=lambda each: each.name):
            if not member.isdir():
                member.mtime, member.mode = when, 0o755 if member.mode & 0o100 else 0o644
                member.uid = member.gid = 0
                member.uname = member.gname = ""
                after.addfile(member, before.extractfile(member))
    plain.replace(archive)
