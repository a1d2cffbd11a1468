"""Fresh file systems for the benches: tmpfs, or ext4, xfs, btrfs on a loop-mounted image.

What was removed before makes the next round slow (ext4 does not use an inode again within a
minute), so what changes trees gets a new file system each time. Mounts are made in a mount
namespace of this process: when it ends, however it ends, they and their images are gone.
"""

import contextlib
import os
import shutil
import subprocess

import ostler

_COMMANDS = {
    "ext4": ("mkfs.ext4", "-q", "-F", "-i", "8192"),
    "xfs": ("mkfs.xfs", "-q", "-f"),
    "btrfs": ("mkfs.btrfs", "-q", "-f"),
}
KINDS = ("tmpfs", *_COMMANDS)
_IMAGE = 12 << 30  # sparse
_MEMORY = 6 << 30  # so much is wanted for images in memory


def _command(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(0, done.stderr.strip() or f"status {done.returncode}", command[0])


def namespace():
    """Give this process mounts of its own; false where that is refused."""
    try:
        ostler.unshare(ostler.CLONE_NEWNS)
        _command("mount", "--make-rprivate", "/")
    except OSError:
        return False
    return True


def images(directory):
    """Mount memory for images at this directory where there is enough of it."""
    with open("/proc/meminfo") as file:
        free = {line.split(":")[0]: int(line.split()[1]) for line in file}.get("MemAvailable", 0)
    if free * 1024 > 2 * _MEMORY:
        _command("mount", "-t", "tmpfs", "-o", f"size={_IMAGE},nr_inodes=0", "tmpfs", directory)


@contextlib.contextmanager
def fresh(kind, directory):
    """A new file system of this kind, mounted below the directory while the context lasts."""
    mount = os.path.join(directory, kind)
    os.makedirs(mount, exist_ok=True)
    if kind == "here":
        try:
            yield mount
        finally:
            shutil.rmtree(mount)
        return
    image = os.path.join(directory, kind + ".img")
    try:
        if kind == "tmpfs":
            _command("mount", "-t", "tmpfs", "-o", "nr_inodes=0", "tmpfs", mount)
        else:
            with open(image, "wb") as file:
                file.truncate(_IMAGE)
            _command(*_COMMANDS[kind], image)
            _command("mount", "-o", "loop", image, mount)
        try:
            yield mount
        finally:
            try:
                _command("umount", mount)
            except OSError:
                _command("umount", "--lazy", mount)
    finally:
        if os.path.exists(image):
            os.unlink(image)


def usable(kinds, directory):
    """Those of these kinds that can be mounted; of the others it is said why not."""
    found = []
    for kind in kinds:
        try:
            with fresh(kind, directory):
                found.append(kind)
        except OSError as error:
            why = error.strerror if error.filename else str(error)
            print(f"left out: {kind}: {error.filename}: {why}")
    return found
