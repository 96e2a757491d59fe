//! A virtual machine that nobody captured: QEMU's pc, for those who size a fleet before they have one.

use std::fmt::Write;

use evidence::snapshot::MemoryBlocks;
use evidence::{Evidence, Snapshot, Source};
use rules::Rules;

use crate::Architecture;
use crate::boot::{BootError, BootInput, InputError, predict};
use crate::life::booted;

/// Why there is no such machine.
#[derive(Debug, thiserror::Error)]
pub enum BaseError {
    /// Too small for Linux, too large for the addresses, or not whole megabytes.
    #[error("a machine of {0:#x} bytes: expected whole megabytes, from 256M to 32T")]
    Size(u64),
    /// Its boot cannot be predicted.
    #[error(transparent)]
    Input(#[from] InputError),
    /// Its boot cannot be predicted.
    #[error(transparent)]
    Boot(#[from] BootError),
}

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// Where QEMU's pc puts the first byte that does not fit below the devices: machines of 3.5 GiB and more have 3 GiB
/// there (hw/i386/pc_piix.c, QEMU 7.2).
const LOW: u64 = 3 * GIB;

/// A virtual machine as QEMU's pc makes it, with `size` bytes on one node, right after a boot of Linux 6.12 that is
/// predicted, before anything is added. Added blocks go online.
///
/// # Errors
///
/// [`BaseError`] for a size that no such machine has.
///
/// ```
/// use machine::{Machine, hotplug, life::Life};
///
/// let life = Life::of(&Machine::of(&hotplug::qemu_pc(4 << 30)?)?)?;
/// assert_eq!(life.block_table().size(), 128 << 20);
/// assert!(life.iomem().contains("100000000-13fffffff : System RAM\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn qemu_pc(size: u64) -> Result<Snapshot, BaseError> {
    if !(256 * MIB..=32 << 40).contains(&size) || !size.is_multiple_of(MIB) {
        return Err(BaseError::Size(size));
    }
    let low = if size >= LOW + GIB / 2 { LOW } else { size };
    let high = size - low;
    // SeaBIOS keeps the last 128 KiB below the devices.
    let kept = low - 0x2_0000;
    let mut log = format!(
        "Linux version 6.12.0 (gcc)\nCommand line: \nBIOS-provided physical RAM map:\n\
         BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable\n\
         BIOS-e820: [mem 0x000000000009fc00-0x000000000009ffff] reserved\n\
         BIOS-e820: [mem 0x00000000000f0000-0x00000000000fffff] reserved\n\
         BIOS-e820: [mem 0x0000000000100000-{:#018x}] usable\n\
         BIOS-e820: [mem {kept:#018x}-{:#018x}] reserved\n",
        kept - 1,
        low - 1,
    );
    if high > 0 {
        // Writing to a string does not fail.
        let _ = writeln!(log, "BIOS-e820: [mem {:#018x}-{:#018x}] usable", 4 * GIB, 4 * GIB + high - 1);
    }
    log.push_str("Hypervisor detected: KVM\n");
    let snapshot = Snapshot {
        origin: format!("a virtual machine of {} MiB", size / MIB),
        architecture: Source::Read(Architecture::X86_64.to_string()),
        kernel_log: Source::Read(log),
        memory_blocks: Source::Read(MemoryBlocks {
            auto_online: Source::Read("online".into()),
            ..MemoryBlocks::default()
        }),
        ..Snapshot::default()
    };
    let input = BootInput::of(&Evidence::from(&snapshot))?;
    let prediction = predict(&input, &Rules::LINUX)?;
    Ok(booted(&snapshot, &input, &prediction))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Machine;
    use crate::life::Life;

    fn life(size: u64) -> Life {
        Life::of(&Machine::of(qemu_pc(size).unwrap()).unwrap()).unwrap()
    }

    #[test]
    fn what_does_not_fit_below_the_devices_lies_above_4_gib() {
        for (size, ram) in [
            (2 * GIB, "00100000-7ffdffff"),
            (4 * GIB, "100000000-13fffffff"),
            (65 * GIB, "100000000-107fffffff"),
        ] {
            let iomem = life(size).iomem();
            assert!(iomem.contains(&format!("{ram} : System RAM\n")), "{iomem}");
        }
    }

    #[test]
    fn a_large_guest_has_blocks_that_its_end_is_a_multiple_of() {
        let block = |size| life(size).block_table().size();
        assert_eq!(block(32 * GIB), 128 * MIB);
        assert_eq!(block(65 * GIB), 2 * GIB);
        assert_eq!(block(64 * GIB), GIB);
    }

    #[test]
    fn a_size_that_no_machine_has_is_refused() {
        for size in [0, 1, 64 * MIB, 4 * GIB + 1, u64::MAX] {
            assert!(qemu_pc(size).is_err(), "{size:#x}");
        }
    }
}
