# SPDX-License-Identifier: GPL-2.0 OR MIT
"""
scripts/bench --compare A B: do two runs agree? A and B are folders of results, or single NAME.jsonl files.

Each row's instruction median of one run against the other's; more than LIMIT apart in any row, or a row that only one of them
has, and they do not agree. Rows of a benchmark that waits for the host are shown and not judged. What A was run from and what B was run from is said, since two commits need not agree.
"""

import json
import os

LIMIT = 0.02


class CompareError(Exception):
    """There is nothing to compare; the text says why."""


def load(path):
    """{bench: (meta, {(point, contender): row})}"""
    if os.path.isdir(path):
        files = [os.path.join(path, f) for f in sorted(os.listdir(path)) if f.endswith(".jsonl")]
    else:
        files = [path]
    found = {}
    for name in files:
        meta, rows = None, {}
        try:
            with open(name, encoding="utf-8") as f:
                for line in map(json.loads, f):
                    if line["type"] == "meta":
                        meta = line
                    elif line["type"] == "row":
                        rows[(line["point"], line["contender"])] = line
        except (OSError, ValueError, KeyError, TypeError) as e:
            raise CompareError(f"{name}: not a result of the bench: {e}") from e
        if meta is None:
            raise CompareError(f"{name}: not a result of the bench: it has no meta line")
        found[meta["bench"]] = (meta, rows)
    if not found:
        raise CompareError(f"{path}: no NAME.jsonl there")
    return found


def median_of(row):
    return row["cost"]["total"] if row and row.get("cost") else None


def compare(one, two, out):
    """Prints a line a row; True if both agree. one, two: what load() gave."""
    worst, apart, rows, waiting = 0.0, 0, 0, 0
    for bench in sorted({**one, **two}):
        if bench not in one or bench not in two:
            out.write(f"{bench}: only one of the runs has it: NOT COMPARED\n")
            apart += 1
            continue
        (meta_a, a), (meta_b, b) = one[bench], two[bench]
        kinds = [f"{m['versions'].get('exo', '?')}, built {m['settings'].get('built', '?')}, {m['settings'].get('boots', '?')} boots"
                 for m in (meta_a, meta_b)]
        out.write(f"{bench}: {kinds[0]} | {kinds[1]}\n")
        for key in list(dict.fromkeys([*a, *b])):
            x, y = a.get(key), b.get(key)
            if x and y and x.get("skipped") and y.get("skipped"):
                continue
            rows += 1
            m, n = median_of(x), median_of(y)
            label = f"  {key[0][:34]:34}  {key[1][:22]:22}"
            if not m or not n:
                out.write(f"{label}  no median in {'the first' if not m else 'the second'}: NOT COMPARED\n")
                apart += 1
                continue
            part = n / m - 1
            if meta_a.get("waits_for_host") or x.get("waits_for_host"):
                waiting += 1
                out.write(f"{label}  {m:12.1f}  {n:12.1f}  {part:+7.2%}  waits for the host, not judged\n")
                continue
            worst = max(worst, abs(part))
            agrees = abs(part) <= LIMIT
            apart += not agrees
            out.write(f"{label}  {m:12.1f}  {n:12.1f}  {part:+7.2%}  {'agrees' if agrees else 'DIFFERS'}\n")
    if rows == waiting:
        apart += 1
    out.write(f"{rows} rows, {waiting} not judged, {apart} apart by more than {LIMIT:.0%} or not comparable; greatest difference {worst:.2%}\n")
    return not apart
