# SPDX-License-Identifier: GPL-2.0 OR MIT
"""Where instructions go: the plugin's counts a translated block, as instructions and string iterations an operation a function."""

import bisect
import os

LEAST = 0.003   # of a run's instructions: what is below is summed up


def symbols(path):
    """Addresses, ascending, and the name behind each."""
    found = {}
    with open(path, encoding="ascii", errors="replace") as f:
        for line in f:
            words = line.split()
            if len(words) >= 3 and words[1] in "tTwW":
                name = words[2] + (" " + words[3] if len(words) > 3 else "")
                found.setdefault(int(words[0], 16), name)
    places = sorted(found)
    return places, [found[p] for p in places]


def by_function(path, places, names, phases):
    """{phase: {function: count}}."""
    total = {p: {} for p in phases}
    with open(path, encoding="ascii") as f:
        for line in f:
            phase, address, count = line.split()
            functions = total.get(int(phase))
            if functions is None:
                continue
            at = int(address, 16)
            i = bisect.bisect_right(places, at) - 1
            name = "(user)" if at >> 63 == 0 else names[i] if i >= 0 else "(unknown)"
            functions[name] = functions.get(name, 0) + int(count)
    return total


def show(steps, boot, out):
    counted = {s.phase: s for s in steps if s.kind == "count" and s.place == 0 and s.status == 0}
    path, kallsyms = (os.path.join(boot.logs, n) for n in ("profile", "kallsyms"))
    if not os.path.exists(path) or not os.path.exists(kallsyms):
        out.write(f"  no profile: the boot left none; logs: {boot.logs}\n")
        return
    places, names = symbols(kallsyms)
    for phase, functions in by_function(path, places, names, counted).items():
        s = counted[phase]
        total = sum(functions.values())
        out.write(f"\n  {s.point.name}, {s.contender.name}: {total / s.ops:.0f} an operation, by function\n")
        small = 0
        for name, n in sorted(functions.items(), key=lambda item: -item[1]):
            if n < total * LEAST:
                small += n
            else:
                out.write(f"    {n / s.ops:9.1f}  {name}\n")
        out.write(f"    {small / s.ops:9.1f}  (others)\n")
