# SPDX-License-Identifier: GPL-2.0 OR MIT
"""The command line of scripts/bench."""

import argparse
import datetime
import hashlib
import os
import platform
import subprocess
import sys

import compare
import earlier
import machine
import plan
import results
import table
import where
from spec import TOP, SpecError, all_names, find

HOW = {
    "count": "counted by exo-count in an emulated machine; no seconds, because emulated ones mean nothing",
    "icount": "counted by exo-count in an emulated machine whose clock is nothing but its instruction count",
    "free": "counted by exo-count in an emulated machine whose timer ticks more the slower the host is",
    "kvm": "in a KVM machine, counted by its processor; ns are real",
    "bare": "on this machine itself, counted by its processor; ns are real",
}


def output_of(words):
    try:
        return subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip().split("\n")[0]
    except OSError:
        return ""


def built():
    """One hash over everything that is measured and built here."""
    total = hashlib.sha256()
    for folder in ("kmod", "lib", "bin", "udf"):
        base = os.path.join(TOP, "build", folder)
        for name in sorted(os.listdir(base)) if os.path.isdir(base) else []:
            path = os.path.join(base, name)
            if os.path.isfile(path):
                with open(path, "rb") as f:
                    total.update(name.encode() + b"\0" + hashlib.file_digest(f, "sha256").digest())
    return total.hexdigest()[:12]


def tree_version():
    commit = output_of(["git", "-C", TOP, "rev-parse", "--short=12", "HEAD"])
    changed = output_of(["git", "-C", TOP, "status", "--porcelain", "--untracked-files=no"])
    return commit + ("+changes" if changed else "")


def arguments(argv):
    a = argparse.ArgumentParser(prog="scripts/bench", description="Runs benchmarks, declared in tests/bench/NAME.toml; "
                                "tests/bench/README.md says what the numbers mean and how to add a row.")
    a.add_argument("names", nargs="*", metavar="NAME", help="benchmarks, or paths of declarations; none: all")
    a.add_argument("--list", action="store_true", help="print the names and titles")
    a.add_argument("--compare", nargs=2, metavar=("A", "B"), help="do the instruction medians of two runs, folders as of --out, "
                   "agree within 2 %%? Exit status 1 if not")
    a.add_argument("--quick", action="store_true", help="one boot, fewer operations, each counted once, no seek distance: a look, not a result")
    a.add_argument("--boots", type=int, default=0, metavar="N", help="boots (5; 1 with --quick)")
    a.add_argument("--rounds", type=int, default=1, metavar="N", help="times A B B A in a boot (1)")
    a.add_argument("--only", metavar="WORD", action="append", help="contenders whose name has WORD, and the baseline")
    a.add_argument("--point", metavar="WORD", action="append", help="points whose name has WORD")
    a.add_argument("--no-trace", action="store_true", help="leave out the traced run, and with it seek distance")
    how = a.add_mutually_exclusive_group()
    how.add_argument("--icount", dest="mode", action="store_const", const="icount", help="the guest's clock counts instructions and nothing else; no disks of the host")
    how.add_argument("--free", dest="mode", action="store_const", const="free",
                     help="processors emulated in parallel, by the host's clock: noisier")
    how.add_argument("--kvm", dest="mode", action="store_const", const="kvm", help="in a KVM machine, by its counters")
    how.add_argument("--bare", dest="mode", action="store_const", const="bare",
                     help="on this machine itself: runs the set-up commands here, as root")
    a.add_argument("--times", action="store_true", help="say how long each run took here, for those who choose `ops`")
    a.add_argument("--profile", action="store_true", help="also list the functions in which the instructions go; one boot, emulated only")
    a.add_argument("--more", action="store_true", help="add the boots to those that --out has already, of the same build and settings: for a run in pieces")
    a.add_argument("--keep", action="store_true", help="keep the boots' logs also when all is well")
    a.add_argument("--out", metavar="DIR", default=os.path.join(TOP, "build", "bench"), help="for NAME.jsonl")
    a.set_defaults(mode="count")
    return a.parse_args(argv)


def pick(names, words, always=None):
    return [n for n in names if not words or n is always or any(w in n.name for w in words)]


def boots_of(o):
    return o.boots or (1 if o.quick else 5)


def chosen_of(spec, o):
    """What the options leave of a benchmark: points, contenders, and those of them whose parts are there."""
    points = [p for p in pick(spec.points, o.point) if not (o.quick and p.skip_quick)]
    if not points:
        raise SpecError(f"{spec.name}: no point has that name")
    chosen = pick(spec.contenders, o.only, next(c for c in spec.contenders if c.baseline))
    lacking = {c.name: spec.missing() + c.missing() for c in chosen}
    return points, chosen, lacking


def steps_maker(spec, o, able, points):
    """The steps of boot n. What is asked of disks repeats exactly; the first boot's trace is enough."""
    trace = spec.trace and not (o.no_trace or o.quick)
    return lambda n: plan.steps_of(spec, able, points, o.rounds, o.quick, trace and n == 0)


def runs_of(spec, o):
    points, chosen, lacking = chosen_of(spec, o)
    make_steps = steps_maker(spec, o, [c for c in chosen if not lacking[c.name]], points)
    return sum(len(make_steps(n)) for n in range(boots_of(o)))


def run(spec, o, out=sys.stdout, whole=None):
    """Runs one benchmark; returns its rows. Fails by rows with problems, not by exceptions."""
    settings = {"mode": o.mode, "emulated": o.mode in machine.EMULATED, "how": HOW[o.mode], "quick": o.quick, "rounds": o.rounds,
                "boots": boots_of(o), "processors": 2, "memory": spec.memory,
                "disks": spec.disks, "append": machine.APPEND, "date": datetime.datetime.now().isoformat("T", "seconds")}
    settings["built"] = built()
    points, chosen, lacking = chosen_of(spec, o)
    able = [c for c in chosen if not lacking[c.name]]
    versions = {"exo": tree_version(), "host": platform.release()}
    if o.mode != "bare":
        versions["qemu"] = output_of(["qemu-system-x86_64", "--version"]).removeprefix("QEMU emulator version ")
        versions["guest"] = output_of([os.path.join(TOP, "scripts", "kernel"), "--print", "release"])
    path = os.path.join(o.out, spec.name + ".jsonl")
    boots = earlier.load(path, points, able, settings, versions) if o.more else []
    before = len(boots)
    if able:
        make_steps = steps_maker(spec, o, able, points)
        progress = table.Progress(spec.name, sum(len(make_steps(before + n)) for n in range(settings["boots"])), whole)
        for n in range(settings["boots"]):
            progress.boot(n + 1, settings["boots"], "begins")
            boots.append(machine.boot(spec, able, lambda n=n: make_steps(before + n), o.mode, progress, o.profile))
        progress.end()
    settings["boots"] += before
    settings["rebuilt"] = built() != settings["built"]
    settings["repeats"] = sum(b.repeats for _, b in boots)
    rows = results.collect(spec, points, able, boots)
    for _, boot in boots:
        versions.update(boot.versions)
    for c in chosen:
        for p in points:
            if lacking[c.name] and c.takes(p):
                row = results.Row(p, c)
                row.skipped = "needs " + ", ".join(lacking[c.name])
                rows.append(row)
    order = [c.name for c in spec.contenders]
    rows.sort(key=lambda r: (points.index(r.point), order.index(r.contender.name)))
    os.makedirs(o.out, exist_ok=True)
    with open(path + ".new", "w", encoding="utf-8") as f:
        for line in results.lines(spec, settings, versions, rows, boots):
            f.write(line + "\n")
    os.replace(path + ".new", path)
    table.show(spec, settings, versions, rows, out)
    if not settings["emulated"] and any(r.series for r in rows):
        out.write("  The processor's counters tell user from kernel instructions, and no more: string iterations, vector moves, system\n"
                  "  calls and changes of address space are unknown here, so the model takes every instruction for an ordinary one.\n")
    uncounted = [b for _, b in boots if b.guest and not any(results.raw_counts(b, s) for s in b.guest)]
    if uncounted:
        out.write(f"  Instructions, string iterations and system calls are unknown here: {results.why_not(uncounted[0])}.\n"
                  "  Requests, bytes, flushes, faults, context switches and packets are exact all the same.\n")
    if o.times:
        for steps, boot in boots:
            out.write(f"  boot and set-up {boot.seconds - sum(s.seconds for s in steps):.0f} s\n")
            for s in steps:
                out.write(f"  {s.seconds:6.1f} s  {s.kind:8} {s.point.name}, {s.contender.name}\n")
    if o.profile:
        for steps, boot in boots:
            where.show(steps, boot, out)
    failed = any(r.problems for r in rows)
    for _, boot in boots[before:]:
        if not failed and not o.keep:
            machine.forget(boot)
    if failed or o.keep:
        show_problems(rows, boots[before:], out)
    return rows


def show_problems(rows, boots, out):
    for r in rows:
        for p in r.problems:
            out.write(f"  FAILED {r.point.name}, {r.contender.name}: {p}\n")
    for steps, boot in boots:
        names = [f"setup{n}" for n in boot.dead] + [str(s.phase) for s in steps if s.status]
        for name in names[:2]:
            for line in machine.log_tail(boot, name):
                out.write(f"    | {line}\n")
        out.write(f"  logs: {boot.logs}\n")


def main(argv):
    o = arguments(argv)
    try:
        if o.compare:
            return 0 if compare.compare(*map(compare.load, o.compare), sys.stdout) else 1
        if o.profile:
            if o.mode not in machine.EMULATED:
                raise SpecError("--profile needs an emulated machine")
            o.boots, o.no_trace = 1, True
        specs = [find(n) for n in o.names or all_names()]
        if o.quick and not o.names:
            specs = [s for s in specs if s.quick]
        if not o.names and not o.list:
            specs = [s for s in specs if not s.alone]
        if o.list:
            for s in specs:
                print(f"{s.name:16} {s.title}")
            return 0
        if o.mode in machine.EMULATED and not os.path.exists(machine.PLUGIN):
            raise SpecError("build/lib/exo-count.so is missing; run make first")
        bad = []
        whole = table.Whole([s.name for s in specs], sum(runs_of(s, o) for s in specs))
        for s in specs:
            rows = run(s, o, whole=whole)
            if any(r.problems for r in rows) or not any(r.guest for r in rows):
                bad.append(s.name)
    except (SpecError, machine.MachineError, compare.CompareError, earlier.EarlierError) as e:
        print(f"bench: {e}", file=sys.stderr)
        return 2
    if bad:
        print(f"bench: failed or without any result: {', '.join(bad)}", file=sys.stderr)
    return 1 if bad else 0
