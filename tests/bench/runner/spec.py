# SPDX-License-Identifier: GPL-2.0 OR MIT
"""A benchmark's declaration: reads tests/bench/NAME.toml and refuses what it does not understand."""

import os
import re
import tomllib

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

FILE_KEYS = {"title": str, "operation": str, "processors": (str, list), "disks": list, "memory": int, "timeout": int,
             "needs": list, "setup": str, "teardown": str, "versions": dict, "note": str, "same_answer": bool,
             "quick": bool, "trace": bool, "waits_for_host": bool, "warm_once": bool, "alone": bool, "rate": bool, "point": list, "contender": list}
CONTENDER_KEYS = {"name": str, "about": str, "baseline": bool, "needs": list, "setup": str, "before": str, "run": str,
                  "verify": str, "after": str, "teardown": str, "points": list, "startup_ops": int, "waits_for_host": bool}


class SpecError(Exception):
    """The declaration is wrong; the text says where."""


def check_keys(where, table, keys):
    for key, value in table.items():
        if key not in keys:
            raise SpecError(f"{where}: unknown key '{key}'; known are {', '.join(sorted(keys))}")
        if not isinstance(value, keys[key]):
            raise SpecError(f"{where}: '{key}' has the wrong type")


class Contender:
    def __init__(self, where, table):
        check_keys(where, table, CONTENDER_KEYS)
        for key in ("name", "run", "verify"):
            if not table.get(key):
                raise SpecError(f"{where}: '{key}' is missing; 'verify' must fail when the answer is wrong")
        self.name = table["name"]
        self.about = table.get("about", "")
        self.baseline = table.get("baseline", False)
        self.needs = table.get("needs", [])
        self.points = table.get("points")
        self.startup_ops = table.get("startup_ops", 0)
        self.waits_for_host = table.get("waits_for_host", False)
        self.commands = {k: table.get(k, "") for k in ("setup", "before", "run", "verify", "after", "teardown")}

    def missing(self):
        """Files of the tree and programs (names without a slash) that it needs and that are not there."""
        return [n for n in self.needs if not have(n)]

    def takes(self, point):
        return self.points is None or point.name in self.points


class Point:
    def __init__(self, where, table):
        for key in table:
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", key):
                raise SpecError(f"{where}: '{key}' cannot be the name of a shell variable")
        if "name" not in table or not isinstance(table.get("ops"), int):
            raise SpecError(f"{where}: a point needs 'name' and 'ops'")
        self.name = str(table["name"])
        self.ops = table["ops"]
        self.quick_ops = table.get("quick_ops", max(1, self.ops // 8))
        self.skip_quick = self.quick_ops == 0
        self.variables = {k: v for k, v in table.items() if k not in ("name", "ops", "quick_ops")}


class Spec:
    def __init__(self, path):
        self.path = path
        self.name = os.path.basename(path).removesuffix(".toml")
        try:
            with open(path, "rb") as f:
                table = tomllib.load(f)
        except (OSError, tomllib.TOMLDecodeError) as e:
            raise SpecError(f"{path}: {e}") from e
        check_keys(path, table, FILE_KEYS)
        self.title = table.get("title", self.name)
        self.operation = table.get("operation", "operation")
        self.processors = table.get("processors", "all")
        if self.processors != "all" and not (isinstance(self.processors, list) and
                                             all(isinstance(n, int) for n in self.processors)):
            raise SpecError(f"{path}: 'processors' is \"all\" or a list of numbers")
        self.disks = table.get("disks", [])
        self.memory = table.get("memory", 2048)
        self.timeout = table.get("timeout", 120)
        self.needs = table.get("needs", [])
        self.setup = table.get("setup", "")
        self.teardown = table.get("teardown", "")
        self.versions = table.get("versions", {})
        self.quick = table.get("quick", True)
        self.note = table.get("note", "")
        self.waits_for_host = table.get("waits_for_host", False)
        self.warm_once = table.get("warm_once", False)
        self.rate = table.get("rate", False)
        self.alone = table.get("alone", False)
        self.trace = table.get("trace", True)
        self.same_answer = table.get("same_answer", False)
        self.points = [Point(f"{path}: point {i + 1}", t) for i, t in enumerate(table.get("point", []))]
        self.contenders = [Contender(f"{path}: contender {i + 1}", t) for i, t in enumerate(table.get("contender", []))]
        if not self.points or len(self.contenders) < 2:
            raise SpecError(f"{path}: a benchmark has at least one point and two contenders")
        for what, names in (("point", [p.name for p in self.points]), ("contender", [c.name for c in self.contenders])):
            if len(set(names)) != len(names):
                raise SpecError(f"{path}: two {what}s have one name")
        if sum(c.baseline for c in self.contenders) != 1:
            raise SpecError(f"{path}: exactly one contender says 'baseline = true'")
        for c in self.contenders:
            for p in c.points or []:
                if p not in [q.name for q in self.points]:
                    raise SpecError(f"{path}: contender {c.name} names the point '{p}', which is not there")

    def missing(self):
        return [n for n in self.needs if not have(n)]


def have(name):
    if "/" in name:
        return os.path.exists(os.path.join(TOP, name))
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    return any(os.access(os.path.join(d, name), os.X_OK) for d in path.split(":") if d)


def find(name):
    """A benchmark by its name, or by the path of its file."""
    return Spec(name if name.endswith(".toml") else os.path.join(TOP, "tests", "bench", name + ".toml"))


def all_names():
    folder = os.path.join(TOP, "tests", "bench")
    return sorted(f.removesuffix(".toml") for f in os.listdir(folder) if f.endswith(".toml"))
