//! Random machines: memory of every class in any order, cut and named in any way a kernel prints.

use std::fmt::Write;

use evidence::snapshot::{FirmwareMapEntry, MemblockFiles};
use evidence::{Snapshot, Source};
use machine::Machine;

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// A small generator: the same machines every time.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// One machine: x86_64 for even seeds, arm64 for odd ones.
pub(crate) fn machine(seed: u64) -> Machine {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let snapshot = if seed.is_multiple_of(2) { x86(&mut random) } else { arm64(&mut random) };
    Machine::of(snapshot).unwrap()
}

fn x86(random: &mut Random) -> Snapshot {
    let mut iomem = String::from("00001000-0009ffff : System RAM\n");
    let mut log = String::from(
        "[    0.0] Linux version 6.12.1 (x)\n[    0.0] BIOS-provided physical RAM map:\n\
         [    0.0] BIOS-e820: [mem 0x0000000000001000-0x000000000009ffff] usable\n",
    );
    let mut early = String::from(
        "[    0.0] Early memory node ranges\n[    0.0]   node   0: [mem 0x0000000000001000-0x000000000009ffff]\n",
    );
    let mut map = vec![(0x1000, 0x9_ffff, "System RAM")];
    let mut appended = Vec::new();
    let mut at = MIB;
    for number in 0..2 + random.below(8) {
        let size = (1 + random.below(16)) * 128 * MIB;
        let (start, last) = (at, at + size - 1);
        // The first range is always of boot, with the crash kernel in it.
        match if number == 0 { 0 } else { random.below(6) } {
            0 | 1 => {
                writeln!(iomem, "{start:08x}-{last:08x} : System RAM").unwrap();
                if number == 0 {
                    let crash = start + 16 * MIB;
                    writeln!(iomem, "  {crash:08x}-{:08x} : Crash kernel", crash + 32 * MIB - 1).unwrap();
                }
                writeln!(log, "[    0.0] BIOS-e820: [mem {start:#018x}-{last:#018x}] usable").unwrap();
                writeln!(early, "[    0.0]   node   0: [mem {start:#018x}-{last:#018x}]").unwrap();
                map.push((start, last, "System RAM"));
            }
            2 => {
                writeln!(iomem, "{start:08x}-{last:08x} : System RAM").unwrap();
                appended.push((start, last, "System RAM"));
            }
            3 => writeln!(iomem, "{start:08x}-{last:08x} : System RAM (kmem)").unwrap(),
            4 => {
                writeln!(iomem, "{start:08x}-{last:08x} : virtio1").unwrap();
                writeln!(iomem, "  {start:08x}-{:08x} : System RAM (virtio_mem)", start + size / 2 - 1)
                    .unwrap();
            }
            _ => {
                writeln!(iomem, "{start:08x}-{last:08x} : Reserved").unwrap();
                map.push((start, last, "Reserved"));
            }
        }
        at += size + random.below(3) * 128 * MIB;
        if number == 1 {
            at = at.next_multiple_of(4 * GIB);
        }
    }
    let entries = map.iter().chain(&appended).zip(0..);
    let entry = |(&(start, last, kind), index): (&(u64, u64, &str), u32)| FirmwareMapEntry {
        index,
        start,
        last,
        kind: kind.to_owned(),
    };
    Snapshot {
        architecture: Source::Read("x86_64".into()),
        version: Source::Read("Linux version 6.12.1 (x)".into()),
        command_line: Source::Read(if random.below(2) == 0 { "movable_node" } else { "quiet" }.into()),
        iomem: Source::Read(iomem),
        kernel_log: Source::Read(log + &early),
        firmware_memmap: Source::Read(entries.map(entry).collect()),
        ..Snapshot::default()
    }
}

fn arm64(random: &mut Random) -> Snapshot {
    let mut iomem = String::new();
    let mut early = String::from("[    0.0] Linux version 6.12.1 (x)\n[    0.0] Early memory node ranges\n");
    let (mut memory, mut reserved) = (String::new(), String::new());
    let (mut regions, mut reservations) = (0, 0);
    let mut at = GIB;
    for number in 0..2 + random.below(6) {
        let size = (2 + random.below(16)) * 128 * MIB;
        let (start, last) = (at, at + size - 1);
        let mut region = |flags: &str, memory: &mut String| {
            writeln!(memory, "{regions:4}: {start:#018x}..{last:#018x}    0 {flags}").unwrap();
            regions += 1;
        };
        match if number == 0 { 0 } else { random.below(5) } {
            0 | 1 => {
                region("NONE", &mut memory);
                writeln!(iomem, "{start:08x}-{last:08x} : System RAM").unwrap();
                writeln!(early, "[    0.0]   node   0: [mem {start:#018x}-{last:#018x}]").unwrap();
                let first = start + random.below(8) * 16 * MIB;
                let end = first + 16 * MIB - 1;
                let name = if number == 0 { "Crash kernel" } else { "reserved" };
                writeln!(iomem, "  {first:08x}-{end:08x} : {name}").unwrap();
                writeln!(reserved, "{reservations:4}: {first:#018x}..{end:#018x}    x NONE").unwrap();
                reservations += 1;
            }
            2 => {
                region("NONE", &mut memory);
                writeln!(iomem, "{start:08x}-{last:08x} : System RAM").unwrap();
            }
            3 => {
                region("DRV_MNG", &mut memory);
                writeln!(iomem, "{start:08x}-{last:08x} : System RAM (kmem)").unwrap();
            }
            _ => {
                region("NOMAP", &mut memory);
                writeln!(iomem, "{start:08x}-{last:08x} : reserved").unwrap();
            }
        }
        at += size + random.below(3) * 128 * MIB;
    }
    Snapshot {
        architecture: Source::Read("aarch64".into()),
        version: Source::Read("Linux version 6.12.1 (x)".into()),
        command_line: Source::Read(if random.below(2) == 0 { "movable_node" } else { "quiet" }.into()),
        iomem: Source::Read(iomem),
        kernel_log: Source::Read(early),
        memblock: MemblockFiles {
            memory: Source::Read(memory),
            reserved: Source::Read(reserved),
            ..MemblockFiles::default()
        },
        ..Snapshot::default()
    }
}
