//! The boot parameters: the zero page, the command line behind it, and setup_data.
//!
//! Offsets and rules: Documentation/arch/x86/zero-page.rst and boot.rst; which parts of the running kernel's own zero
//! page are handed on, arch/x86/kernel/kexec-bzimage64.c:setup_boot_parameters (6.12).

use evidence::Running;
use firmware::e820::{BootParams, Entry, ZERO_PAGE_ENTRIES};
use machine::Machine;

use super::ContentsError;
use super::layout::{Layout, SEED, SETUP_DATA_HEADER, ZERO_PAGE};
use crate::plan::Plan;
use crate::segment::Segment;

/// `screen_info`: the mode of the screen.
const SCREEN_INFO: usize = 0x000;
const ACPI_RSDP_ADDR: usize = 0x070;
const EXT_RAMDISK_IMAGE: usize = 0x0c0;
const EXT_RAMDISK_SIZE: usize = 0x0c4;
const EXT_CMD_LINE_PTR: usize = 0x0c8;
const EDID_INFO: usize = 0x140;
const E820_ENTRIES: usize = 0x1e8;
const EDD_COUNTS: usize = 0x1e9;
const SECURE_BOOT: usize = 0x1ec;
/// The setup header, as in the kernel's file.
const SETUP_HEADER: usize = 0x1f1;
/// The byte that says how far it goes, counted from [`AFTER_JUMP`].
const JUMP: usize = 0x201;
const AFTER_JUMP: usize = 0x202;
/// Where it ends at the latest.
const SETUP_HEADER_END: usize = 0x290;
const VID_MODE: usize = 0x1fa;
const TYPE_OF_LOADER: usize = 0x210;
const LOADFLAGS: usize = 0x211;
const RAMDISK_IMAGE: usize = 0x218;
const RAMDISK_SIZE: usize = 0x21c;
const CMD_LINE_PTR: usize = 0x228;
const SETUP_DATA: usize = 0x250;
const EDD_MBR_SIGNATURES: usize = 0x290;
const E820_TABLE: usize = 0x2d0;
const EDD_INFO: usize = 0xd00;

/// What is copied from the running kernel's zero page: offset and bytes.
const HANDED_ON: [(usize, usize); 6] = [
    (SCREEN_INFO, 0x40),
    (EDID_INFO, 0x80),
    (EDD_COUNTS, 2),
    (SECURE_BOOT, 1),
    (EDD_MBR_SIGNATURES, 0x40),
    (EDD_INFO, 0x1ec),
];

/// A loader without a number of its own.
const UNDEFINED_LOADER: u8 = 0xff;
/// The mode of the screen is as it is.
const NORMAL: u16 = 0xffff;
/// `LOADED_HIGH`; the other flags are for code that is not run, or the loader's to leave 0.
const LOADED_HIGH: u8 = 1;

/// Types of setup_data (arch/x86/include/uapi/asm/setup_data.h, 6.12).
const SETUP_E820_EXT: u32 = 1;
const SETUP_RNG_SEED: u32 = 9;

/// The bytes of the segment. `kernel` is the kernel's file, `initrd` where the initial ramdisk lies, and its bytes.
pub(super) fn of(
    machine: &Machine,
    plan: &Plan,
    segment: &Segment,
    kernel: &[u8],
    initrd: Option<(u64, u64)>,
    running: &Running,
) -> Result<Vec<u8>, ContentsError> {
    let layout = Layout::of(plan.command_line.len(), plan.next_kernel.len());
    let layout = layout.filter(|layout| layout.size == segment.loaded).ok_or(ContentsError::NotOurs)?;
    let size = usize::try_from(layout.size).map_err(|_| ContentsError::NotOurs)?;
    let mut bytes = Bytes(vec![0; size]);
    let own = running.zero_page.as_deref().filter(|page| BootParams::new(page).is_ok());
    for (offset, size) in HANDED_ON {
        let end = offset.saturating_add(size);
        bytes.put(offset, own.and_then(|page| page.get(offset..end)).unwrap_or_default());
    }
    bytes.put(SETUP_HEADER, setup_header(kernel));

    let at = |offset: u64| segment.range.start().saturating_add(offset);
    bytes.put(VID_MODE, &NORMAL.to_le_bytes());
    bytes.put(TYPE_OF_LOADER, &[UNDEFINED_LOADER]);
    bytes.put(LOADFLAGS, &[LOADED_HIGH]);
    bytes.put(ACPI_RSDP_ADDR, &rsdp(machine, own, running)?.unwrap_or(0).to_le_bytes());
    bytes.put_halves(CMD_LINE_PTR, EXT_CMD_LINE_PTR, at(ZERO_PAGE));
    let (start, size) = initrd.unwrap_or_default();
    bytes.put_halves(RAMDISK_IMAGE, EXT_RAMDISK_IMAGE, start);
    bytes.put_halves(RAMDISK_SIZE, EXT_RAMDISK_SIZE, size);

    let (listed, beyond) = plan.next_kernel.split_at(plan.next_kernel.len().min(ZERO_PAGE_ENTRIES));
    // At most 128.
    bytes.put(E820_ENTRIES, &[u8::try_from(listed.len()).unwrap_or(0)]);
    bytes.put(E820_TABLE, &table(listed));
    bytes.put(0x1000, plan.command_line.as_bytes());

    // A list: the first piece names the next.
    bytes.put(SETUP_DATA, &at(layout.more_map.unwrap_or(layout.seed)).to_le_bytes());
    if let Some(offset) = layout.more_map {
        bytes.put_setup_data(offset, at(layout.seed), SETUP_E820_EXT, &table(beyond));
    }
    bytes.put_setup_data(layout.seed, 0, SETUP_RNG_SEED, &running.seed);
    const { assert!(SEED == 32) };
    Ok(bytes.0)
}

/// The setup header in the kernel's file, which says itself how far it goes (boot.rst, "Details of Header Fields").
fn setup_header(kernel: &[u8]) -> &[u8] {
    let end = kernel.get(JUMP).map_or(AFTER_JUMP, |&jump| AFTER_JUMP.saturating_add(jump.into()));
    kernel.get(SETUP_HEADER..end.min(SETUP_HEADER_END)).unwrap_or_default()
}

/// Where ACPI's root pointer lies. Without EFI, the next kernel finds it by itself where firmware leaves it.
fn rsdp(machine: &Machine, own: Option<&[u8]>, running: &Running) -> Result<Option<u64>, ContentsError> {
    let own = own.and_then(|page| BootParams::new(page).ok());
    let state = &machine.state;
    let known = own.and_then(|page| page.acpi_rsdp()).or(running.acpi_rsdp);
    let known = known.or(state.acpi_rsdp).or(state.acpi_rsdp_of_efi);
    let is_efi = own.is_some_and(|page| page.efi_memory_map().is_some())
        || state.efi_runtime.is_some_and(|map| map.entries > 0);
    if known.is_none() && is_efi { Err(ContentsError::NoRsdp) } else { Ok(known) }
}

/// Entries as the zero page and SETUP_E820_EXT have them: address, size, type.
fn table(entries: &[Entry]) -> Vec<u8> {
    let entry = |entry: &Entry| {
        let range = entry.range;
        [&range.start().to_le_bytes()[..], &range.size().to_le_bytes(), &entry.kind.number().to_le_bytes()]
            .concat()
    };
    entries.iter().flat_map(entry).collect()
}

/// The segment while it is filled. Nothing is written beyond its end.
struct Bytes(Vec<u8>);

impl Bytes {
    fn put(&mut self, offset: usize, part: &[u8]) {
        let end = offset.saturating_add(part.len());
        if let Some(room) = self.0.get_mut(offset..end) {
            room.copy_from_slice(part);
        }
    }

    /// A number whose upper 32 bits have a field of their own.
    fn put_halves(&mut self, low: usize, high: usize, value: u64) {
        let bytes = value.to_le_bytes();
        self.put(low, &bytes[..4]);
        self.put(high, &bytes[4..]);
    }

    fn put_setup_data(&mut self, offset: u64, next: u64, kind: u32, data: &[u8]) {
        let Ok(offset) = usize::try_from(offset) else { return };
        let length = u32::try_from(data.len()).unwrap_or(0);
        let header = [&next.to_le_bytes()[..], &kind.to_le_bytes(), &length.to_le_bytes()].concat();
        const { assert!(SETUP_DATA_HEADER == 16) };
        self.put(offset, &header);
        self.put(offset.saturating_add(header.len()), data);
    }
}
