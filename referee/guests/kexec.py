#!/usr/bin/env python3
"""Tells stories of kexec and kdump with real guests.

  kexec.py --kernel FILE --config FILE --release R --modules DIR --busybox FILE --physmem FILE --programs DIR --out DIR
           [--with kexec-tools] [--append WORDS] STORY.py...

A story is a file of kexecs/: its first line says what is true if it comes to its end. Each guest's console is kept in
DIR/STORY.log. Exit status 1: a guest did not live to the end of a story in two tries; 3: a guest did something else
than a story says.
"""

import argparse
import importlib.util
import json
import os
import re
import shutil
import sys
import tempfile
import time

from dialogue import Gone
from stage import Differs, Stage, expect

TRIES = 2


class Story:
    """One try at telling a story: the guests it started, and what it shows."""

    def __init__(self, name, options, work):
        self.name, self.options, self.work = name, options, work
        self.shown, self.faults, self.stages = [], {}, []

    def guest(self, words="", events=(), **more):
        """A new guest; the one before ends. `words`: more of the first kernel's parameters. `events`: memory that comes.
        `more`: as Stage has it."""
        self.end()
        place = f"{self.work}/{len(self.stages)}"
        os.mkdir(place)
        open(f"{place}/console", "wb").close()
        # It counts before it runs: its console is kept if it does not boot.
        self.stages.append(None)
        self.stages[-1] = Stage(self.options, place, words, events, **more)
        return self.stages[-1]

    def shows(self, text):
        """A line of what came out."""
        self.shown.append(text)
        print(f"{self.name}:   {text}", flush=True)

    def finds(self, stage, code, is_there, when, status=None):
        """`physmem check` in the guest must find this, or must not; so must `physmem STATUS status`."""
        expect(f"`physmem check` {when}: whether it finds {code}", is_there, code in stage.findings())
        if status:
            asked = f"`physmem {status} status` {when}"
            expect(f"{asked}: whether it finds {code}", is_there, code in stage.status(status))

    def finds_by_record(self, stage, code, is_there, when, status=None):
        """The same of what kexec_load loaded for a reboot: only a record shows that, and kexec-tools keeps none."""
        if self.options.program == "physmem":
            self.finds(stage, code, is_there, when, status)

    def fault(self, code, seen):
        """Writes down whether this release of Linux has a fault, by what was seen of it; None: it has not."""
        self.faults[code] = seen
        self.shows(f"{code}: {seen or 'this release does not have the fault'}")

    def end(self):
        if self.stages and self.stages[-1]:
            self.stages[-1].end()

    def keep_consoles(self):
        """All consoles into one file."""
        with open(os.path.join(self.options.out, self.name + ".log"), "wb") as log:
            for number in range(len(self.stages)):
                log.write(f"==== guest {number + 1}\n".encode())
                with open(f"{self.work}/{number}/console", "rb") as console:
                    shutil.copyfileobj(console, log)


def load(path):
    """The story of a file."""
    spec = importlib.util.spec_from_file_location("story", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def told(path, options):
    """Tells one story. Returns 0, 1 or 3 as the program does, the last try, and its seconds."""
    name = os.path.basename(path).removesuffix(".py")
    module = load(path)
    for number in range(1, TRIES + 1):
        begun = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="guest-") as work:
            story = Story(name, options, work)
            status, why = 0, None
            try:
                module.tell(story)
            except Differs as difference:
                status, why = 3, str(difference)
            except (Gone, ValueError) as error:
                status, why = 1, str(error)
            finally:
                story.end()
                story.keep_consoles()
        seconds = time.monotonic() - begun
        if status == 0:
            print(f"{name}: {module.__doc__.splitlines()[0]}: {seconds:.0f} s", flush=True)
        if status == 3:
            print(f"{name}: DIFFERS after {seconds:.0f} s: {why}", flush=True)
        if status != 1:
            return status, story, seconds
        log = os.path.join(options.out, name + ".log")
        print(f"{name}: try {number} of {TRIES}: {why}; consoles: {log}", file=sys.stderr, flush=True)
    return 1, story, seconds


def faults(out):
    """Lines of a table: each fault that was looked for, and which releases have it. `out`: where its stories are kept,
    beside those of other releases."""
    told = {}
    for directory in sorted(os.listdir(os.path.dirname(out)), key=numbers):
        place = os.path.join(os.path.dirname(out), directory)
        for name in sorted(os.listdir(place)):
            if name.startswith("fault-") and name.endswith(".json"):
                with open(os.path.join(place, name), encoding="utf-8") as file:
                    said = json.load(file)
                for code, seen in said.get("faults", {}).items():
                    word = ("still has it" if seen else "has it no more") if said["status"] == 0 else "not told to its end"
                    told.setdefault(code, {})[said["release"]] = word
    releases = sorted({release for each in told.values() for release in each}, key=numbers)
    rows = [["fault", *releases]] + [[code, *(each.get(release, "-") for release in releases)] for code, each in told.items()]
    widths = [max(map(len, column)) for column in zip(*rows)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]


def numbers(release):
    """A key by which 6.12 comes after 6.1."""
    return [int(number) for number in re.findall(r"\d+", release)]


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    for option in ("kernel", "release", "modules", "busybox", "physmem", "programs", "out"):
        parser.add_argument("--" + option, required=True)
    parser.add_argument("--config")
    parser.add_argument("--append", default="")
    parser.add_argument("--with", dest="program", choices=("physmem", "kexec-tools"), default="physmem")
    parser.add_argument("stories", nargs="+")
    options = parser.parse_args()
    worst = 0
    for path in options.stories:
        status, story, seconds = told(path, options)
        worst = {0: worst, 1: 1, 3: worst or 3}[status]
        name = os.path.basename(path).removesuffix(".py")
        with open(os.path.join(options.out, name + ".json"), "w", encoding="utf-8") as file:
            said = {"status": status, "seconds": round(seconds), "shows": story.shown, "faults": story.faults}
            json.dump({"release": options.release, "by": options.program, **said}, file, indent=1)
    if any("fault-" in path for path in options.stories):
        print("\n".join(faults(os.path.abspath(options.out))))
    return worst


if __name__ == "__main__":
    sys.exit(main())
