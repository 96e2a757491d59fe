#!/usr/bin/env python3
"""Tests of what the guests' scripts do without a guest: tests.py."""

import base64
import json
import os
import struct
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import bootparams
import compare
import kexec
import ramdisk
import vmcore
import watching
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


class Told:
    """Answers a guest's lines with what was written down."""

    def __init__(self, *answers):
        self.answers = list(answers)

    def text(self, line):
        return self.answers.pop(0)


class Dumps(unittest.TestCase):
    def header(self, *segments):
        """The beginning of a /proc/vmcore, in base64: a note, then (start, length, virtual address, offset)."""
        head = vmcore.HEADER.pack(b"\x7fELF\2\1\1", 4, 62, 1, 0, 64, 0, 0, 64, 56, len(segments) + 1, 0, 0, 0)
        head += vmcore.SEGMENT.pack(4, 0, 4096, 0, 0, 100, 100, 4)
        for start, length, virtual, offset in segments:
            head += vmcore.SEGMENT.pack(1, 7, offset, virtual, start, length, length, 0)
        return Told(base64.b64encode(head))

    def test_the_text_of_the_kernel_is_no_range_of_its_own_and_the_rest_ascends(self):
        segments = [
            (0x1000000, 0x2000000, 0xFFFFFFFF81000000, 0x2000),
            (1 << 32, 1 << 20, 0xFFFF888100000000, 0x9000),
            (0x100000, 0x4000000, 0xFFFF888000100000, 0x3000),
        ]
        core = vmcore.Vmcore(self.header(*segments))
        self.assertEqual(core.ranges(), [(0x100000, 0x4100000), (1 << 32, (1 << 32) + (1 << 20))])
        self.assertEqual(core.offset(0x101000), 0x4000)
        self.assertIsNone(core.offset(0x5000000))

    def test_what_is_no_dump_is_said_to_be_none(self):
        with self.assertRaisesRegex(ValueError, "no ELF file"):
            vmcore.Vmcore(Told(base64.b64encode(bytes(64))))

    def test_a_page_that_the_dump_does_not_hold_is_an_error_and_not_an_empty_read(self):
        core = vmcore.Vmcore(self.header((0x100000, 0x1000, 0xFFFF888000100000, 0x3000)))
        self.assertEqual(core.digest_of([0x100000]).count("dd if="), 1)
        with self.assertRaisesRegex(ValueError, "does not hold 0x101000"):
            core.digest_of([0x100000, 0x101000])

    def test_what_the_guest_writes_is_found_again_and_half_a_page_of_it_is_not(self):
        with tempfile.TemporaryDirectory() as directory:
            subprocess.run(["sh", "-c", vmcore.fill(3, f"{directory}/f")], check=True)
            with open(f"{directory}/f", "rb") as file:
                written = file.read()
        self.assertEqual(len(written), 3 * vmcore.PAGE)
        memory = bytes(vmcore.PAGE) + written[: vmcore.PAGE] + written[vmcore.PAGE : vmcore.PAGE + 64] + bytes(vmcore.PAGE - 64)
        self.assertEqual(vmcore.find(memory, 1 << 32), {(1 << 32) + vmcore.PAGE: written[: vmcore.PAGE]})
        self.assertEqual(len(vmcore.find(written, 0)), 3)
        self.assertEqual(len(set(vmcore.find(written, 0).values())), 3)

    def test_neighbouring_pages_are_read_together(self):
        self.assertEqual(vmcore.runs([0x1000, 0x2000, 0x4000]), [(0x1000, 2), (0x4000, 1)])


class Watching(unittest.TestCase):
    def test_what_a_dump_lists_is_compared_from_1_mib_on_and_neighbours_are_one_range(self):
        ranges = [(1 << 32, 2 << 32), (0x1000, 0x9F000), (0x10000, 0x200000), (2 << 32, 3 << 32), (5 << 32, 6 << 32)]
        expected = [(0x100000, 0x200000), (1 << 32, 3 << 32), (5 << 32, 6 << 32)]
        self.assertEqual(watching.shape(ranges), expected)

    def test_the_crash_kernel_is_no_memory_of_a_dump(self):
        self.assertEqual(watching.without([(0, 100), (200, 300)], [(50, 60), (90, 210)]), [(0, 50), (60, 90), (210, 300)])

    def test_the_log_and_the_metrics_are_read(self):
        log = 'said=loads image=kdump reason="x"\nsaid=loaded image=kdump reason="y"\nsaid=loaded image=kexec reason="z"\n'
        metrics = 'physmem_watch_events_total{action="add"} 52\nphysmem_watch_events_total{action="online"} 3\n'
        guest = Told("", log, metrics)
        watch = watching.Watch(type("Stage", (), {"guest": guest}))
        self.assertEqual(watch.said("loaded"), ['said=loaded image=kdump reason="y"'])
        self.assertEqual(watch.events(), {"add": 52, "online": 3})


class Maps(unittest.TestCase):
    def test_a_map_is_the_table_of_the_zero_page_and_what_had_no_room_there(self):
        table = [(0, 0x9FC00, 1), (1 << 32, 2 << 32, 7), (3 << 32, 4 << 32, 0xEFFFFFFF)]
        packed = [struct.pack("<QQI", start, end - start, kind) for start, end, kind in table]
        page = bytearray(4096)
        page[bootparams.ENTRIES_AT] = 2
        page[bootparams.TABLE_AT : bootparams.TABLE_AT + 60] = b"".join(packed[:2]) + bytes(20)
        guest = Told(base64.b64encode(page), base64.b64encode(packed[2]))
        self.assertEqual(bootparams.given(guest), table)

    def test_every_type_of_a_plan_has_its_number(self):
        kinds = ["ram", "reserved", "acpi", "nvs", "unusable", "pmem", "pram", "soft-reserved", "type-14"]
        entries = [{"start": "0x0", "end": "0x1000", "type": kind} for kind in kinds]
        numbers = [kind for _, _, kind in bootparams.planned({"next_kernel": {"map": entries}})]
        self.assertEqual(numbers, [1, 2, 3, 4, 5, 7, 12, 0xEFFFFFFF, 14])


class Stories(unittest.TestCase):
    def test_every_story_says_what_it_shows_in_its_first_line(self):
        directory = os.path.join(os.path.dirname(os.path.abspath(__file__)), "kexecs")
        names = sorted(name for name in os.listdir(directory) if name.endswith(".py"))
        self.assertIn("twenty.py", names)
        for name in names:
            story = kexec.load(os.path.join(directory, name))
            self.assertTrue(callable(story.tell), name)
            self.assertEqual(len(story.__doc__.splitlines()), 1, name)

    def test_the_table_of_faults_has_a_column_for_each_release_in_their_order(self):
        with tempfile.TemporaryDirectory() as directory:
            for release, seen in (("6.12.1-amd64", "it dies"), ("6.1.0-amd64", None)):
                os.mkdir(f"{directory}/{release}")
                said = {"release": release, "status": 0, "faults": {"image-in-removed-memory": seen}}
                with open(f"{directory}/{release}/fault-removed-image.json", "w", encoding="utf-8") as file:
                    json.dump(said, file)
            head, row = kexec.faults(f"{directory}/6.12.1-amd64")
        self.assertEqual(head.split(), ["fault", "6.1.0-amd64", "6.12.1-amd64"])
        self.assertRegex(row, "^image-in-removed-memory +has it no more +still has it$")


if __name__ == "__main__":
    unittest.main()
