# SPDX-License-Identifier: GPL-2.0 OR MIT
"""One boot: start the machine under test, follow its steps, bring back the counts."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time

from plan import script
from spec import TOP

PLUGIN = os.path.join(TOP, "build", "lib", "exo-count.so")
VM = os.path.join(TOP, "scripts", "vm")
# The Linux side gets the cheaper setting; mitigations=off comes from scripts/vm. With programs always at the same addresses QEMU
# translates them once, not once a process: a third less of the host's time, the same counts.
APPEND = "init_on_alloc=0 norandmaps"
BOOT_LIMIT = 300
# So much slower may a busy host be than a quiet one, by which limits are meant.
BUSY = 8
# count: while a processor runs, the guest's clock advances by a nanosecond an instruction, so timer interrupts take the same share
# of the counts however slow the host is; while all wait, it follows the host's clock. icount: it also jumps over
# waiting, so the clock is nothing but a count of instructions. free: each processor on its own, by the host's clock.
#
# With -icount an interrupt may come between any two instructions, also behind a cmpxchg16b, whose flags QEMU 7.2 computes from a stale
# operation: what the interrupt saves is garbage, and the guest dies of a double fault. Without cx16 the kernel's allocator
# takes a path of a dozen instructions more, for all contenders alike. ERMS is off because TCG moves such strings a byte at a time.
ICOUNT_CPU = "-cpu max,-erms,+invtsc,-cx16"
EMULATED = {"count": f"-icount shift=0,sleep=on {ICOUNT_CPU}", "icount": f"-icount shift=0,sleep=off {ICOUNT_CPU}", "free": ""}


class MachineError(Exception):
    """The machine did not do its part; the text says what to look at."""


class Boot:
    """What came back from one boot. counts and guest are keyed by phase."""

    def __init__(self):
        self.counts = {}
        self.guest = {}
        self.answers = {}
        self.versions = {}
        self.dead = {}          # contender's index or "-": status of its set-up
        self.unclean = {}       # the same for its tear-down
        self.problem = ""       # why the boot ended early
        self.repeats = 0        # boots thrown away before this one, because the emulation failed
        self.logs = ""
        self.seconds = 0.0


def read_lines(path):
    """JSON lines of a file; a last line cut short by the machine's end is left out."""
    rows = []
    if os.path.exists(path):
        with open(path, encoding="utf-8", errors="replace") as f:
            for line in f:
                try:
                    rows.append(json.loads(line))
                except ValueError:
                    continue
    return rows


def command(spec, mode, folder, path, limit, profile):
    if mode == "bare":
        return ["bash", path]
    words = [VM, "--share", folder, "--mem", str(spec.memory), "--cpus", "2", "--timeout", str(limit),
             "--append", APPEND, "--accel", "kvm" if mode == "kvm" else "tcg",
             "--klog", os.path.join(folder, "kernel.log")]
    qemu = []
    if mode in EMULATED:
        for character in " ,":
            if character in folder or character in PLUGIN:
                raise MachineError(f"QEMU's arguments cannot hold the path {folder}; move the tree")
        also = f",profile={folder}/profile" if profile else ""
        qemu.append(f"-plugin {PLUGIN},out={folder}/counts.jsonl{also}")
        qemu += [EMULATED[mode]] if EMULATED[mode] else []
    if qemu:
        words += ["--qemu", " ".join(qemu)]
    for size in spec.disks:
        words += ["--disk", size]
    return words + ["--", "bash", "/share/plan.sh"]


def emulation_failed(folder):
    """QEMU 7.2's threads may execute an int3 that the guest's kernel, patching its code, has already replaced."""
    try:
        with open(os.path.join(folder, "kernel.log"), encoding="utf-8", errors="replace") as f:
            return "Oops: int3" in f.read()
    except OSError:
        return False


def boot(spec, contenders, make_steps, mode, progress, profile=False):
    """
    Runs the steps in a fresh machine; returns them, their status filled in, and what came back. A boot that
    QEMU itself broke says nothing about any contender: it is thrown away whole and done again, and that is reported.
    """
    for repeats in range(3):
        steps = make_steps()
        result = boot_once(spec, contenders, steps, mode, progress.step, profile)
        result.repeats = repeats
        if not result.problem or not emulation_failed(result.logs):
            break
        progress.repeat()
    return steps, result


class Watch:
    """Ends a boot that says nothing for a time: a command hangs in it, or the machine does."""

    def __init__(self, process, seconds, silent):
        self.process, self.silent = process, silent
        self.timer = None
        self.again(seconds)

    def forget(self):
        if self.timer:
            self.timer.cancel()

    def again(self, seconds):
        self.forget()
        self.timer = threading.Timer(seconds, self.expire)
        self.timer.daemon = True
        self.timer.start()

    def expire(self):
        self.silent.set()
        self.end()

    def end(self):
        """All of the boot's processes: with --bare there is no machine around them."""
        try:
            os.killpg(self.process.pid, signal.SIGTERM)
        except ProcessLookupError:
            pass


def boot_once(spec, contenders, steps, mode, progress, profile):
    result = Boot()
    work = os.path.join(TOP, "build", "bench", "work")
    os.makedirs(work, exist_ok=True)
    folder = tempfile.mkdtemp(prefix=spec.name + ".", dir=work)
    share = folder if mode == "bare" else "/share"
    # Under icount, waiting takes no time: wait long.
    settle = {"bare": 0, "icount": 30}.get(mode, 2)
    path = os.path.join(folder, "plan.sh")
    with open(path, "w", encoding="utf-8") as f:
        f.write(script(spec, contenders, steps, TOP, share, settle, profile))
    by_phase = {s.phase: s for s in steps}
    limit = BUSY * (BOOT_LIMIT + spec.timeout * (len(steps) + 2 * len(contenders) + 2))
    if mode == "icount" and spec.disks:
        raise MachineError(f"{spec.name} waits for disks of the host; under --icount that takes no time, so it would prove nothing")
    begun = started = time.monotonic()
    stray, done, silent = [], False, threading.Event()
    with open(os.path.join(folder, "vm.err"), "w", encoding="utf-8") as errors:
        process = subprocess.Popen(command(spec, mode, folder, path, limit, profile), stdout=subprocess.PIPE, stderr=errors,
                                   stdin=subprocess.DEVNULL, text=True, errors="replace", cwd=TOP, start_new_session=True)
        watch = Watch(process, BUSY * BOOT_LIMIT, silent)
        try:
            for line in process.stdout:
                watch.again(BUSY * spec.timeout)
                words = line.split()
                if not line.startswith("@"):
                    stray.append(line.rstrip())
                elif words[0] == "@version":
                    result.versions[words[1]] = " ".join(words[2:])
                elif words[0] == "@prepared" and words[2] != "0":
                    result.dead[words[1]] = int(words[2])
                elif words[0] == "@finished" and words[2] != "0":
                    result.unclean[words[1]] = int(words[2])
                elif words[0] == "@begin" and len(words) > 1:
                    begun = time.monotonic()
                elif words[0] == "@end":
                    s = by_phase[int(words[1])]
                    s.status, s.failed = int(words[2]), words[3]
                    s.seconds = time.monotonic() - begun
                    progress(s)
                elif words[0] == "@skipped":
                    progress(by_phase[int(words[1])])
                elif words[0] == "@done":
                    done = True
            status = process.wait()
        except BaseException:
            watch.end()
            process.wait()
            raise
        finally:
            watch.forget()
    result.logs, result.seconds = folder, time.monotonic() - started
    if not done or status:
        with open(os.path.join(folder, "vm.err"), encoding="utf-8", errors="replace") as f:
            stray += f.read().splitlines()
        result.problem = (f"nothing was heard of it for {BUSY * spec.timeout} seconds or, before its first word, {BUSY * BOOT_LIMIT}: " if silent.is_set() else
                          f"the machine ended with status {status} before its last step: ") + " / ".join(stray[-6:])
    for row in read_lines(os.path.join(folder, "phases.jsonl")):
        result.guest[row["phase"]] = row
    for row in read_lines(os.path.join(folder, "counts.jsonl")):
        if row["phase"]:
            result.counts[row["phase"]] = row["cpu"]
    for s in steps:
        answer = os.path.join(folder, "answer", str(s.phase))
        if os.path.exists(answer):
            with open(answer, encoding="utf-8", errors="replace") as f:
                result.answers[s.phase] = f.read(4096).strip()
    return result


def log_tail(boot_result, name, lines=8):
    path = os.path.join(boot_result.logs, "log", name)
    try:
        with open(path, encoding="utf-8", errors="replace") as f:
            return [line.rstrip() for line in f.readlines()[-lines:]]
    except OSError:
        return []


def forget(boot_result):
    if boot_result.logs:
        shutil.rmtree(boot_result.logs, ignore_errors=True)
