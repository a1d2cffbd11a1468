"""Whose: functions of os that an installed machine has, but not by a path."""

# Who makes the calls, and what only some may do: for a machine of another user's that user.
BY_IDENTITY = frozenset(
    """
    getegid geteuid getgid getgroups getresgid getresuid getuid initgroups setegid seteuid setgid
    setgroups setregid setresgid setresuid setreuid setuid kill killpg nice setpriority
    """.split()
)
