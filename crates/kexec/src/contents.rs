//! What the segments hold when physmem loads by kexec_load: a plan has the places, and this fills them.
//!
//! Nothing is read here, and nothing is loaded: files, the machine and what only the running kernel knows
//! ([`Running`]) go in, bytes come out.

mod core_header;
mod error;
mod kernel;
pub(crate) mod layout;
mod parameters;

use std::borrow::Cow;

use evidence::Running;
use images::elf::Machine as ElfMachine;
use machine::Machine;
use memblock::PhysRange;

pub use error::ContentsError;

use crate::plan::Plan;
use crate::request::Request;
use crate::segment::{Segment, SegmentKind};
use crate::tell::device_tree;
use crate::trampoline;

/// The files of a load, whole.
#[derive(Clone, Copy, Debug)]
pub struct Files<'a> {
    /// The kernel.
    pub kernel: &'a [u8],
    /// Its initial ramdisk, if it has one.
    pub initrd: Option<&'a [u8]>,
}

/// What is given to kexec_load.
///
/// # Invariants
///
/// - The segments are those of the plan, ascending, and do not overlap.
/// - None has more bytes than its range; the kernel clears the rest.
/// - [`entry`](Self::entry) lies in one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents<'a> {
    /// Where the next kernel is entered: the physical address of the trampoline.
    pub entry: u64,
    /// The segments.
    pub segments: Vec<Filled<'a>>,
}

/// A segment and its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filled<'a> {
    /// What it holds.
    pub kind: SegmentKind,
    /// Where it lies: whole pages, half-open.
    pub range: PhysRange,
    /// What is copied to its start.
    pub bytes: Cow<'a, [u8]>,
}

impl<'a> Contents<'a> {
    /// Fills the segments of a plan that was made for this request on this machine, to be loaded by physmem.
    ///
    /// O(files' sizes are not copied, all else + ranges of the dump + entries of the map).
    ///
    /// # Errors
    ///
    /// [`ContentsError`]: the files are not those that were planned, the kernel cannot be entered, or something is not
    /// known that it has to be told.
    pub fn of(
        machine: &Machine,
        request: &Request<'_>,
        plan: &Plan,
        files: &Files<'a>,
        running: &Running,
    ) -> Result<Self, ContentsError> {
        if !request.is_by_physmem() || plan.loader != request.loader || plan.purpose != request.purpose {
            return Err(ContentsError::NotOurs);
        }
        let kernel = kernel::of(machine, &request.kernel, files.kernel)?;
        let planned = request.initrd.filter(|&size| size > 0);
        let initrd = files.initrd.filter(|bytes| !bytes.is_empty());
        if initrd.map(<[u8]>::len).map(u64::try_from) != planned.map(Ok) {
            return Err(ContentsError::OtherFile { what: "the initial ramdisk" });
        }
        let place = |kind| plan.segment(kind).ok_or(ContentsError::NoSegment { kind });
        let own = |bytes: Vec<u8>| -> Cow<'a, [u8]> { Cow::Owned(bytes) };
        let fill = |segment: &Segment| -> Result<Filled<'a>, ContentsError> {
            let bytes = match segment.kind {
                SegmentKind::Purgatory => {
                    let entry = place(SegmentKind::Kernel)?.range.start().saturating_add(kernel.entry);
                    own(match kernel.machine {
                        ElfMachine::X86_64 => {
                            let zero_page = place(SegmentKind::BootParameters)?.range.start();
                            trampoline::trampoline(segment.range.start(), entry, zero_page).to_vec()
                        }
                        ElfMachine::Aarch64 => {
                            let tree = place(SegmentKind::DeviceTree)?.range.start();
                            trampoline::arm64::trampoline(entry, tree).to_vec()
                        }
                    })
                }
                SegmentKind::BootParameters => {
                    let initrd = plan.segment(SegmentKind::Initrd).zip(planned);
                    let initrd = initrd.map(|(segment, size)| (segment.range.start(), size));
                    own(parameters::of(machine, plan, segment, files.kernel, initrd, running)?)
                }
                SegmentKind::Kernel => Cow::Borrowed(kernel.loaded),
                SegmentKind::Initrd => Cow::Borrowed(initrd.unwrap_or_default()),
                SegmentKind::ElfCoreHeader => own(core_header::of(plan, kernel.machine, running)?),
                SegmentKind::DeviceTree => own(tree(machine, plan, running)?),
                SegmentKind::Backup | SegmentKind::Handover | SegmentKind::SetupData => {
                    return Err(ContentsError::NotOurs);
                }
            };
            let (kind, range) = (segment.kind, segment.range);
            let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            if size > range.size() {
                return Err(ContentsError::TooLarge { kind, size, room: range.size() });
            }
            Ok(Filled { kind, range, bytes })
        };
        let mut segments = plan.segments.iter().map(fill).collect::<Result<Vec<_>, _>>()?;
        segments.sort_by_key(|segment| segment.range);
        Ok(Self { entry: place(SegmentKind::Purgatory)?.range.start(), segments })
    }
}

/// The next kernel's device tree.
fn tree(machine: &Machine, plan: &Plan, running: &Running) -> Result<Vec<u8>, ContentsError> {
    let boot = machine.state.device_tree.as_deref().ok_or(ContentsError::NoDeviceTree)?;
    let said = plan.chosen.as_ref().ok_or(ContentsError::NotOurs)?;
    let chosen = device_tree::Chosen {
        command_line: &plan.command_line,
        initrd: said.initrd,
        elfcorehdr: said.elfcorehdr,
        usable_memory: &said.usable_memory,
        reserved: &said.reserved,
        kaslr_seed: running.kaslr_seed,
        rng_seed: running.seed,
    };
    Ok(device_tree::write(boot, &chosen)?)
}

#[cfg(test)]
mod tests;
