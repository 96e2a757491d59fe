//! What lies armed in the crash kernel's memory, whoever loaded it.
//!
//! No file of the kernel shows what is loaded for a crash. The crash kernel's memory stays readable through `/proc/kcore`
//! (root; no lockdown for confidentiality), and holds all that the crash kernel will be told: the dump's header, which says
//! what is dumped, and on x86 the zero page with its memory map, and its command line. A kernel that takes that memory out
//! of its page tables, as arm64 may, shows zeros.
//!
//! Seen with kexec_file_load, kexec-tools and physmem on Linux 6.12 and 7.3 (x86_64), and with physmem on 6.12 (arm64).

mod find;

use firmware::e820::{BootParams, Entry, Table};
use images::core_header::CoreHeader;
use memblock::PhysRange;
use serde::{Deserialize, Serialize};

use crate::bytes::Bytes;

pub use find::{MOST_SEARCHED, Memory, NotFound, find};

/// `type_of_loader` of a zero page that kexec_file_load wrote (arch/x86/kernel/kexec-bzimage64.c, 6.12).
const LOADER_KERNEL: u8 = 0xd0;
/// Where the zero page has it (Documentation/arch/x86/boot.rst).
const TYPE_OF_LOADER: usize = 0x210;

/// What was found in the crash kernel's memory, as it lies there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CrashImage {
    /// The dump's header, up to its last program header.
    pub header: Found,
    /// The zero page; `None` where only a header was found.
    pub zero_page: Option<Found>,
    /// The e820 entries for which the zero page has no room, from setup_data of the type SETUP_E820_EXT.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub more_e820: Option<Bytes>,
    /// The command line that the zero page points to.
    pub command_line: Option<String>,
}

/// Bytes and where they lie.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Found {
    /// Physical address.
    pub at: u64,
    /// The bytes from there.
    pub bytes: Bytes,
}

/// The crash kernel that is armed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArmedCrash {
    /// Physical address of the dump's header.
    pub header_at: u64,
    /// What the header lists, without the kernel's text, ascending. They overlap only in a damaged header.
    pub loads: Vec<PhysRange>,
    /// The map that the crash kernel is told, in its order; empty if no zero page was found.
    pub map: Vec<Entry>,
    /// Its command line, with what the loader added; `None` if no zero page was found.
    pub command_line: Option<String>,
    /// Whether the kernel itself wrote the zero page: kexec_file_load; `None` if none was found.
    pub by_kernel: Option<bool>,
}

impl ArmedCrash {
    /// Reads what was found.
    ///
    /// # Errors
    /// A sentence: the header or the zero page is none. Entries of the map that are no ranges are left out.
    pub(crate) fn of(found: CrashImage) -> Result<Self, String> {
        let header = CoreHeader::new(&found.header.bytes.0)
            .map_err(|error| format!("the dump's header at {:#x}: {error}", found.header.at))?;
        let mut loads: Vec<PhysRange> = header.ram().collect();
        loads.sort_unstable();
        let page = found.zero_page.as_ref();
        let params = page
            .map(|page| {
                BootParams::new(&page.bytes.0)
                    .map_err(|error| format!("the zero page at {:#x}: {error}", page.at))
            })
            .transpose()?;
        let more = found.more_e820.as_ref().and_then(|more| Some(Table::new(&more.0).ok()?.entries()));
        let map = params.iter().flat_map(BootParams::entries).chain(more.into_iter().flatten());
        Ok(Self {
            header_at: found.header.at,
            loads,
            map: map.flatten().collect(),
            command_line: found.command_line,
            by_kernel: page.and_then(|page| page.bytes.0.get(TYPE_OF_LOADER)).map(|by| *by == LOADER_KERNEL),
        })
    }
}

#[cfg(test)]
mod tests;
