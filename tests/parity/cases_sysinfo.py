"""Cases of sysinfo.py."""

from tests.parity import BAD_INTS, attempt, case

ODD = [*BAD_INTS, 2, 9999, True, "x", "SC_X", "SC_ARG_MAX", "CS_PATH", b"SC_ARG_MAX", ""]


@case
def configuration_values(os):
    # What the amount of free memory says changes by the moment.
    steady = sorted(set(os.sysconf_names) - {"SC_AVPHYS_PAGES"})
    return [
        os.sysconf_names, os.confstr_names,
        [attempt(os.sysconf, name) for name in steady],
        [attempt(os.confstr, name) for name in sorted(os.confstr_names)],
    ]  # fmt: skip


@case
def configuration_names(os):
    return [[attempt(os.sysconf, v) for v in ODD], [attempt(os.confstr, v) for v in ODD]]


@case
def names_and_counts(os):
    counts = []
    if "process_cpu_count" in os.__all__:
        counts.append(os.process_cpu_count())
    return [os.uname(), os.cpu_count(), *counts]


@case
def load(os):
    averages = os.getloadavg()
    return type(averages), [type(a) for a in averages]


@case
def messages(os):
    return [attempt(os.strerror, v) for v in [*range(140), *BAD_INTS]]


@case
def random_bytes(os):
    results = [len(os.urandom(n)) for n in (0, 1, 255, 256, 257, 5000)]
    results += [len(os.getrandom(n)) for n in (0, 1, 256)]
    bad = [v for v in BAD_INTS if v != 2**31]
    results += [attempt(os.urandom, v) for v in bad] + [attempt(os.getrandom, v) for v in bad]
    results += [attempt(os.getrandom, 1, v) for v in BAD_INTS]
    return [*results, len(os.getrandom(4, os.GRND_NONBLOCK))]
