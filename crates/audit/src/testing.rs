//! Machines written by hand, for the tests of the findings.

use std::fmt::Write;

use evidence::Source;
use evidence::snapshot::{BlockState, MemoryBlock, MemoryBlocks};
use firmware::e820::{E820Type, Entry};
use machine::{Machine, Snapshot};
use memblock::PhysRange;
use rules::{Loader, Rules};

use crate::finding::{Code, Finding};
use kexec::{Margins, Plan, Purpose, Segment, SegmentKind};

pub(crate) const BLOCK: u64 = 128 << 20;

pub(crate) fn r(start: u64, end: u64) -> PhysRange {
    PhysRange::new(start, end).unwrap()
}

/// 2 GiB of boot memory with 256 MiB for a crash kernel in it.
pub(crate) const IOMEM: &str = "00001000-0009ffff : System RAM\n00100000-7fffffff : System RAM\n  \
                                01000000-01ffffff : Kernel code\n  03000000-03bfffff : Kernel bss\n  \
                                60000000-6fffffff : Crash kernel\n";
/// What a DIMM of two blocks at 4 GiB adds.
pub(crate) const DIMM: &str = "100000000-10fffffff : System RAM\n";

/// A load for crashes, as the log tells of it. The dump holds the boot memory, and what `more` says.
pub(crate) fn crash_load(command_line: &str, more: &[PhysRange]) -> String {
    let mut text = "[ 1.0] kexec_file: kernel: 00 kernel_size: 0x1000\n".to_owned();
    let boot = [r(0x10_0000, 0x6000_0000), r(0x7000_0000, 0x8000_0000)];
    for range in boot.iter().chain(more) {
        let (start, size) = (range.start(), range.size());
        writeln!(
            text,
            "[ 1.0] crash_core: Crash PT_LOAD ELF header. phdr=0 paddr={start:#x}, sz={size:#x} e"
        )
        .unwrap();
    }
    writeln!(text, "[ 1.0] kexec-bzImage64: Final command line is: elfcorehdr=0x60000000 {command_line}")
        .unwrap();
    text + "[ 1.1] kexec_file: segment[0]: buf=0 bufsz=0x1000 mem=0x60000000 memsz=0x1000\n\
            [ 1.2] kexec_file: kexec_file_load: type:1, start:0x60000000 head:0x4 flags:0xa\n"
}

/// A load for a reboot: one segment, and a map of one range of RAM.
pub(crate) fn reboot_load(segment: PhysRange, told: PhysRange) -> String {
    let (start, size) = (segment.start(), segment.size());
    format!(
        "[ 1.0] kexec_file: kernel: 00 kernel_size: 0x1000\n\
         [ 1.0] kexec-bzImage64: Loaded 64bit kernel at {start:#x} bufsz=0x1 memsz=0x1\n\
         [ 1.0] kexec-bzImage64: Final command line is: quiet\n\
         [ 1.0] kexec-bzImage64: {:016x}-{:016x} (1)\n\
         [ 1.1] kexec_file: segment[0]: buf=0 bufsz=0x1000 mem={start:#x} memsz={size:#x}\n\
         [ 1.2] kexec_file: kexec_file_load: type:0, start:{start:#x} head:0x4 flags:0x8\n",
        told.start(),
        told.last()
    )
}

/// `crash hp` events, as the log tells of them.
pub(crate) fn events(actions: &[u8]) -> String {
    let lines = actions.iter().map(|action| format!("[ 2.0] crash hp: hp_action {action}\n"));
    lines.collect::<Vec<_>>().concat()
}

/// An x86_64 machine with this memory and this log, with images loaded for both purposes. The blocks at 4 GiB are in
/// these states; those below are online.
pub(crate) fn x86(iomem: &str, log: &str, blocks: &[BlockState]) -> Snapshot {
    let block = |(number, state): (u64, BlockState)| MemoryBlock {
        number,
        state,
        nodes: vec![0],
        valid_zones: vec!["Movable".into()],
        firmware_node: (number == 32).then(|| "PNP0C80:00".into()),
    };
    let low = (0..16).map(|number| (number, BlockState::Online));
    let high = (32..).zip(blocks.iter().copied());
    let memory_blocks = MemoryBlocks {
        block_size: BLOCK,
        crash_hotplug: Source::Read("1".into()),
        blocks: low.chain(high).map(block).collect(),
        ..MemoryBlocks::default()
    };
    let mut snapshot = Snapshot {
        architecture: Source::Read("x86_64".into()),
        command_line: Source::Read("quiet".into()),
        iomem: Source::Read(iomem.into()),
        kernel_log: Source::Read(format!(
            "BIOS-provided physical RAM map:\nBIOS-e820: [mem 0x0000000000001000-0x000000000009ffff] usable\n\
             BIOS-e820: [mem 0x0000000000100000-0x000000007fffffff] usable\n{log}"
        )),
        memory_blocks: Source::Read(memory_blocks),
        ..Snapshot::default()
    };
    for (name, value) in
        [("kexec_loaded", "1"), ("kexec_crash_loaded", "1"), ("crash_elfcorehdr_size", "917616")]
    {
        set(&mut snapshot, name, value);
    }
    snapshot
}

/// Sets a value of sysfs or sysctl about kexec.
pub(crate) fn set(snapshot: &mut Snapshot, name: &str, value: &str) {
    snapshot.kexec.insert(name.into(), Source::Read(value.into()));
}

/// The findings of this code.
pub(crate) fn found(snapshot: &Snapshot, code: Code) -> Vec<Finding> {
    let machine = Machine::of(snapshot).unwrap();
    let found = crate::audit(&machine, &Rules::LINUX);
    found.into_iter().filter(|finding| finding.code == code).collect()
}

/// The finding of this code, which must be there.
pub(crate) fn the(snapshot: &Snapshot, code: Code) -> Finding {
    let mut found = found(snapshot, code);
    assert_eq!(found.len(), 1, "{code}: {found:?}");
    found.remove(0)
}

/// The codes of a plan's findings.
pub(crate) fn of_plan(snapshot: &Snapshot, plan: &Plan, loader: Loader) -> Vec<Finding> {
    let machine = Machine::of(snapshot).unwrap();
    crate::of_plan(&machine, &Plan { loader, ..plan.clone() }, &Rules::LINUX)
}

/// A plan with a kernel at this place, which is told of the boot memory and dumps it.
pub(crate) fn plan(purpose: Purpose, kernel: PhysRange) -> Plan {
    let kernel = Segment {
        kind: SegmentKind::Kernel,
        range: kernel,
        loaded: 0x1000,
        alignment: 0x1000,
        wanted_alignment: 0x1000,
        reason: String::new(),
    };
    Plan {
        purpose,
        loader: Loader::KexecFileLoad,
        segments: vec![kernel],
        command_line: "quiet".into(),
        next_kernel: vec![Entry { range: r(0x10_0000, 0x8000_0000), kind: E820Type::Ram }],
        next_kernel_lacks: Vec::new(),
        vmcore: vec![r(0x10_0000, 0x6000_0000), r(0x7000_0000, 0x8000_0000)],
        chosen: None,
        margins: Margins { largest_initrd: 0, binds: None },
        assumed: Vec::new(),
    }
}
