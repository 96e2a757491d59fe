//! Machines that were booted twice, with one parameter more the second time: what the first boot predicts of the
//! second, held against the second.
// A test may fail loudly: that is what it is for.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::Path;

use evidence::Source;
use machine::Snapshot;
use machine::boot::verify::compare::{Compared, Comparison};
use machine::boot::{self, BootInput};
use machine::command_line::edit::{append, remove};
use rules::Rules;

/// A pair of captures of one machine.
struct Twins {
    before: &'static str,
    remove: &'static [&'static str],
    append: &'static str,
    after: &'static str,
    /// Facts that differ for another reason than what the kernel makes of the command line.
    unlike: &'static [&'static str],
}

/// The boot loader put the initial ramdisk elsewhere: it was not the same one.
const RAMDISK: &[&str] = &["reserved"];
/// The device tree holds the command line and grows with it, and with it moves what EFI puts beside it.
const TREE: &[&str] = &["reserved"];

const fn added(before: &'static str, append: &'static str, after: &'static str) -> Twins {
    Twins { before, remove: &[], append, after, unlike: &[] }
}

#[rustfmt::skip]
const TWINS: [Twins; 40] = [
    added("x86/dimm-default",       "movable_node",     "x86/dimm-movable_node"),
    added("x86/dimm-default",       "kernelcore=512M",  "x86/dimm-kernelcore-512M"),
    added("x86/dimm-default",       "kernelcore=mirror", "x86/dimm-kernelcore-mirror"),
    added("x86/dimm-default",       "movablecore=30%",  "x86/dimm-movablecore-30pct"),
    added("x86/dimm-default",       "mem=1G",           "x86/dimm-mem-1G"),
    added("x86/dimm-default",       "numa=off",         "x86/dimm-numa_off"),
    added("x86/dimm-default",       "hugetlb_cma=256M", "x86/dimm-hugetlb_cma"),
    added("x86/dimm-default",       "crashkernel=256M", "x86/dimm-crashkernel-256M"),
    added("x86/n2-srathot-default", "movable_node",     "x86/n2-srathot-movable_node"),
    added("x86/n2-srathot-default", "movable_node kernelcore=512M", "x86/n2-srathot-movable_node-kernelcore"),
    Twins { unlike: RAMDISK, ..added("x86/n3-srathot-default", "movable_node", "x86/n3-srathot-movable_node") },
    Twins { unlike: RAMDISK, ..added("x86/n3-srathot-default", "movable_node kernelcore=512M", "x86/n3-srathot-movable_node-kernelcore") },
    added("x86/n3-srathot-movable_node", "kernelcore=512M", "x86/n3-srathot-movable_node-kernelcore"),
    added("x86/n3-default",         "movablecore=2G",   "x86/n3-movablecore-2G"),
    added("x86/numa4",              "numa=off",         "x86/numa4-numa_off"),
    added("x86/plain-5g",           "crashkernel=128M@512M", "x86/p5-crash-at"),
    added("x86/plain-5g",           "crashkernel=256M,high crashkernel=128M,low", "x86/p5-crash-high-low"),
    added("x86/plain-5g",           "crashkernel=1G",   "x86/p5-crash-plain-1G"),
    added("x86/plain-5g",           "crashkernel=3500M", "x86/p5-crash-toobig"),
    added("x86/plain-5g",           "kernelcore=1G",    "x86/p5-kernelcore-1G"),
    added("x86/plain-2g",           "memmap=64M$768M,32M#896M,256M!1G", "x86/p2-memmap-mixed"),
    Twins { remove: &["movable_node"], ..added("x86/dimm-movable_node", "", "x86/dimm-default") },
    Twins { remove: &["initrd"], unlike: TREE, ..added("arm64/acpi-midhp", "movable_node initrd=initrd", "arm64/acpi-midhp-movable_node") },
    Twins { remove: &["initrd"], unlike: TREE, ..added("arm64/acpi-hpsrat", "movable_node initrd=initrd", "arm64/acpi-hpsrat-movable_node") },
    Twins { unlike: TREE, ..added("arm64/efi-hotpl",        "movable_node",     "arm64/efi-hotpl-movable_node") },
    Twins { unlike: TREE, ..added("arm64/efi-mirror",       "kernelcore=mirror", "arm64/efi-mirror-kernelcore") },
    Twins { unlike: TREE, ..added("arm64/dts-hotplug",      "movable_node numa=off", "arm64/dts-hotplug-movable-numaoff") },
    added("arm64/dt-2node",         "movable_node",     "arm64/dt-2node-movable_node"),
    added("arm64/dt-2node",         "kernelcore=700M",  "arm64/dt-2node-kernelcore"),
    added("arm64/dt-2node",         "kernelcore=30%",   "arm64/dt-2node-kernelcore-pct"),
    added("arm64/dt-2node",         "movablecore=600M", "arm64/dt-2node-movablecore"),
    added("arm64/dt-2node",         "mem=1536M",        "arm64/dt-2node-mem"),
    added("arm64/dt-2node",         "kernelcore=mirror", "arm64/dt-2node-mirror"),
    added("arm64/dt-4g",            "crashkernel=384M", "arm64/dt-4g-crash"),
    added("arm64/dt-8g",            "crashkernel=3584M", "arm64/dt-8g-crash-big"),
    added("arm64/dt-plain",         "mem=900M",         "arm64/dt-mem"),
    added("arm64/dt-2node",         "hugetlb_cma=0:256M,1:128M hugepagesz=1G hugepages=0", "arm64/dt-hugecma"),
    added("arm64/dt-2node",         "hugepagesz=2M hugepages=64 hugepagesz=1G hugepages=1", "arm64/dt-hugepages"),
    added("arm64/dt-plain",         "memtest=1",        "arm64/dt-memtest"),
    added("arm64/dt-2node",         "numa=off",         "arm64/dt-numaoff"),
];

fn read(name: &str) -> Snapshot {
    let captures = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../captures"));
    host::read(&captures.join(format!("{name}.tar.gz"))).unwrap()
}

#[test]
fn what_a_parameter_changes_is_predicted_from_the_boot_without_it() {
    let mut complaints = Vec::new();
    for twins in &TWINS {
        let Twins { before, after, .. } = twins;
        let mut edited = read(before);
        let line = edited.command_line.read().unwrap().clone();
        let line = twins.remove.iter().fold(line, |line, parameter| remove(&line, parameter).0);
        edited.command_line = Source::Read(append(&line, twins.append));
        let twin = read(after);
        assert_eq!(edited.command_line, twin.command_line, "{before} and {after} are no twins");

        let input = BootInput::of(&edited.into()).unwrap();
        let prediction = boot::predict(&input, &Rules::LINUX).unwrap();
        let comparison = Comparison::of(&twin.into(), &input, &prediction);
        assert!(comparison.compared() >= 7, "{after}: too little to compare: {comparison:?}");
        for fact in comparison.facts {
            match fact.result {
                Compared::Differs(differences) if !twins.unlike.contains(&fact.fact) => {
                    complaints.push(format!("{before} -> {after}: {}: {differences:#?}", fact.fact));
                }
                Compared::Equal { .. } if twins.unlike.contains(&fact.fact) => {
                    complaints.push(format!("{before} -> {after}: {} is equal now: say so", fact.fact));
                }
                _ => {}
            }
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}
