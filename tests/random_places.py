"""A random program that keeps os's functions in all the places that install() promises to exchange.

`python -m tests.random_places SEED`: between the rounds, and while ostler is installed, the places
change. A plain walk through all modules, of its own, says what must stand where.
"""

import random
import sys
from types import BuiltinFunctionType, FunctionType, ModuleType

import ostler

SOURCES = ("os", "posix", "posixpath", "genericpath")
HEAP_CLASS = 1 << 9


class Quiet(staticmethod):
    """A static method of another class."""


class Program:
    """Modules whose globals, classes and functions hold os's functions, and other things."""

    def __init__(self, seed, taken):
        self.chance = random.Random(seed)
        self.taken = taken
        self.modules = [self.module() for _ in range(20)]

    def module(self):
        """A new module, filled."""
        made = ModuleType(f"random_{self.chance.getrandbits(60)}")
        sys.modules[made.__name__] = made
        for _ in range(self.chance.randrange(60)):
            self.change(vars(made), made.__name__)
        return made

    def kept(self):
        """What a program may keep."""
        if self.chance.random() < 0.5:
            return self.chance.choice(self.taken)
        return self.chance.choice([None, 1, "x", len, object()])

    def function(self, name):
        """A function of this module."""

        def made(a, b=1, *, c=2):
            return a, b, c

        made.__module__ = name
        made.__defaults__ = self.chance.choice([None, (self.kept(),), (1, self.kept())])
        made.__kwdefaults__ = self.chance.choice([None, {"c": self.kept()}, {"c": 3}])
        return made

    def member(self, name):
        """An attribute for a class of this module."""
        wrap = self.chance.choice([staticmethod, Quiet, classmethod, property])
        inner = self.chance.choice([self.kept, lambda: self.function(name)])()
        return self.chance.choice([inner, wrap(inner) if callable(inner) else inner])

    def kind(self, name):
        """A class of this module."""
        members = {f"m{i}": self.member(name) for i in range(self.chance.randrange(40))}
        bases = self.chance.choice([(), (Exception,)])
        return type("Kind", bases, {"__module__": name, **members})

    def change(self, names, name):
        """Change something in a module's globals."""
        chance = self.chance
        key = f"v{chance.randrange(30)}"
        own = [value for value in names.values() if getattr(value, "__module__", None) == name]
        kinds = [value for value in own if type(value) is type]
        functions = [value for value in own if type(value) is FunctionType]
        match chance.randrange(9):
            case 0 | 1:
                names[key] = self.kept()
            case 2:
                names.pop(key, None)
            case 3 | 4:
                names[key] = self.kind(name)
            case 5:
                names[key] = self.function(name)
            case 6 if kinds:
                setattr(chance.choice(kinds), f"m{chance.randrange(10)}", self.member(name))
            case 7 if functions:
                chance.choice(functions).__kwdefaults__ = {"c": self.kept()}
            case 8 if functions:
                chance.choice(functions).__defaults__ = (self.kept(),)

    def change_much(self):
        """Change many things, drop a module, and make one."""
        for _ in range(200):
            module = self.chance.choice(self.modules)
            self.change(vars(module), module.__name__)
        del sys.modules[self.modules.pop(self.chance.randrange(20)).__name__]
        emptied = self.chance.choice(self.modules)
        name = emptied.__name__
        vars(emptied).clear()
        emptied.__name__ = name
        self.modules.append(self.module())


class Places:
    """{(what it is, the id of what holds it, its name there): what is held}, of all modules."""

    def __init__(self, untouched):
        self.held = {}
        self.kept = []  # so that no id is given again
        seen = {id(module) for module in untouched}
        for name, module in list(sys.modules.items()):
            ours = name == "ostler" or name.startswith("ostler.")
            if isinstance(module, ModuleType) and not ours and id(module) not in seen:
                seen.add(id(module))
                self.of_module(vars(module), name)

    def put(self, what, holder, key, value):
        self.held[what, id(holder), key] = value
        self.kept.append(holder)

    def of_module(self, names, name):
        for key, value in list(names.items()):
            self.put("item", names, key, value)
            if isinstance(value, type):
                if value.__flags__ & HEAP_CLASS and vars(value).get("__module__") == name:
                    self.of_class(value)
            elif type(value) is FunctionType and value.__module__ == name:
                self.of_function(value)

    def of_class(self, kind):
        for key, value in vars(kind).items():
            self.put("attribute", kind, key, value)
            inner = value
            if isinstance(value, (staticmethod, classmethod)):
                inner = value.__func__
                self.put(type(value).__mro__[-2].__name__, kind, key, inner)
            if type(inner) is FunctionType and inner.__module__ not in SOURCES:
                self.of_function(inner)

    def of_function(self, function):
        for i, value in enumerate(function.__defaults__ or ()):
            self.put("default", function, i, value)
        for key, value in (function.__kwdefaults__ or {}).items():
            self.put("keyword", function, key, value)


def own_of(module):
    """What of os's modules a program can keep, and no other module has."""
    return [
        value
        for name, value in vars(module).items()
        if isinstance(value, (FunctionType, BuiltinFunctionType, type))
        and value.__module__ in SOURCES
        and not name.startswith("_")
    ]


def main(seed):
    """Twelve rounds."""
    ostler.install()  # which loads modules
    ostler.uninstall()
    own = {name: sys.modules[name] for name in SOURCES}
    untouched = [module for name, module in own.items() if name != "genericpath"]
    taken = [value for module in own.values() for value in own_of(module)]
    program = Program(seed, [*taken, *untouched])
    exchanged = 0
    for _ in range(12):
        before = Places(untouched)
        ostler.install()
        ours = ostler, ostler.path, sys.modules["posix"]
        successors = dict(zip(SOURCES, (ostler, ours[2], ostler.path, ostler.path), strict=True))
        wanted = {id(module): successors[module.__name__] for module in untouched}
        for name, module in own.items():
            for key, value in vars(module).items():
                if any(value is one for one in taken):
                    wanted.setdefault(id(value), getattr(successors[name], key, value))
        inside = Places([*untouched, *ours]).held
        assert before.held.keys() == inside.keys()
        for place, value in before.held.items():
            if id(value) in wanted and place[0] != "classmethod":
                assert inside[place] is wanted[id(value)], (place, value)
                exchanged += inside[place] is not value
            elif place[0] == "classmethod" or any(value is one for one in program.taken):
                assert inside[place] is value, (place, value)
        changed = {}
        for module in program.modules:
            key = f"v{program.chance.randrange(30)}"
            changed["item", id(vars(module)), key] = vars(module)[key] = object()
        late = program.module()
        ostler.uninstall()
        after = Places(untouched).held
        for place, value in after.items():
            if place in changed:
                assert value is changed[place], place
            elif place in before.held:
                assert value is before.held[place], (place, value, before.held[place])
        gone = before.held.keys() - after.keys()  # what was held by what was changed
        assert not any(place[0] == "item" for place in gone)
        program.modules.append(late)
        program.change_much()
    assert exchanged > 1000, exchanged
    print("done")


if __name__ == "__main__":
    main(int(sys.argv[1]))
