"""Reading .env files with python-dotenv, on any machine."""


def read(machine, path, expand, encoding):
    """The variables of the .env file, none of them set anywhere."""
    try:
        from dotenv import dotenv_values
        from dotenv.variables import parse_variables
    except ImportError as error:
        raise ImportError(
            "reading .env files takes python-dotenv: pip install 'ostler[dotenv]'", name="dotenv"
        ) from error
    fd = machine.open(path, machine.O_RDONLY | machine.O_CLOEXEC)
    with machine.fdopen(fd, encoding=encoding) as file:
        found = dotenv_values(stream=file, interpolate=False)
    if not expand:
        return dict(found)
    known = dict(machine.environ)
    variables = {}
    for name, value in found.items():
        if value is not None:
            value = "".join(atom.resolve(known) for atom in parse_variables(value))
            known[name] = value
        variables[name] = value
    return variables
