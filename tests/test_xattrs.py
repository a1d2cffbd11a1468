"""xattrs.py: what parity with os can't tell."""

import os

import ostler


def test_large_attribute(tmp_path):
    path = tmp_path / "f"
    path.touch()
    for size in (0, 127, 128, 129, 1000, 3000):
        ostler.setxattr(path, "user.large", b"x" * size)
        assert os.getxattr(path, "user.large") == b"x" * size
        assert ostler.getxattr(path, "user.large") == b"x" * size
    for i in range(20):
        ostler.setxattr(path, f"user.{'n' * 30}{i}", b"")
    assert sorted(ostler.listxattr(path)) == sorted(os.listxattr(path))
