"""Which threads are on the machine that is installed where they are begun."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("inherit", [0, 1])
@pytest.mark.skipif(sys.version_info < (3, 14), reason="threads inherit a context since 3.14")
def test_threads_that_inherit_their_context(inherit):
    """Which they do or not by a flag of the interpreter's; the machine is theirs as ever."""
    code = """if True:
        import contextvars, os, threading
        import ostler
        def names(**options):
            found = []
            thread = threading.Thread(target=lambda: found.extend(os.listdir("/")), **options)
            thread.start()
            thread.join()
            return found
        with ostler.scratch() as machine:
            machine.mkdir("/there")
            with machine.installed():
                assert "there" not in names()
                assert names(context=contextvars.copy_context()) == ["there"]
            with machine.installed(threads=True):
                assert names() == ["there"]
            assert "there" not in names()
    """
    subprocess.run(
        [sys.executable, "-X", f"thread_inherit_context={inherit}", "-c", code], check=True
    )
