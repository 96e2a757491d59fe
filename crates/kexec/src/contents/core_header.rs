//! The header of the dump, which a crash kernel finds at `elfcorehdr=`.
//!
//! In the order of kernel/crash_core.c:crash_prepare_elf64_headers (6.12): a note of each CPU, the kernel's own note,
//! the kernel's text, and the memory.

use evidence::Running;
use images::core_header::{CoreHeader, CoreLoad, CoreNote};
use images::elf::Machine;
use memblock::PhysRange;

use super::ContentsError;
use crate::plan::Plan;

/// The header, without what fills it up to its segment.
pub(super) fn of(plan: &Plan, machine: Machine, running: &Running) -> Result<Vec<u8>, ContentsError> {
    let crash = running.crash.as_ref().ok_or(ContentsError::NoNotes)?;
    let note = |range: &PhysRange| CoreNote { offset: range.start(), size: range.size() };
    let load =
        |memory: PhysRange, virtual_address| CoreLoad { memory, offset: memory.start(), virtual_address };
    let text = crash.text.iter().map(|text| load(text.memory, text.virtual_address));
    // The kernel's addresses wrap at the top.
    let mapped = |memory: &PhysRange| load(*memory, crash.page_offset.wrapping_add(memory.start()));
    let header = CoreHeader {
        machine,
        notes: crash.cpu_notes.iter().chain([&crash.vmcoreinfo]).map(note).collect(),
        loads: text.chain(plan.vmcore.iter().map(mapped)).collect(),
    };
    // The header counts in 16 bits.
    let headers = header.notes.len().saturating_add(header.loads.len());
    if headers > usize::from(u16::MAX) {
        let kind = crate::segment::SegmentKind::ElfCoreHeader;
        let size = |headers: usize| u64::try_from(headers).unwrap_or(u64::MAX).saturating_mul(56);
        return Err(ContentsError::TooLarge { kind, size: size(headers), room: size(u16::MAX.into()) });
    }
    Ok(header.to_bytes())
}
