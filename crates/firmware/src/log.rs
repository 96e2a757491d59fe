//! What a kernel log says about memory.
//!
//! The log is bytes from `dmesg` (with any time format), `journalctl -k` (`-o short`, its variants and `cat`), a syslog
//! file or a serial console. Each line may have a priority (`<6>`), a timestamp
//! (`[    0.000000]`, `[Fri Nov 22 23:49:18 2026]`, `Nov 22 23:49:18`), a caller (`[    T0]`) and a host with
//! `kernel:`; [`lines`] removes these. Lines may contain bytes that are not UTF-8. A reader returns the lines it
//! knows and ignores all others. A line that starts like one of its own but cannot be read yields a [`LogError`]
//! in its place: a log may be cut anywhere.
//!
//! | reader | lines |
//! |---|---|
//! | [`e820`] | `BIOS-e820: [mem …] usable`, `user: …`, `modified: …`, `reserve setup_data: …` |
//! | [`efi`] | the EFI memory map printed with `efi=debug` |
//! | [`srat`] | `ACPI: SRAT: Node 0 PXM 0 [mem …]` |
//! | [`early_node_ranges`] | the lines below `Early memory node ranges` |
//! | [`memblock()`] | `MEMBLOCK configuration` dumps of `memblock=debug` |
//! | [`memblock_calls`] | `memblock_reserve: […]` and similar, of `memblock=debug` |
//! | [`memblock_requests`] | `memblock_alloc_try_nid: …` and similar, of `memblock=debug` |

mod calls;
mod cursor;
mod e820;
mod efi;
mod error;
mod line;
mod memblock;
mod numa;
mod requests;

pub use self::calls::{MemblockCall, MemblockCallKind, MemblockCalls, memblock_calls};
pub use self::e820::{E820Line, E820Lines, E820Map, e820, e820_of_firmware};
pub use self::efi::{EfiLine, EfiLines, EfiMap, efi};
pub use self::error::LogError;
pub use self::line::{Lines, lines};
pub use self::memblock::{MemblockLine, MemblockLines, MemblockList, MemblockRegion, memblock};
pub use self::numa::{EarlyNodeRange, EarlyNodeRanges, SratLine, SratLines, early_node_ranges, srat};
pub use self::requests::{MemblockRequest, MemblockRequests, memblock_requests};
