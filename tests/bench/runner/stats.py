# SPDX-License-Identifier: GPL-2.0 OR MIT
"""
Numbers of a run, and what may be concluded from two contenders' numbers.

Costs are counts, not seconds. A repeated string instruction counts once as an instruction, and each of its
iterations in a class of its own. Three rules decide what a ratio of costs says about a real machine, where counts and
nanoseconds were found to agree within a factor:
  below 1.6        no difference shown
  3 and more       the direction is safe
  between          the direction is shown only if the two-class model gives at least 1.6 the same way with each of its
                   coefficients halved and doubled
The ratio is taken in each boot; the interval runs from the least to the greatest boot, and the end of it that is
nearer to 1 is what the rules are applied to. For five boots it covers the true median with 94 % probability.
"""

from statistics import median

SHOWN = 1.6
SAFE = 3.0
ORDINARY_NS = 0.43
COPY_NS = 0.15
FACTORS = (0.5, 1.0, 2.0)

FIELDS = ("user", "kernel", "string_user", "string_kernel", "string_bytes", "vector_user", "vector_kernel", "syscalls",
          "traps", "cr3", "cr", "msr", "port", "halts", "cycles", "cache_misses")


class Cost:
    """Counts of one run, or of one operation, summed over the processors that are asked about."""

    def __init__(self, values):
        self.values = {k: values.get(k, 0) for k in FIELDS}

    def __getattr__(self, name):
        try:
            return self.values[name]
        except KeyError:
            raise AttributeError(name) from None

    @property
    def string(self):
        return self.string_user + self.string_kernel

    @property
    def total(self):
        return self.user + self.kernel + self.string

    def model(self, ordinary=1.0, copy=1.0):
        """Nanoseconds of the two-class model; used in ratios only."""
        vector = self.vector_user + self.vector_kernel
        return (ORDINARY_NS * ordinary * max(0, self.user + self.kernel - vector) +
                COPY_NS * copy * (self.string + vector))

    def minus(self, other):
        return Cost({k: max(0, v - other.values[k]) for k, v in self.values.items()})

    def per(self, ops):
        return Cost({k: v / ops for k, v in self.values.items()})


def add_up(rows, processors):
    """rows: one dictionary of counts a processor."""
    chosen = rows if processors == "all" else [rows[n] for n in processors if n < len(rows)]
    return Cost({k: sum(r.get(k, 0) for r in chosen) for k in FIELDS})


def middle(costs):
    return Cost({k: median(c.values[k] for c in costs) for k in FIELDS})


class Series:
    """One contender at one point: a list of boots, each a list of costs per operation."""

    def __init__(self, boots):
        self.boots = [b for b in boots if b]
        self.runs = [c for b in self.boots for c in b]
        self.median = middle(self.runs)
        totals = [c.total for c in self.runs]
        self.low, self.high = min(totals), max(totals)

    @property
    def spread(self):
        return (self.high - self.low) / self.median.total if self.median.total else 0.0


def divide(a, b):
    return a / b if b else float("inf") if a else 1.0


class Verdict:
    """baseline / contender: above 1, the contender takes fewer."""

    def __init__(self, baseline, contender):
        pairs = list(zip(baseline.boots, contender.boots))
        if len(pairs) > 1:
            ratios = [divide(middle(b).total, middle(c).total) for b, c in pairs]
            self.low, self.high = min(ratios), max(ratios)
            self.ratio = median(ratios)
        else:
            self.ratio = divide(baseline.median.total, contender.median.total)
            self.low, self.high = divide(baseline.low, contender.high), divide(baseline.high, contender.low)
        models = [divide(baseline.median.model(o, c), contender.median.model(o, c)) for o in FACTORS for c in FACTORS]
        self.model_low, self.model_high = min(models), max(models)
        self.shown, self.why = self.judge()

    def judge(self):
        fewer = self.ratio >= 1
        near = self.low if fewer else divide(1, self.high)
        model = self.model_low if fewer else divide(1, self.model_high)
        if near < SHOWN:
            return "none", "no difference shown"
        times = self.ratio if fewer else divide(1, self.ratio)
        word = "fewer" if fewer else "more"
        if near >= SAFE:
            return word, f"{times:.1f} times {word}"
        if model >= SHOWN:
            return word, f"{times:.1f} times {word}, model agrees"
        return "none", f"no difference shown: {times:.1f} times {word}, but the model gives {model:.1f}"
