"""A machine of one's own: files that are written through it lie scrambled on the machine behind.

    python examples/own_machine.py

What is told of an own kind of machine is one method, `called`: every verb passes it, by its name,
and what it does not treat itself goes on to the machine behind. Here `read`, `pread`, `write` and
`pwrite` are another thing than they are there, and nothing else is: a file that `open_file` gives
reads and writes by itself. (A toy: a key of one byte hides nothing.)
"""

import ostler
from ostler.machines.between import Between

KEY = 0x5A
READING = ("read", "pread")
WRITING = ("write", "pwrite")


def scrambled(data):
    return bytes(byte ^ KEY for byte in bytes(data))


class Scrambled(Between):
    """A view of another machine, on which the contents of files look other than they are."""

    def called(self, verb, args, kwargs):
        if verb in READING:
            return scrambled(super().called(verb, args, kwargs))
        if verb in WRITING:
            fd, data, *rest = args
            return super().called(verb, (fd, scrambled(data), *rest), kwargs)
        return super().called(verb, args, kwargs)


class Counting(Between):
    """A view of another machine that counts what it is asked for."""

    def __init__(self, behind):
        super().__init__(behind)
        self.counts = {}

    def called(self, verb, args, kwargs):
        self.counts[verb] = self.counts.get(verb, 0) + 1
        return super().called(verb, args, kwargs)


def main():
    with ostler.scratch() as behind:
        machine = Counting(Scrambled(behind))  # they stack, as all machines do
        fd = machine.open("/secret", machine.O_RDWR | machine.O_CREAT)
        machine.write(fd, b"meet me at noon")
        print("on this machine:  ", machine.pread(fd, 100, 0))
        print("on the one behind:", behind.pread(fd, 100, 0))
        machine.close(fd)
        machine.makedirs("/a/b/c")
        print("there are:        ", sorted(machine.listdir("/")), machine.path.isdir("/a/b"))
        print("it was asked for: ", machine.counts)


if __name__ == "__main__":
    main()
