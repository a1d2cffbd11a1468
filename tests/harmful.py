"""Which verbs a test does not call in its own process: told by the table, but for a few."""

from ostler.verbs import table

# What the table counts as a change of something else than this process.
_BESIDES = {"chroot", "closerange", "login_tty", "sync"}
# What would end this process, or change what it is, or its neighbours.
HARMFUL = _BESIDES | {
    verb.name
    for verb in table.every()
    if (verb.touches == table.PROCESS and verb.changes) or verb.name.startswith("exec")
}
STARTING = {verb.name for verb in table.every() if verb.touches == table.PROGRAMS}
