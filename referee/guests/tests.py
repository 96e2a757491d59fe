#!/usr/bin/env python3
"""Tests of what the guests' scripts do without a guest: tests.py."""

import os
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import compare
import ramdisk
from events import Words, size, virtio_mem_arguments

IOMEM = """\
00001000-0009fbff : System RAM
000a0000-000bffff : PCI Bus 0000:00
00100000-4fffffff : System RAM
  01000000-01ffffff : Kernel code
50000000-57ffffff : Reserved
100000000-17fffffff : virtio0
  100000000-107ffffff : System RAM (virtio_mem)
"""


def state(**changed):
    """A state of one block and one zone."""
    return {
        "iomem": IOMEM,
        "blocks": [{"index": 32, "state": "online", "node": 1, "valid_zones": ["Movable"]}],
        "zones": [{"node": 1, "name": "Movable", "start": "0x100000000", "end": "0x108000000", "present": 1 << 27}],
        "firmware_map": [{"start": "0x0", "end": "0x50000000", "kind": "System RAM"}],
        "memblock": None,
    } | changed


class Comparing(unittest.TestCase):
    def step(self, lived=None, simulated=None, refused=None, simulated_refused=None):
        lived = {"event": "e", "refused": refused, "state": state(**(lived or {}))}
        return compare.compared(lived, state(**(simulated or {})) | {"refused": simulated_refused})

    def test_equal_states_have_no_differences(self):
        right, total, differences = self.step()
        # Five lines of /proc/iomem, three facts of a block, two of a zone, one entry of the map, no refusal.
        self.assertEqual((right, total, differences), (12, 12, []))

    def test_each_table_that_differs_is_told(self):
        block = {"index": 32, "state": "online", "node": 1, "valid_zones": ["Normal"]}
        for member, other in (
            ("iomem", IOMEM.replace("107ffffff", "10fffffff")),
            ("blocks", [block]),
            ("blocks", []),
            ("zones", []),
            ("firmware_map", []),
        ):
            right, total, differences = self.step(simulated={member: other})
            self.assertEqual(total - right, len(differences), member)
            self.assertTrue(differences, member)

    def test_a_table_that_the_guest_does_not_show_is_no_fact(self):
        region = {"memory": [{"start": "0x0", "end": "0x1000", "node": 0, "flags": []}]}
        self.assertEqual(self.step(simulated={"memblock": region})[2], [])
        self.assertEqual(len(self.step(lived={"memblock": region})[2]), 1)

    def test_a_refusal_must_be_the_same_as_far_as_the_guest_says_it(self):
        busy, invalid = {"errno": "EBUSY"}, {"errno": "EINVAL"}
        for lived, simulated, equal in (
            ("EBUSY", busy, True),
            ("EBUSY", invalid, False),
            ("EBUSY", None, False),
            (None, busy, False),
            ("no answer to the ejection", busy, True),
            ("no answer to the ejection", None, False),
        ):
            differences = self.step(refused=lived, simulated_refused=simulated)[2]
            self.assertEqual(differences == [], equal, f"{lived}, {simulated}")

    def test_the_system_ram_part_has_what_lies_in_it_and_what_holds_it(self):
        names = [line.partition(" : ")[2] for line in compare.system_ram(IOMEM)]
        self.assertEqual(names, ["System RAM", "System RAM", "Kernel code", "virtio0", "System RAM (virtio_mem)"])

    def test_what_run_time_decided_comes_before_the_event_and_goes_after_it(self):
        steps = [{"event": "start"}, {"event": "offline memory9", "pinned": ["memory9"]}]
        told = list(compare.told(steps))
        self.assertEqual(told, [("pin memory9", None), ("offline memory9", 1), ("unpin memory9", None)])


class Events(unittest.TestCase):
    def test_both_spellings_of_an_event_say_the_same(self):
        for text in ("add dimm 1G at 0x100000000 node 1 as d0", "add-dimm 1G at=0x100000000 node=1 as=d0"):
            words = Words(text)
            self.assertEqual((words.kind, words.places), ("add", ["dimm", "1G"]))
            self.assertEqual((words.number("at"), words.named["node"], words.name()), (1 << 32, "1", "d0"))

    def test_words_after_a_range_of_blocks_are_no_names(self):
        self.assertEqual(Words("online memory40-memory43 movable").places, ["memory40-memory43", "movable"])
        self.assertEqual(Words("policy state=online ratio=30").settings, {"state": "online", "ratio": "30"})

    def test_up_to_is_one_name(self):
        words = Words("add virtio-mem 0 at 0x100000000 up to 2G in 4M as virtio0")
        self.assertEqual((words.number("up"), words.number("in"), words.places[1]), (2 << 30, 4 << 20, "0"))

    def test_what_is_no_event_is_refused_with_what_was_expected(self):
        for text, expected in (("add dimm 1G at", "ends after"), ("", "no words")):
            with self.assertRaisesRegex(ValueError, expected):
                Words(text)
        for text in ("1Q", "", "-1", "0xg"):
            with self.assertRaisesRegex(ValueError, "not a size"):
                size(text)

    def test_every_virtio_mem_device_is_there_from_the_start_and_nothing_else_is(self):
        events = ["add dimm 1G as d0", "add virtio-mem 128M at 0x100000000 node 1 up to 2G as virtio0", "offline memory1"]
        arguments = virtio_mem_arguments(events)
        self.assertEqual(len(arguments), 4)
        self.assertIn("memaddr=4294967296", arguments[3])


class Modules(unittest.TestCase):
    def test_what_a_module_needs_is_loaded_before_it_and_deepest_first(self):
        with tempfile.TemporaryDirectory() as directory:
            for name, needs in (("a", "b,c"), ("b", "c,built-in"), ("c", "")):
                with open(f"{directory}/{name}.ko", "wb") as file:
                    file.write(b"\0license=GPL\0depends=" + needs.encode() + b"\0")
            listed = ramdisk.modules(directory, "7.3")["lib/modules/7.3/modules.dep"][1].decode()
        # modprobe begins at the end of the line.
        self.assertEqual(listed.splitlines(), ["a.ko: b.ko c.ko", "b.ko: c.ko", "c.ko: "])


if __name__ == "__main__":
    unittest.main()
