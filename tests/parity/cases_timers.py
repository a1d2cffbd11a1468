"""Cases of timers.py."""

from tests.parity import BAD_INTS, attempt, case, file, opened


@case
def what_is_no_eventfd(os):
    with file(os) as fd:
        os.ftruncate(fd, 3)
        return [attempt(os.eventfd_read, fd), attempt(os.eventfd_read, fd)]


@case
def events(os):
    bad = [None, 1.5, "1", 2**32, -1, 2**64, []]
    results = [attempt(os.eventfd, value) for value in bad]
    results += [attempt(os.eventfd, 0, value) for value in [None, 1.5, 2**31, -1]]
    with opened(os, os.eventfd(3)) as fd:
        results += [os.get_inheritable(fd), os.eventfd_read(fd)]
        results += [attempt(os.eventfd_write, fd, value) for value in bad]
        results += [os.eventfd_read(fd), attempt(os.eventfd_write, fd, 2**64 - 1)]
    with opened(os, os.eventfd(2, os.EFD_NONBLOCK | os.EFD_SEMAPHORE)) as fd:
        results += [os.get_inheritable(fd), os.eventfd_read(fd), os.eventfd_read(fd)]
        results.append(attempt(os.eventfd_read, fd))
    return results


@case
def timers(os):
    if "timerfd_create" not in os.__all__:
        return None
    clock = 1  # CLOCK_MONOTONIC
    results = [attempt(os.timerfd_create, value) for value in [*BAD_INTS, 99]]
    results += [attempt(os.timerfd_create, clock, flags=v) for v in BAD_INTS]
    odd = [None, "x", float("nan"), float("inf"), -1.0, 1e300, 1e10, -1, 2**63, 2**80]
    with opened(os, os.timerfd_create(clock)) as fd:
        results.append(os.get_inheritable(fd))
        results.append(attempt(os.timerfd_gettime, fd))
        for name in ("timerfd_settime", "timerfd_settime_ns"):
            set_time = getattr(os, name)
            results += [attempt(set_time, fd, initial=v) for v in odd if v not in (1e10, 2**63)]
            results += [attempt(set_time, fd, interval=v) for v in odd]
            results += [attempt(set_time, fd, flags=v) for v in BAD_INTS]
            results.append(attempt(set_time, fd))
        os.timerfd_settime(fd, initial=1000, interval=0.25)
        results.append(os.timerfd_gettime(fd)[1])
        results.append(os.timerfd_gettime_ns(fd)[1])
    return results
