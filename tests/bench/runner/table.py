# SPDX-License-Identifier: GPL-2.0 OR MIT
"""What a person sees: progress while it runs, the table at its end."""

import sys
import time
from statistics import median

from results import GUEST


def number(n):
    if n is None:
        return "-"
    if n >= 1_000_000:
        return f"{n / 1e6:.2f}M"
    if n >= 10_000:
        return f"{n / 1000:.1f}k"
    if n >= 100:
        return f"{n:.0f}"
    if n == 0:
        return "0"
    return f"{n:.2f}"


def some_time(seconds):
    return f"about {seconds / 60:.0f} min" if seconds > 90 else f"about {seconds:.0f} s"


class Whole:
    """All the benchmarks of one command: how many runs there are, and how long they may still take."""

    def __init__(self, names, total):
        self.names, self.total, self.done, self.begun = names, total, 0, time.monotonic()

    def words(self, name):
        if len(self.names) < 2:
            return ""
        text = f" ({self.names.index(name) + 1} of {len(self.names)} benchmarks"
        if self.done:
            text += f", {some_time((time.monotonic() - self.begun) / self.done * (self.total - self.done))} for all"
        return text + ")"


class Progress:
    """One line that is rewritten on a terminal; elsewhere one line a boot. whole: of which this is a part, or None."""

    def __init__(self, name, total, whole=None):
        self.name, self.total, self.done, self.at_boot = name, total, 0, 0
        self.whole = whole or Whole([name], total)
        self.begun = time.monotonic()
        self.live = sys.stderr.isatty()

    def step(self, s):
        self.done += 1
        self.whole.done += 1
        if self.live:
            sys.stderr.write(f"\r\033[K{self.name}: {self.done} of {self.total} runs, {self.left()} left{self.whole.words(self.name)}: "
                             f"{s.point.name}, {s.contender.name}")
            sys.stderr.flush()

    def repeat(self):
        sys.stderr.write(f"\r\033[K{self.name}: QEMU's emulation failed the guest (int3); this boot is done again\n")
        self.whole.done -= self.done - self.at_boot
        self.done = self.at_boot

    def boot(self, number_, boots, words):
        self.at_boot = self.done
        if not self.live:
            sys.stderr.write(f"{self.name}: boot {number_} of {boots} {words}; {self.done} of {self.total} runs, "
                             f"{self.left()} left{self.whole.words(self.name)}\n")

    def left(self):
        if not self.done:
            return "unknown time"
        return some_time((time.monotonic() - self.begun) / self.done * (self.total - self.done))

    def end(self):
        if self.live:
            sys.stderr.write("\r\033[K")


HEAD = ["", "instructions", "range", "user", "kernel", "string", "vector", "calls", "CR3", "faults", "requests", "bytes",
        "flushes", "seeks", "packets", "copied", "ns", "a Ginsn", "ratio", "interval", "verdict"]


LAST = len(HEAD) - 1


def cells(r, real, rate):
    name = r.contender.name + (" *" if r.contender.baseline else "")
    guest = {k: number(r.middle(r.guest, k)) for k in GUEST}
    tail = [guest["requests"], guest["disk_bytes"], guest["flushes"], number(r.middle(r.trace, "seeks")), guest["packets"],
            number(r.middle(r.trace, "copied")), number(median(r.times)) if real and r.times else "-",
            number(1e9 / r.series.median.total) if rate and r.series else "-"]
    if r.skipped:
        return [name] + ["-"] * (LAST - 1) + ["not run: " + r.skipped]
    if r.problems:
        return [name] + ["-"] * (LAST - 1) + ["FAILED: " + r.problems[0][:100]]
    if not r.series:
        return [name] + ["-"] * 8 + [guest["faults"]] + tail + ["-", "-", "not counted"]
    m = r.series.median
    row = [name, number(m.total), f"{r.series.spread:.1%}", number(m.user), number(m.kernel), number(m.string),
           number(m.vector_user + m.vector_kernel), number(m.syscalls), number(m.cr3), guest["faults"]] + tail
    if r.verdict:
        v = r.verdict
        row += [f"{v.ratio:.2f}", f"{v.low:.2f}..{v.high:.2f}", v.why]
    else:
        row += ["1", "", "baseline" if r.contender.baseline else "baseline has no result"]
    if r.notes:
        row[-1] += " (" + "; ".join(r.notes) + ")"
    return row


def show(spec, settings, versions, rows, out):
    out.write(f"\n{spec.name}: {spec.title}\n")
    out.write(f"  counts per {spec.operation}, processors: {spec.processors}; {settings['how']}\n")
    out.write(f"  {settings['boots']} boots, {(1 if settings['quick'] else 2) * settings['rounds']} counted runs each" +
              (", QUICK: too few for a published number\n" if settings["quick"] else "\n"))
    if settings.get("repeats"):
        out.write(f"  {settings['repeats']} more boots were thrown away because QEMU's emulation failed the guest (int3)\n")
    if settings["rebuilt"]:
        out.write("  WARNING: build/ changed while this ran; boots may have measured different programs\n")
    if versions:
        out.write("  " + ", ".join(f"{k} {v}" if not v.startswith(k) else v for k, v in versions.items()) + "\n")
    if spec.note:
        out.write("  " + spec.note.strip().replace("\n", "\n  ") + "\n")
    points = list(dict.fromkeys(r.point.name for r in rows))
    table = [(p, [cells(r, not settings["emulated"], spec.rate) for r in rows if r.point.name == p]) for p in points]
    every = [HEAD] + [c for _, block in table for c in block]
    # A column that holds nothing but zeroes and dashes says nothing.
    keep = [i for i in range(len(HEAD)) if i in (0, 1) or i >= LAST - 2 or any(c[i] not in ("0", "-", "") for c in every[1:])]
    width = {i: max(len(c[i]) for c in every) for i in keep}

    def line(c):
        return "  ".join(c[i].ljust(width[i]) if i in (0, LAST) else c[i].rjust(width[i]) for i in keep).rstrip()

    for point, block in table:
        out.write(f"\n  {point}\n    {line(HEAD)}\n")
        for c in block:
            out.write(f"    {line(c)}\n")
    out.write("\n  * baseline. ratio: the baseline's instructions over the contender's, above 1 the contender takes fewer.\n"
              "  instructions = user + kernel + string iterations; requests, bytes, flushes: what disks were asked for.\n" +
              (f"  a Ginsn: how many {spec.operation}s a thousand million instructions do.\n" if spec.rate else ""))
