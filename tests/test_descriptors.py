"""Descriptors beyond parity: audit events."""

import sys

import ostler


def test_open_is_audited(tmp_path):
    seen = []
    active = True

    def hook(event, arguments):
        if active and event == "open" and str(arguments[0]).startswith(str(tmp_path)):
            seen.append(arguments)

    sys.addaudithook(hook)
    path = tmp_path / "f"
    ostler.close(ostler.open(path, ostler.O_CREAT | ostler.O_WRONLY))
    active = False
    flags = ostler.O_CREAT | ostler.O_WRONLY | ostler.O_CLOEXEC
    assert seen == [(str(path), None, flags)]
