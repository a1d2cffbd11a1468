"""All that a child has started, and the end of it."""

import errno
from _signal import SIGKILL, SIGSTOP


def facts(pid):
    """(state, parent, process group) of a process; None when it has gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return fields[0].decode(), int(fields[1]), int(fields[2])


def _processes(machine):
    found = {}
    for name in machine.listdir("/proc"):
        if name.isdigit():
            known = facts(name)
            if known is not None and known[0] not in "ZX":
                found[int(name)] = known
    return found


def _is_of(known, root, members, group):
    return known[1] == root or known[1] in members or (group is not None and known[2] == group)


def kill_family(host, root, group):
    """Kill the process `root`, its descendants and the members of its process group.

    They are stopped first, as long as new ones turn up, so that none can start another one
    meanwhile. `root` must be a child of ours that was not waited for.
    """
    members = {}
    try:
        while True:
            new = False
            processes = _processes(host)
            more = True
            while more:  # a parent may stand behind its child in the list
                more = False
                for pid, known in processes.items():
                    if pid in members or not (pid == root or _is_of(known, root, members, group)):
                        continue
                    handle = _held(host, pid)
                    if handle is None:
                        continue
                    again = facts(pid)  # now that the handle can't mean another process
                    if again is None or not (pid == root or _is_of(again, root, members, group)):
                        handle.close()
                        continue
                    members[pid] = handle
                    _send(handle, SIGSTOP)
                    new = more = True
            if not new:
                break
        for handle in members.values():
            _send(handle, SIGKILL)
    finally:
        for handle in members.values():
            handle.close()


def _held(host, pid):
    try:
        return host.process(pid)
    except ProcessLookupError:
        return None
    except OSError as error:
        if error.errno in (errno.EMFILE, errno.ENFILE):
            host.kill(pid, SIGKILL)  # no descriptor to spare: at once, then
            return None
        raise


def _send(handle, number):
    try:
        handle.signal(number)
    except (ProcessLookupError, PermissionError):
        pass
