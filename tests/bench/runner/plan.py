# SPDX-License-Identifier: GPL-2.0 OR MIT
"""
What one boot does, in order, as a list of steps and as the shell script that the guest runs.

For each point: every contender once to warm up (with `warm_once` at its first point only), then A B C C B A as often as `rounds` says, each of these
counted, so that a drift of the machine touches all alike; a quick look stops at C. At the very end of the first boot, every contender once at every point
with the block layer traced: switching a tracepoint on patches the kernel, which costs counts and, under QEMU, some risk.
"""

import shlex


class Step:
    def __init__(self, phase, kind, point, contender, ops, place):
        self.phase = phase      # marker id, unique in the boot
        self.kind = kind        # "warm", "startup", "count", "trace"
        self.point = point
        self.contender = contender
        self.ops = ops
        self.place = place      # 0, 1, ... among the counted runs of this contender and point
        self.status = None      # None not run, 0 right, else the exit status of what failed
        self.failed = ""        # which command failed
        self.seconds = 0.0      # of the bench's own wall clock, for the estimate only


def steps_of(spec, contenders, points, rounds, quick, trace):
    steps = []

    def add(kind, point, contender, ops, place=0):
        steps.append(Step(len(steps) + 1, kind, point, contender, ops, place))

    warm, begun = set(), set()
    for point in points:
        ops = point.quick_ops if quick else point.ops
        present = [c for c in contenders if c.takes(point)]
        for c in present:
            # In a quick look, the run that measures what the start takes warms up, too.
            if not (spec.warm_once and c.name in warm) and not (quick and c.startup_ops):
                add("warm", point, c, ops)
            warm.add(c.name)
        order = []
        for _ in range(rounds):
            order += present + ([] if quick else present[::-1])
        seen = {c.name: 0 for c in present}
        for c in order:
            if c.startup_ops and not seen[c.name] and not (spec.warm_once and c.name in begun):
                add("startup", point, c, c.startup_ops)
                begun.add(c.name)
            add("count", point, c, ops, seen[c.name])
            seen[c.name] += 1
    for point in points if trace else []:
        for c in contenders:
            if c.takes(point):
                add("trace", point, c, point.quick_ops if quick else point.ops)
    return steps


def script(spec, contenders, steps, top, share, settle, profile=False):
    """The guest's script. Commands get the point's keys, `ops`, `phase` and `top` as shell variables."""
    q = shlex.quote
    out = ["#!/bin/bash", "set -u", f"top={q(top)} share={q(share)}", "export top share", 'cd "$top" || exit 125',
           ". tests/bench/runner/guest.sh", f"settle {settle}"]
    for name, command in spec.versions.items():
        out.append(f"version {q(name)} {q(command)}")
    out.append(f"prepare - {q(spec.setup)}")
    for i, c in enumerate(contenders):
        out.append(f"prepare {i} {q(c.commands['setup'])}")
        for what in ("before", "run", "verify", "after"):
            out.append(f"{what}[{i}]={q(c.commands[what])}")
    for s in steps:
        i = contenders.index(s.contender)
        variables = " ".join(f"{k}={q(str(v))}" for k, v in {**s.point.variables, "ops": s.ops}.items())
        trace = "keep" if s.kind == "trace" else 0
        out.append(f"step {s.phase} {i} {trace} {variables}")
    if profile:
        # While what was measured is still loaded, so that modules' functions have names.
        out.append('cat /proc/kallsyms >"$share/kallsyms"')
    for i, c in enumerate(contenders):
        out.append(f"finish {i} {q(c.commands['teardown'])}")
    out.append(f"finish - {q(spec.teardown)}")
    out.append("say done")
    return "\n".join(out) + "\n"
