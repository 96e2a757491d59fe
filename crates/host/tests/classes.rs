//! The design's table of classes and uses: memory of each class, once made by simulated events and once as a real kernel
//! showed it after the same events, gets the same verdicts, and they are the ones of the table.

// A test may fail loudly: that is what it is for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;

use machine::boot::{self, BootInput};
use machine::life::{Life, booted};
use machine::{Kernel, Machine, MemoryRange, Snapshot};
use rules::{Class, Consequence, Loader, Rules, Use, Verdict};

/// Memory of one class.
struct Row {
    class: Class,
    /// The machine before the events. Boot memory is made by predicting the boot.
    before: &'static str,
    events: &'static [&'static str],
    /// The real machine after the same events.
    after: &'static str,
    /// An address in the memory.
    at: u64,
}

const fn booted_as(class: Class, capture: &'static str, at: u64) -> Row {
    Row { class, before: capture, events: &[], after: capture, at }
}

const ROWS: &[Row] = &[
    booted_as(Class::Boot, "x86/n3-srathot-default", 0x1000_0000),
    booted_as(Class::Boot, "x86/n3-srathot-movable_node", 0x1000_0000),
    booted_as(Class::Boot, "arm64/acpi-srat-movable_node", 0x5000_0000),
    booted_as(Class::BootHotpluggable, "x86/n3-srathot-default", 0x1_1000_0000),
    booted_as(Class::BootHotpluggable, "x86/n3-srathot-movable_node", 0x1_1000_0000),
    booted_as(Class::BootHotpluggable, "arm64/acpi-hpsrat", 0x6800_0000),
    booted_as(Class::BootHotpluggable, "arm64/acpi-hpsrat-movable_node", 0x6800_0000),
    Row {
        class: Class::HotAdded,
        before: "x86/rt-dimm/00-before",
        events: &["add dimm 1G at 0x100000000 node 0 as hd0"],
        after: "x86/rt-dimm/01-hd0-added-auto",
        at: 0x1_1000_0000,
    },
    Row {
        class: Class::HotAdded,
        before: "arm64/acpi-srat-dimm/0-boot",
        events: &["add dimm 512M at 0x80000000 node 1 as dimm1", "online memory16-memory19 movable"],
        after: "arm64/acpi-srat-dimm/2-online-movable",
        at: 0x8800_0000,
    },
    Row {
        class: Class::DriverManaged,
        before: "x86/rt-virtio-mem/00-before",
        events: &["add virtio-mem 1G at 0x100000000 node 1 up to 2G as virtio2"],
        after: "x86/rt-virtio-mem/02-1G",
        at: 0x1_1000_0000,
    },
    Row {
        class: Class::DriverManaged,
        before: "x86/kx-pmem-exec_s/05-devdax",
        events: &[
            "policy state=online",
            "add kmem dax0.0 1022M at 0x100200000 node 1 over 'Persistent Memory'",
        ],
        after: "x86/kx-pmem-exec_s/10-setup",
        at: 0x1_1000_0000,
    },
    Row {
        class: Class::DriverManaged,
        before: "arm64/deb-dt-vmem/0-boot",
        events: &["add virtio-mem 512M at 0x80000000 node 0 up to 2G as virtio1"],
        after: "arm64/deb-dt-vmem/1-grow512",
        at: 0x8800_0000,
    },
];

const USES: [Use; 9] = [
    Use::EarlyAllocation,
    Use::ZoneMovable,
    Use::KexecImage(Loader::KexecLoad),
    Use::KexecImage(Loader::KexecFileLoad),
    Use::NextKernel(Loader::KexecLoad),
    Use::NextKernel(Loader::KexecFileLoad),
    Use::Vmcore(Loader::KexecLoad),
    Use::Vmcore(Loader::KexecFileLoad),
    Use::AfterUnplug,
];

fn read(capture: &str) -> Snapshot {
    let file = format!("../../captures/{capture}.tar.gz");
    host::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

/// The machine that events make.
fn simulated(row: &Row) -> Machine {
    let mut base = read(row.before);
    if row.events.is_empty() {
        let input = BootInput::of(&(&base).into()).unwrap();
        let prediction = boot::predict(&input, &Rules::LINUX).unwrap();
        base = booted(&base, &input, &prediction);
    }
    let mut life = Life::of(&Machine::of(&base).unwrap()).unwrap();
    for words in row.events {
        let change =
            life.apply(&words.parse().unwrap()).unwrap_or_else(|refusal| panic!("{words}: {refusal}"));
        assert_eq!(change.refused, None, "{words}");
    }
    Machine::of(life.snapshot(&base)).unwrap()
}

/// The memory at an address: of a range, the part around the address, as `physmem explain` shows it.
fn memory(machine: &Machine, at: u64) -> MemoryRange {
    machine.range_at(at).unwrap_or_else(|| panic!("{}: nothing at {at:#x}", machine.evidence.origin)).clone()
}

fn verdicts(memory: &MemoryRange, kernel: &Kernel) -> Vec<(Use, Verdict)> {
    USES.into_iter().map(|of| (of, memory.verdict(&Rules::LINUX, of, kernel).unwrap())).collect()
}

/// What the design's table says.
fn design(of: Use, class: Class, kernel: &Kernel, memory: &MemoryRange) -> (bool, Consequence) {
    let movable_node = kernel.facts.movable_node;
    let is_boot = matches!(class, Class::Boot | Class::BootHotpluggable);
    // Fact 2: Linux clears HOTPLUG on nodes that the kernel sits on.
    let is_spared = class == Class::BootHotpluggable && movable_node && memory.kept_hotplug != Some(false);
    let allowed = match of {
        // yes | yes; no with movable_node | after boot: none | after boot: none
        Use::EarlyAllocation => is_boot && !is_spared,
        // by limits | Movable with movable_node | online policy | online policy
        Use::ZoneMovable => is_spared,
        // yes | yes (fact 1: the flag is cleared when an image is loaded) | yes, even offline | no
        Use::KexecImage(_) => class != Class::DriverManaged,
        // yes | yes, it has to be | depends on the loader | no
        Use::NextKernel(_) if is_boot => true,
        // Fact 3: kexec_load tells it, where kexec-tools hands on the kernel's grown map.
        Use::NextKernel(loader) => {
            class == Class::HotAdded
                && loader == Loader::KexecLoad
                && kernel.facts.map_handed_on == rules::MapHandedOn::E820
        }
        // yes | yes | yes | yes; kexec-tools leaves driver-managed memory out where it wants the exact name.
        Use::Vmcore(loader) => {
            class != Class::DriverManaged
                || loader == Loader::KexecFileLoad
                || !kernel.facts.kexec_tools_wants_exact_name
        }
        // cannot be | kexec must be armed again | kexec must be armed again | the dump's ranges change
        Use::AfterUnplug => {
            class != Class::Boot && !(class == Class::BootHotpluggable && kernel.facts.boot_memory_stays)
        }
    };
    let consequence = match (of, class) {
        (Use::AfterUnplug, Class::BootHotpluggable | Class::HotAdded) => Consequence::RearmKexec,
        (Use::AfterUnplug, Class::DriverManaged) => Consequence::DumpRangesChange,
        _ => Consequence::Nothing,
    };
    (allowed, consequence)
}

#[test]
fn memory_made_by_events_gets_the_verdicts_of_memory_that_a_kernel_showed() {
    for row in ROWS {
        let what = format!("{} at {:#x} of {}", row.class.as_str(), row.at, row.after);
        let (ours, real) = (simulated(row), Machine::of(read(row.after)).unwrap());
        let (ours, theirs) = (memory(&ours, row.at), memory(&real, row.at));
        assert_eq!((ours.class, theirs.class), (Some(row.class), Some(row.class)), "{what}");
        // The class, who provided it, and its place in the resource tree and in zones agree, not only the verdicts.
        // Boot memory is also cut where the boot loader put data, which no event is about.
        let shown = |memory: &MemoryRange| {
            let resource = memory.resource.clone().unwrap();
            (resource.name, (!row.events.is_empty()).then_some(resource.range))
        };
        assert_eq!(shown(&ours), shown(&theirs), "{what}");
        assert_eq!(ours.zones, theirs.zones, "{what}");
        assert_eq!(ours.state, theirs.state, "{what}");
        assert_eq!(ours.flags, theirs.flags, "{what}");
        assert_eq!(verdicts(&ours, &real.kernel), verdicts(&theirs, &real.kernel), "{what}");
    }
}

#[test]
fn the_verdicts_are_those_of_the_designs_table() {
    let mut told = [0_usize; 4];
    for row in ROWS {
        let what = format!("{} at {:#x} of {}", row.class.as_str(), row.at, row.after);
        for machine in [simulated(row), Machine::of(read(row.after)).unwrap()] {
            let memory = memory(&machine, row.at);
            for (of, verdict) in verdicts(&memory, &machine.kernel) {
                let expected = design(of, row.class, &machine.kernel, &memory);
                assert_eq!((verdict.allowed, verdict.consequence), expected, "{of:?}: {what}");
            }
            told[Class::ALL.iter().position(|class| *class == row.class).unwrap()] += 1;
        }
    }
    assert!(told.iter().all(|count| *count >= 2), "a class is missing: {told:?}");
}
