"""A test in a process of its own, which lives on a scratch machine.

`parent.py` makes the machine, forks, and logs what the child reports; `child.py` runs the test
there; `room.py` says what of the host the machine shows, `wire.py` how the two talk, and
`covered.py` brings what coverage has seen.
"""
