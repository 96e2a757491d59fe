//! Class and provider, held against what each machine was given.

use machine::MemoryRange;
use memblock::PhysRange;
use rules::Class;

use crate::cases::for_every_capture;

/// What the machines' configurations (machine.json: QEMU's arguments, the dialogue with it, the SRAT or
/// device tree given) say of memory that is not plain boot memory. `capture` is a prefix of the capture's
/// name; the first row that matches a range counts, and a range that no row matches is boot memory of the
/// firmware's map.
struct Row {
    capture: &'static str,
    within: (u64, u64),
    class: Class,
    provider: &'static str,
}

const fn row(capture: &'static str, start: u64, end: u64, class: Class, provider: &'static str) -> Row {
    Row { capture, within: (start, end), class, provider }
}

const G: u64 = 1 << 30;
const TOP: u64 = u64::MAX;
use Class::{Boot, BootHotpluggable as Hot, DriverManaged as Driver, HotAdded as Added};

const TABLE: [Row; 45] = [
    // SRAT replaced through the initrd, so that boot memory is hot-pluggable.
    row("x86/n2-srathot-", 2 * G, TOP, Hot, "firmware (e820)"),
    row("x86/n3-srathot-", 4 * G, TOP, Hot, "firmware (e820)"),
    row("arm64/acpi-hpsrat", 0x6000_0000, TOP, Hot, "firmware (EFI)"),
    row("arm64/acpi-midhp", 0x6000_0000, 0x7000_0000, Hot, "firmware (EFI)"),
    // Device trees with the property `hotpluggable`.
    row("arm64/dts-hotplug", 2 * G, TOP, Hot, "firmware (device tree)"),
    row("arm64/dts-hi4hp", 4 * G, TOP, Hot, "firmware (device tree)"),
    row("arm64/efi-hotpl", 2 * G, TOP, Hot, "firmware (EFI)"),
    // memmap= on the command line makes RAM that no firmware lists.
    row("x86/p2-memmap-exact", 0, 1 << 20, Boot, "firmware (e820)"),
    // DIMMs that were plugged before the machine started, and that ACPI announced.
    row("x86/dimm-", 4 * G, TOP, Added, "ACPI hot-add (PNP0C80:0"),
    // DIMMs that were plugged while it ran.
    row("x86/rt-dimm", 4 * G, TOP, Added, "ACPI hot-add"),
    row("x86/h1-", 4 * G, TOP, Added, "ACPI hot-add"),
    row("x86/h2-", 4 * G, TOP, Added, "ACPI hot-add"),
    row("x86/h4-movable/", 4 * G, TOP, Added, "ACPI hot-add"),
    row("x86/h4-normal/0", 4 * G, TOP, Added, "ACPI hot-add"),
    row("x86/h5-", 4 * G, TOP, Added, "ACPI hot-add (PNP0C80:00)"),
    row("arm64/acpi-2node-dimm/", 2 * G, TOP, Added, "ACPI hot-add"),
    row("arm64/acpi-srat-dimm/", 2 * G, TOP, Added, "ACPI hot-add"),
    row("arm64/kexec-acpi-dimm/", 4 * G, TOP, Added, "ACPI hot-add"),
    // The second kernel lies in a DIMM it was not told about, inside the SRAT's hot-pluggable window.
    row("x86/h4-normal/90-", 4 * G, TOP, Hot, "kernel (its own image)"),
    row("x86/kx-all-exec_s/90-", 4 * G, TOP, Hot, "kernel (its own image)"),
    // kexec_load told the second kernel about the DIMM: it is boot memory to it.
    row("x86/kx-all-exec_c/90-", 4 * G, TOP, Hot, "firmware (e820)"),
    // A crash kernel without acpi_no_memhotplug adds the DIMM it should dump.
    row("x86/kx-all-crash_s/90-", 4 * G, TOP, Added, "ACPI hot-add (PNP0C80:00)"),
    row("x86/kx-all-", 4 * G, 5 * G, Added, "ACPI hot-add (PNP0C80:00)"),
    // virtio-mem.
    row("x86/kx-all-", 6 * G, TOP, Driver, "virtio_mem over virtio2"),
    row("x86/rt-virtio-mem/", 4 * G, TOP, Driver, "virtio_mem over virtio2"),
    row("arm64/deb-dt-vmem/", 2 * G, TOP, Driver, "virtio_mem over virtio1"),
    row("arm64/dt-vmem-kernel/", 2 * G, TOP, Driver, "virtio_mem over virtio1"),
    row("arm64/kexec-dt-vmem", 2 * G, TOP, Driver, "virtio_mem over virtio1"),
    // kmem over pmem, and over memory that EFI calls special-purpose.
    row("x86/kx-pmem-exec_s/10-", 4 * G, TOP, Driver, "kmem over dax0.0 over Persistent Memory"),
    row("x86/kx-hmem-exec_s/10-", G, 0x6000_0000, Driver, "kmem over dax0.0 over Soft Reserved"),
    row("arm64/kexec-efi-sp/", 2 * G, 0xa000_0000, Driver, "kmem over dax0.0 over Soft Reserved"),
    // Steps of arm64 runs after the first hold neither log nor firmware tables: who gave boot memory is open.
    row("arm64/acpi-2node-dimm/0", 0, TOP, Boot, "firmware (EFI)"),
    row("arm64/acpi-2node-dimm/", 0, TOP, Boot, "firmware"),
    row("arm64/acpi-srat-dimm/0", 0x6000_0000, 2 * G, Boot, "firmware (EFI)"),
    row("arm64/acpi-srat-dimm/", 0, TOP, Boot, "firmware"),
    row("arm64/acpi-", 0, TOP, Boot, "firmware (EFI)"),
    row("arm64/efi-", 0, TOP, Boot, "firmware (EFI)"),
    row("arm64/kexec-acpi-dimm/stage2", 0, TOP, Boot, "firmware (EFI)"),
    row("arm64/kexec-acpi-dimm/", 0, TOP, Boot, "firmware"),
    row("arm64/kexec-efi-sp/", 0, TOP, Boot, "firmware"),
    row("arm64/kexec-dt-vmem", 0, TOP, Boot, "firmware"),
    row("arm64/deb-dt-vmem/", 0, TOP, Boot, "firmware"),
    row("arm64/dt-vmem-kernel/", 0, TOP, Boot, "firmware"),
    row("arm64/", 0, TOP, Boot, "firmware (device tree)"),
    row("x86/", 0, TOP, Boot, "firmware (e820)"),
];

#[test]
fn class_and_provider_are_what_the_machine_was_given() {
    for_every_capture(|name, _, machine| {
        let wrong = |memory: &MemoryRange| {
            let expected = TABLE.iter().find(|row| {
                name.starts_with(row.capture)
                    && PhysRange::new(row.within.0, row.within.1).unwrap().encloses(memory.range)
            })?;
            let class_is_right = memory.class == Some(expected.class);
            let provider = memory.provider.to_string();
            (!class_is_right || !provider.starts_with(expected.provider)).then(|| {
                format!(
                    "{}: {:?} from {provider}, expected {:?} from {} ({})",
                    memory.range, memory.class, expected.class, expected.provider, memory.evidence
                )
            })
        };
        machine.ranges.iter().filter_map(wrong).collect()
    });
}
