//! What kexec-tools 2.0.25 adds in a crash load on x86: a backup of the first 640 KiB, the header of the
//! dump, and a map of the little memory that a crash kernel may use.

use firmware::e820::{E820Type, Entry};
use images::KernelImage;
use machine::{KernelState, Machine};
use memblock::{PhysRange, ranges};

use crate::dump::header::{CrashKernel, HeaderSize};
use crate::error::PlanError;
use crate::port::x86_tools_common::memory;
use crate::tell::e820::NextMap;

/// The first 640 KiB, which a crash kernel needs for itself.
const LOW_END: u64 = 0xa_0000;
/// The maximum number of entries in a crash kernel's map.
const MOST_ENTRIES: usize = 1024;
/// The longest command line to which something may be added, including the additions and the trailing NUL.
const MOST_COMMAND_LINE: u64 = 2048;

/// The smallest segment for the header of the dump.
const HEADER_ROOM: u64 = 0x4000;

/// What is saved for the dump when the machine crashes: the first System RAM that lies within the first 640
/// KiB. If there is none, all 640 KiB, although the dump then does not use them.
pub(crate) fn backup_area(machine: &Machine) -> Result<PhysRange, PlanError> {
    let tree = machine.resources().ok_or(PlanError::NoIomem)?;
    let mut ram = tree.system_ram().filter_map(|resource| resource.range().ok());
    let low = PhysRange::new(0, LOW_END).map_err(|_| PlanError::NoIomem)?;
    Ok(ram.find(|range| low.encloses(*range)).unwrap_or(low))
}

/// The size of the header for a dump of this many ranges of RAM.
///
/// There is room for one program header for each range of memory that the tool knows, though ranges that are
/// not RAM get none.
pub(crate) fn header_size(machine: &Machine, ram: u64) -> Result<HeaderSize, PlanError> {
    let tree = machine.resources().ok_or(PlanError::NoIomem)?;
    let others = u64::try_from(memory::beside_ram(tree).count()).unwrap_or(u64::MAX);
    let HeaderSize { loaded, .. } = HeaderSize::by_kexec_tools(&machine.state, ram.saturating_add(others))?;
    Ok(HeaderSize { loaded, room: loaded.max(HEADER_ROOM) })
}

/// The map of a crash kernel: the memory that was saved; its own areas without the segments in `taken`, given
/// as places and bytes; and what the resource tree calls ACPI, persistent or reserved memory and does not
/// overlap these.
///
/// The segments are cut out to the byte, so the map may continue in the middle of a page.
pub(crate) fn map(
    machine: &Machine,
    kernel: &CrashKernel,
    saved: PhysRange,
    taken: [(PhysRange, u64); 2],
) -> Result<NextMap, PlanError> {
    let tree = machine.resources().ok_or(PlanError::NoIomem)?;
    let mut taken = taken.map(|(range, size)| PhysRange::from_size(range.start(), size).unwrap_or(range));
    taken.sort_unstable();
    let areas: Vec<PhysRange> = kernel.areas().collect();
    let own = ranges::difference(areas.into_iter(), taken.into_iter());
    let mut map = NextMap::default();
    map.entries.extend([saved].into_iter().chain(own).map(|range| Entry { range, kind: E820Type::Ram }));
    for entry in memory::beside_ram(tree) {
        if map.entries.len() >= MOST_ENTRIES {
            map.dropped.push(entry);
        } else if !map.entries.iter().any(|other| other.range.overlaps(entry.range)) {
            map.entries.push(entry);
        }
    }
    map.entries.sort_by_key(|entry| entry.range.start());
    Ok(map)
}

/// The address of ACPI's root pointer, if the boot parameters have it and EFI's runtime map, by which a
/// kernel finds it, is not handed on. With an ELF kernel that map never is, and the address from EFI is
/// passed.
pub(crate) fn told_rsdp(kernel: &KernelImage<'_>, state: &KernelState) -> Option<u64> {
    match kernel {
        KernelImage::BzImage(_) => {
            let efi_ranges = state.efi_runtime.map_or(0, |map| map.entries);
            state.acpi_rsdp.filter(|_| efi_ranges == 0)
        }
        KernelImage::Elf(_) | KernelImage::Arm64(_) => state.acpi_rsdp.or(state.acpi_rsdp_of_efi),
    }
}

/// The command line of a crash kernel: the address of ACPI's root pointer, if it is passed, and the address
/// of the dump's header in KiB are appended. Whether the kernel accepts that length is not checked.
pub(crate) fn command_line(given: &str, rsdp: Option<u64>, header: PhysRange) -> Result<String, PlanError> {
    let rsdp = rsdp.map(|address| format!(" acpi_rsdp={address:#x}")).unwrap_or_default();
    let line = format!("{given}{rsdp} elfcorehdr={}K", header.start() / 1024);
    if length(&line) > MOST_COMMAND_LINE {
        let given = length(given);
        let added = length(&line).saturating_sub(given);
        return Err(PlanError::CommandLineTooLong { length: given, added, most: MOST_COMMAND_LINE });
    }
    Ok(line)
}

/// Bytes of a command line, including the trailing NUL.
pub(crate) fn length(command_line: &str) -> u64 {
    u64::try_from(command_line.len()).unwrap_or(u64::MAX).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use super::*;
    use crate::port::x86_tools::tests::{IOMEM, REQUEST};
    use crate::testing::{x86, x86_with};
    use machine::EfiRuntime;

    fn r(start: u64, last: u64) -> PhysRange {
        PhysRange::from_inclusive(start, last).unwrap()
    }

    /// The map, with a backup and a header of `room` bytes at the top of the area.
    fn map_of(iomem: &str, room: u64) -> NextMap {
        let machine = x86(iomem);
        let saved = backup_area(&machine).unwrap();
        let backup = PhysRange::from_size(0x7ef6_0000, 0xa_0000).unwrap();
        let header = PhysRange::new(0x7ef6_0000 - room.next_multiple_of(0x1000), 0x7ef6_0000).unwrap();
        let kernel = CrashKernel::of(&machine).unwrap();
        map(&machine, &kernel, saved, [(header, room), (backup, saved.size())]).unwrap()
    }

    fn ram_of(iomem: &str, room: u64) -> Vec<PhysRange> {
        let entries = map_of(iomem, room).entries;
        entries.iter().filter(|entry| entry.kind == E820Type::Ram).map(|entry| entry.range).collect()
    }

    const LOW: &str = "00001000-0009fbff : System RAM\n";

    #[test]
    fn the_first_ram_within_640_kib_is_saved_and_all_of_them_where_there_is_none() {
        let saved = |low: &str| backup_area(&x86(&IOMEM.replace(LOW, low))).unwrap();
        assert_eq!(saved(LOW), r(0x1000, 0x9_fbff));
        let two = "00001000-0002ffff : System RAM\n00040000-0009fbff : System RAM\n";
        assert_eq!(saved(two), r(0x1000, 0x2_ffff));
        assert_eq!(saved("00001000-000bffff : System RAM\n"), r(0, 0x9_ffff));
        assert_eq!(saved(""), r(0, 0x9_ffff));
    }

    #[test]
    fn of_the_first_640_kib_the_crash_kernel_is_told_what_was_saved_and_what_lies_on_it_is_left_out() {
        let two = "00001000-0002ffff : System RAM\n00040000-0009fbff : System RAM\n";
        let own = r(0x6f00_0000, 0x7ef5_bfff);
        assert_eq!(ram_of(&IOMEM.replace(LOW, two), 0x4000)[..2], [r(0x1000, 0x2_ffff), own]);
        let map = map_of(&IOMEM.replace(LOW, ""), 0x4000);
        let ranges: Vec<PhysRange> = map.entries.iter().map(|entry| entry.range).collect();
        assert_eq!(ranges[..3], [r(0, 0x9_ffff), r(0xf_0000, 0xf_ffff), own]);
    }

    #[test]
    fn segments_are_taken_out_byte_by_byte() {
        let behind_the_backup = r(0x7eff_ec00, 0x7eff_ffff);
        let ram = ram_of(IOMEM, 0x4000);
        assert_eq!(ram[1..], [r(0x6f00_0000, 0x7ef5_bfff), behind_the_backup]);
        let ram = ram_of(IOMEM, 0x4400);
        assert_eq!(ram[1..], [r(0x6f00_0000, 0x7ef5_afff), r(0x7ef5_f400, 0x7ef5_ffff), behind_the_backup]);
    }

    #[test]
    fn a_low_area_is_told_whole() {
        let low = "  10000000-1fffffff : Crash kernel\n  6f000000-7effffff";
        assert_eq!(
            ram_of(&IOMEM.replace("  6f000000-7effffff", low), 0x4000)[1],
            r(0x1000_0000, 0x1fff_ffff)
        );
    }

    fn reserved(holes: u64) -> String {
        let mut lines = String::new();
        for hole in 0..holes {
            writeln!(lines, "{:08x}-{:08x} : Reserved", 0x7ffe_0000 + hole * 16, 0x7ffe_0007 + hole * 16)
                .unwrap();
        }
        IOMEM.replace("7ffe0000-7fffffff : Reserved\n", &lines)
    }

    #[test]
    fn the_1025th_entry_is_dropped_and_named() {
        let map = map_of(&reserved(1015), 0x4000);
        assert_eq!((map.entries.len(), map.dropped.len()), (1023, 0));
        let map = map_of(&reserved(1030), 0x4000);
        assert_eq!((map.entries.len(), map.dropped.len()), (1024, 14));
        assert_eq!(map.dropped.last().unwrap().range, r(0xfd_0000_0000, 0xff_ffff_ffff));
        assert!(map.entries.is_sorted_by_key(|entry| entry.range.start()));
    }

    #[test]
    fn the_header_grows_with_all_ranges_and_cpus_by_1024_bytes_and_its_room_from_16_kib_on() {
        let state = |cpus| KernelState { possible_cpus: Some(cpus), ..KernelState::default() };
        let size = |ram, cpus, reserved: &str| {
            let size = header_size(&x86_with(reserved, state(cpus)), ram).unwrap();
            (size.loaded, size.room)
        };
        // Beside RAM, there are 6 ranges.
        assert_eq!((size(3, 1, IOMEM), size(3, 8, IOMEM)), ((0x400, 0x4000), (0x800, 0x4000)));
        assert_eq!((size(136, 1, IOMEM), size(137, 1, IOMEM)), ((0x2000, 0x4000), (0x2400, 0x4000)));
        assert_eq!((size(282, 1, IOMEM), size(283, 1, IOMEM)), ((0x4000, 0x4000), (0x4400, 0x4400)));
        assert_eq!(
            (size(3, 1, &reserved(100)), size(3, 1, &reserved(121))),
            ((0x1c00, 0x4000), (0x2000, 0x4000))
        );
        assert_eq!(header_size(&x86(IOMEM), 3), header_size(&x86_with(IOMEM, state(1)), 3));
        assert_eq!(header_size(&x86_with(IOMEM, state(u64::MAX)), 3), Err(PlanError::HeaderSize));
    }

    #[test]
    fn what_is_added_to_the_command_line_is_put_behind_it_in_kib() {
        let by = |kernel: &KernelImage<'_>, given, facts: &KernelState| {
            command_line(given, told_rsdp(kernel, facts), r(0x7af5_d000, 0x7af6_0fff)).unwrap()
        };
        let line = |given, facts: &KernelState| by(&REQUEST.kernel, given, facts);
        let facts = KernelState { acpi_rsdp: Some(0xf_59c0), ..KernelState::default() };
        assert_eq!(line("quiet", &facts), "quiet acpi_rsdp=0xf59c0 elfcorehdr=2014580K");
        let efi = KernelState { efi_runtime: Some(EfiRuntime { entries: 6, descriptor: 48 }), ..facts };
        assert_eq!(line("quiet", &efi), "quiet elfcorehdr=2014580K");
        let elf = crate::ElfKernel { segments: Vec::new() };
        assert_eq!(by(&KernelImage::Elf(&elf), "", &efi), " acpi_rsdp=0xf59c0 elfcorehdr=2014580K");
        assert_eq!(line("", &KernelState::default()), " elfcorehdr=2014580K");
    }
}
