# SPDX-License-Identifier: GPL-2.0 OR MIT
"""
scripts/bench --more: boots that a result has already, so that a run may be made in pieces.

They are taken only if they are of the same build, with the same settings and all right: else one median would be of two different things.
"""

import json
import os

from machine import Boot
from plan import Step

# What may differ between the pieces; of the versions none.
FREE = ("boots", "date", "rebuilt", "repeats")


class EarlierError(Exception):
    """The boots that are there cannot be added to; the text says why."""


def load(path, points, contenders, settings, versions):
    """[(steps, Boot)], none if there is no result yet. contenders: those that can take part now."""
    if not os.path.exists(path):
        return []
    try:
        with open(path, encoding="utf-8") as f:
            lines = [json.loads(line) for line in f]
        meta = next(line for line in lines if line["type"] == "meta")
        check(path, meta, lines, settings, versions)
        return boots_of(path, [line for line in lines if line["type"] == "run"], meta, points, contenders)
    except (OSError, ValueError, KeyError, TypeError, StopIteration) as e:
        raise EarlierError(f"{path}: not a result of the bench: {e!r}; give another --out") from e


def check(path, meta, lines, settings, versions):
    for kind, now in (("settings", settings), ("versions", versions)):
        for key, value in now.items():
            if key not in FREE and meta[kind].get(key) != value:
                raise EarlierError(f"{path}: made with {key} {meta[kind].get(key)}, now it is {value}; give another --out")
    if meta["settings"]["rebuilt"] or any(line["problems"] for line in lines if line["type"] == "row"):
        raise EarlierError(f"{path}: failed, or programs changed under it; nothing can be added to that; give another --out")


def boots_of(path, runs, meta, points, contenders):
    by_point, by_name = {p.name: p for p in points}, {c.name: c for c in contenders}
    if {r["point"] for r in runs} != set(by_point) or {r["contender"] for r in runs} != set(by_name):
        raise EarlierError(f"{path}: has other points or contenders; give another --out")
    boots, places = [], {}
    for r in runs:
        while len(boots) <= r["boot"]:
            boots.append(([], Boot()))
            places = {}
        steps, boot = boots[r["boot"]]
        place = places.get((r["point"], r["contender"]), 0)
        steps.append(Step(r["phase"], r["kind"], by_point[r["point"]], by_name[r["contender"]], r["ops"], place))
        steps[-1].status, steps[-1].failed = r["status"], r["failed"]
        places[r["point"], r["contender"]] = place + (r["kind"] == "count")
        boot.answers[r["phase"]] = r["answer"]
        for had, key in ((boot.counts, "counts"), (boot.guest, "guest")):
            if r[key] is not None:
                had[r["phase"]] = r[key]
    boots[0][1].repeats = meta["settings"]["repeats"]
    boots[0][1].versions = meta["versions"]
    return boots
