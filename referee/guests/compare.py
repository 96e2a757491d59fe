#!/usr/bin/env python3
"""Compares a life that a guest lived with the same life simulated on the host.

  compare.py --capture FILE --steps FILE (--simulator PROGRAM | --simulated FILE) [--quiet] NAME

--capture and --steps are what life.py wrote; PROGRAM is physmem, which simulates the events from the capture; FILE is
what `physmem simulate -J` printed of them. Prints a line for each event, with the facts that are right and their total,
and each difference; with --quiet, the line only where something differs. Exit status 0: all facts are equal, 3: some
differ, 1: the simulation failed.
"""

import argparse
import json
import re
import subprocess
import sys


def told(steps):
    """What the simulator is told: (event, index of the step that it belongs to). What only run time decides comes as
    `pin` before the event that met it."""
    for index, step in enumerate(steps):
        if index == 0:
            continue
        pins = step.get("pinned", [])
        yield from ((f"pin {block}", None) for block in pins)
        yield step["event"], index
        yield from ((f"unpin {block}", None) for block in pins)


def system_ram(iomem):
    """The lines of /proc/iomem that are System RAM, lie inside it, or hold it."""
    lines = [(len(line) - len(line.lstrip()), line) for line in (iomem or "").splitlines()]
    kept = set()
    for index, (depth, line) in enumerate(lines):
        if " : System RAM" not in line:
            continue
        kept.add(index)
        below = index + 1
        while below < len(lines) and lines[below][0] > depth:
            kept.add(below)
            below += 1
        for above in range(index - 1, -1, -1):
            if lines[above][0] < depth:
                kept.add(above)
                depth = lines[above][0]
    return [line for index, (_, line) in enumerate(lines) if index in kept]


def facts(state):
    """{fact: value} of one state. A table that is null has no facts."""
    out = {}
    for line in system_ram(state.get("iomem")):
        out[f"/proc/iomem `{line}`"] = "there"
    for block in state.get("blocks") or []:
        name = f"memory{block['index']}"
        out[f"{name} state"] = block["state"]
        out[f"{name} node"] = block["node"]
        out[f"{name} valid_zones"] = " ".join(block["valid_zones"])
    for zone in state.get("zones") or []:
        name = f"node {zone['node']} zone {zone['name']}"
        out[f"{name} span"] = f"{zone['start']}-{zone['end']}"
        out[f"{name} present"] = zone["present"]
    for entry in state.get("firmware_map") or []:
        out[f"firmware map {entry['start']}-{entry['end']} {entry['kind']}"] = "there"
    for region in (state.get("memblock") or {}).get("memory", []):
        where = f"memblock.memory {region['start']}-{region['end']}"
        out[where] = f"node {region['node']} {' '.join(region['flags'])}"
    return out


def refusal(refused):
    """A refusal as one word: the guest shows an error number, or only that it refused."""
    if refused is None:
        return "done"
    if isinstance(refused, dict):
        refused = refused.get("errno") or "refused"
    return refused if re.fullmatch(r"E[A-Z]+", str(refused)) else "refused"


def same_refusal(lived, simulated):
    """Whether both did it or both refused, with the same error number if both have one."""
    lived, simulated = refusal(lived), refusal(simulated)
    return lived == simulated or ("refused" in (lived, simulated) and "done" not in (lived, simulated))


def compared(lived, simulated):
    """(facts that are right, facts in all, differences as text) of one step."""
    right, differences = 0, []
    total = 0
    if lived["state"] is not None:
        ours = {key: value for key, value in simulated.items() if lived["state"].get(key) is not None}
        theirs = facts(lived["state"])
        ours = facts(ours)
        for fact in sorted(theirs.keys() | ours.keys(), key=natural):
            total += 1
            if theirs.get(fact, "absent") == ours.get(fact, "absent"):
                right += 1
            else:
                differences.append(f"{fact}: guest {theirs.get(fact, 'absent')}, simulated {ours.get(fact, 'absent')}")
    if "refused" in lived:
        total += 1
        said = simulated.get("refused")
        if same_refusal(lived["refused"], said):
            right += 1
        else:
            words = f"{said.get('errno')}: {said.get('reason')}" if said else "does it"
            differences.append(f"guest {lived['refused'] or 'does it'}, simulated {words}")
    return right, total, differences


def natural(text):
    """A key by which memory9 comes before memory10."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", text)]


def simulate(program, capture, events):
    """What the simulator says of events; ValueError if it fails."""
    arguments = [program, "simulate", "--from", capture, "-J"]
    for event in events:
        arguments += ["--event", event]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    try:
        return json.loads(done.stdout)
    except ValueError as error:
        said = (done.stderr or done.stdout).strip()
        raise ValueError(f"physmem simulate: status {done.returncode}: {said}") from error


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    for option in ("capture", "steps"):
        parser.add_argument("--" + option, required=True)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--simulator")
    source.add_argument("--simulated")
    parser.add_argument("--quiet", action="store_true")
    parser.add_argument("name")
    options = parser.parse_args()
    with open(options.steps, encoding="utf-8") as file:
        steps = json.load(file)
    events = list(told(steps))
    try:
        if options.simulated:
            with open(options.simulated, encoding="utf-8") as file:
                simulated = json.load(file)["steps"]
        else:
            simulated = simulate(options.simulator, options.capture, [event for event, _ in events])["steps"]
        if len(simulated) != len(events) + 1:
            raise ValueError(f"{len(events)} events and a start were simulated as {len(simulated)} steps")
    except (OSError, KeyError, ValueError) as error:
        print(f"{options.name}: {error}")
        return 1
    of_step = {0: simulated[0]}
    of_step |= {index: said for (_, index), said in zip(events, simulated[1:]) if index is not None}
    if not facts(steps[0]["state"]):
        print(f"{options.name}: the guest shows nothing of its memory")
        return 1
    all_right = all_facts = 0
    for index, lived in enumerate(steps):
        right, total, differences = compared(lived, of_step[index])
        all_right, all_facts = all_right + right, all_facts + total
        if differences or (total and not options.quiet):
            pinned = f" (pages that cannot move: {', '.join(lived['pinned'])})" if lived.get("pinned") else ""
            print(f"{options.name}: {right:5}/{total:<5} {lived['event']}{pinned}")
        for difference in differences:
            print(f"    {difference}")
    print(f"{options.name}: {all_right} of {all_facts} facts right")
    return 0 if all_right == all_facts else 3


if __name__ == "__main__":
    sys.exit(main())
