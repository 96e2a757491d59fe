//! How the segment of boot parameters is laid out: the zero page, the command line, and setup_data.
//!
//! The plan needs its size, and whoever fills it the places in it.

use firmware::e820::ZERO_PAGE_ENTRIES;

/// Bytes of the zero page, which begins the segment.
pub(crate) const ZERO_PAGE: u64 = 0x1000;
/// Bytes before the data of a piece of setup_data: `next`, `type` and `len` (Documentation/arch/x86/boot.rst,
/// "setup_data").
pub(crate) const SETUP_DATA_HEADER: u64 = 16;
/// Bytes of an entry of the e820 map (Documentation/arch/x86/zero-page.rst).
const E820_ENTRY: u64 = 20;
/// Bytes of the seed that a kernel is given: as many as Linux gives (include/linux/efi.h:EFI_RANDOM_SEED_SIZE, 6.12).
pub(crate) const SEED: u64 = 32;
/// Pieces start at multiples of this.
const ALIGNMENT: u64 = 16;

/// The places of the pieces, in bytes from the start of the segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Where the entries of the map lie for which the zero page has no room.
    pub(crate) more_map: Option<u64>,
    /// Where the seed lies.
    pub(crate) seed: u64,
    /// Bytes of all.
    pub(crate) size: u64,
}

impl Layout {
    /// For a command line of this many bytes without its NUL, which follows the zero page, and a map of this many
    /// entries. `None` if it would be larger than any memory.
    pub(crate) fn of(command_line: usize, entries: usize) -> Option<Self> {
        let line = u64::try_from(command_line).ok()?.checked_add(1)?;
        let after_line = ZERO_PAGE.checked_add(line)?.checked_next_multiple_of(ALIGNMENT)?;
        let beyond = u64::try_from(entries.saturating_sub(ZERO_PAGE_ENTRIES)).ok()?;
        let more_map = (beyond > 0).then_some(after_line);
        let seed = match more_map {
            Some(at) => at
                .checked_add(SETUP_DATA_HEADER)?
                .checked_add(beyond.checked_mul(E820_ENTRY)?)?
                .checked_next_multiple_of(ALIGNMENT)?,
            None => after_line,
        };
        let size = seed.checked_add(SETUP_DATA_HEADER + SEED)?;
        Some(Self { more_map, seed, size })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_129th_entry_gets_room_behind_the_command_line() {
        let fits = Layout::of(5, 128).unwrap();
        assert_eq!(fits, Layout { more_map: None, seed: 0x1010, size: 0x1040 });
        let beyond = Layout::of(5, 130).unwrap();
        assert_eq!(beyond, Layout { more_map: Some(0x1010), seed: 0x1050, size: 0x1080 });
        assert_eq!(Layout::of(15, 0).unwrap().seed, 0x1010);
        assert_eq!(Layout::of(16, 0).unwrap().seed, 0x1020);
        assert_eq!(Layout::of(usize::MAX, 0), None);
    }
}
