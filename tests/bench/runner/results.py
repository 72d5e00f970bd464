# SPDX-License-Identifier: GPL-2.0 OR MIT
"""From the boots' raw rows to one row a contender and point, and to the lines of build/bench/NAME.jsonl."""

import json
from statistics import median

from stats import Series, Verdict, add_up

ENOUGH = 10_000_000     # instructions that a counted run should have
GUEST = ("switches", "interrupts", "faults", "own_faults", "requests", "disk_bytes", "flushes", "packets", "net_bytes")
# Of a cost's fields: what processors' own counters tell, what both they and the plugin tell. The rest only the plugin knows.
REAL = ("cycles", "cache_misses")
BOTH = ("user", "kernel")
TRACE = ("seeks", "seek_bytes", "copied")


def guest_numbers(row, ops):
    """What the guest's kernel counted, summed over disks and interfaces, both ways, per operation."""
    disks, nets = row["disks"].values(), row["nets"].values()
    n = {"switches": row["switches"], "interrupts": row["interrupts"], "faults": row["faults"]["all"],
         "own_faults": row["faults"]["own"],
         "requests": sum(d["reads"] + d["writes"] for d in disks),
         "disk_bytes": sum(d["read_bytes"] + d["write_bytes"] for d in disks),
         "flushes": sum(d["flushes"] for d in disks),
         "packets": sum(d["rx_packets"] + d["tx_packets"] for d in nets),
         "net_bytes": sum(d["rx_bytes"] + d["tx_bytes"] for d in nets)}
    return {k: v / ops for k, v in n.items()}


def raw_counts(boot, phase):
    """A list of one dictionary a processor, from the plugin or from the processors' own counters; or None."""
    if phase in boot.counts:
        return boot.counts[phase]
    perf = boot.guest.get(phase, {}).get("perf", {})
    return perf.get("cpu")


def why_not(boot):
    for row in boot.guest.values():
        if row.get("perf", {}).get("why"):
            return row["perf"]["why"]
    return "no phase was seen; does `run` start one (exo-mark run, or exo_phase_begin)?"


class Row:
    """One contender at one point."""

    def __init__(self, point, contender):
        self.point, self.contender = point, contender
        self.boots = []         # of lists of Cost per operation
        self.guest = []         # of guest_numbers
        self.trace = []
        self.times = []         # nanoseconds per operation by the guest's clock
        self.problems = []      # any makes the row, and the benchmark, failed
        self.notes = []
        self.skipped = ""       # why it did not take part
        self.least = None       # instructions of the smallest counted run
        self.series = None
        self.verdict = None

    def settle(self):
        if self.boots and not self.problems and not self.skipped and any(self.boots):
            self.series = Series(self.boots)
            if self.series.spread > 0.1:
                self.notes.append(f"runs differ by {self.series.spread:.0%}")
            if self.least < ENOUGH:
                self.notes.append(f"short: {self.least:,.0f} instructions a run")

    def middle(self, rows, key):
        return median(r[key] for r in rows) if rows else None


def collect(spec, points, contenders, boots):
    """boots: list of (steps, Boot). Returns the rows in the declaration's order."""
    rows = {(p.name, c.name): Row(p, c) for p in points for c in contenders if c.takes(p)}
    for steps, boot in boots:
        costs = {key: [] for key in rows}
        startup = {}
        answers = {}
        for s in steps:
            key = (s.point.name, s.contender.name)
            row = rows[key]
            index = str(contenders.index(s.contender))
            if "-" in boot.dead or index in boot.dead:
                who = "-" if "-" in boot.dead else index
                row.problems.append(f"set-up failed with status {boot.dead[who]}; {boot.logs}/log/setup{who}")
                continue
            if s.status is None:
                row.problems.append(boot.problem or "was not run")
                continue
            if s.status:
                row.problems.append(f"{s.failed} ended with status {s.status}; {boot.logs}/log/{s.phase}")
                continue
            if s.kind != "startup" and spec.same_answer:
                answers.setdefault(s.point.name, {})[s.contender.name] = boot.answers.get(s.phase, "")
            guest, counts = boot.guest.get(s.phase), raw_counts(boot, s.phase)
            if guest is None:
                row.problems.append("its run ended without a phase")
                continue
            cost = add_up(counts, spec.processors) if counts else None
            if s.kind == "startup":
                startup[key] = startup[s.contender.name] = cost
            elif s.kind == "trace":
                t = guest["trace"] or {"lost": 0, "disks": {}}
                if t["lost"]:
                    row.notes.append(f"{t['lost']} trace events lost")
                row.trace.append({**{k: sum(d[k] for d in t["disks"].values()) / s.ops for k in ("seeks", "seek_bytes")},
                                  "copied": t.get("copied", 0) / s.ops})
            elif s.kind == "count":
                ops = s.ops
                if cost and s.contender.startup_ops:
                    start = startup.get(key) or startup.get(s.contender.name)
                    if not start:
                        row.problems.append("what its start takes was not measured")
                        continue
                    cost, ops = cost.minus(start), ops - s.contender.startup_ops
                if guest["ops"] and guest["ops"] != s.ops:
                    row.problems.append(f"did {guest['ops']} operations, not {s.ops}")
                    continue
                if cost:
                    total = cost.user + cost.kernel
                    row.least = total if row.least is None else min(row.least, total)
                    costs[key].append(cost.per(ops))
                row.guest.append(guest_numbers(guest, s.ops))
                row.times.append(guest["ns"] / s.ops)
        for point, given in answers.items():
            if len(set(given.values())) > 1:
                for name in given:
                    rows[(point, name)].problems.append("answers differ: " +
                                                        ", ".join(f"{n} says '{a[:40]}'" for n, a in given.items()))
        for key, list_ in costs.items():
            rows[key].boots.append(list_)
    for row in rows.values():
        row.problems = list(dict.fromkeys(row.problems))
        row.settle()
    for (point, _), row in rows.items():
        base = next((r for (p, _), r in rows.items() if p == point and r.contender.baseline), None)
        if base and base is not row and base.series and row.series:
            row.verdict = Verdict(base.series, row.series)
    return list(rows.values())


def lines(spec, settings, versions, rows, raw):
    """JSON lines: one `meta`, the raw `run` rows, then one `row` a contender and point."""
    yield json.dumps({"type": "meta", "bench": spec.name, "title": spec.title, "operation": spec.operation,
                      "processors": spec.processors, "waits_for_host": spec.waits_for_host, "settings": settings, "versions": versions})
    for number, (steps, boot) in enumerate(raw):
        for s in steps:
            yield json.dumps({"type": "run", "boot": number, "phase": s.phase, "kind": s.kind, "point": s.point.name,
                              "contender": s.contender.name, "ops": s.ops, "status": s.status, "failed": s.failed,
                              "answer": boot.answers.get(s.phase, "")[:200], "counts": boot.counts.get(s.phase),
                              "guest": boot.guest.get(s.phase)})
    for r in rows:
        line = {"type": "row", "point": r.point.name, "contender": r.contender.name, "baseline": r.contender.baseline,
                "waits_for_host": r.contender.waits_for_host or spec.waits_for_host, "skipped": r.skipped, "problems": r.problems, "notes": r.notes,
                "guest": {k: r.middle(r.guest, k) for k in GUEST}, "trace": {k: r.middle(r.trace, k) for k in TRACE}}
        if r.series:
            m = r.series.median
            known = {k: v for k, v in m.values.items() if settings["emulated"] == (k not in REAL) or k in BOTH}
            line["cost"] = {**known, "total": m.total, "low": r.series.low, "high": r.series.high,
                            "runs": len(r.series.runs), "boots": len(r.series.boots)}
        if not settings["emulated"]:
            line["ns"] = median(r.times) if r.times else None
        if r.verdict:
            v = r.verdict
            line["verdict"] = {"ratio": v.ratio, "low": v.low, "high": v.high, "model_low": v.model_low,
                               "model_high": v.model_high, "shown": v.shown, "text": v.why}
        yield json.dumps(line)
