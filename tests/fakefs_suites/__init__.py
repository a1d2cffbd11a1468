"""Test suites that use pyfakefs, run with it and with ostler.fakefs: `make fakefs-suites`."""
