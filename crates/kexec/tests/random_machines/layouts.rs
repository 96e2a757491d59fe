//! Whole layouts by trial, for both loaders of x86.

use kexec::search::Direction;
use kexec::{KernelImage, Purpose, Request, SegmentKind, SetupHeader};
use memblock::{PhysRange, ranges};
use rules::Loader;

use crate::brute_force::{Asked, PAGE, Tried, try_all};
use crate::machines::{CPUS, Kind, Layout, MIB};

/// The segments, in the order in which they are placed; `None` where one of them fits nowhere. `dumped` is the number of
/// ranges of the dump.
pub(crate) fn by_trial(
    layout: &Layout,
    request: &Request<'_>,
    dumped: usize,
) -> Option<Vec<(SegmentKind, PhysRange)>> {
    let KernelImage::BzImage(header) = request.kernel else { return None };
    let dumped = u64::try_from(dumped).unwrap();
    let searched = searched(layout, request);
    let is_by_kernel = request.loader == Loader::KexecFileLoad;
    let is_in_scratch = request.purpose == Purpose::Reboot && is_by_kernel && !layout.scratch.is_empty();
    let tried = if is_in_scratch { Tried::InOrder(&searched) } else { Tried::Ascending(&searched) };
    let mut placing = Placing { tried, placed: Vec::new() };
    if is_in_scratch {
        let list = top_down(16 * u64::try_from(layout.scratch.len()).unwrap(), 0);
        placing.place(SegmentKind::Handover, Asked { alignment: 0x1_0000, ..list })?;
    }
    if is_by_kernel {
        by_kernel(&mut placing, layout, request, &header, dumped)?;
    } else {
        by_kexec_tools(&mut placing, layout, request, &header, dumped)?;
    }
    Some(placing.placed)
}

fn by_kernel(
    placing: &mut Placing<'_>,
    layout: &Layout,
    request: &Request<'_>,
    header: &SetupHeader,
    dumped: u64,
) -> Option<()> {
    if request.purpose == Purpose::Crash {
        // A note for each CPU and one more, the kernel's text, and the ranges.
        let loaded = (64 + 56 * (CPUS + 2 + dumped)).next_multiple_of(PAGE);
        let room = layout.header_room.map_or(loaded, |headers| 64 + headers);
        let lowest = Asked { direction: Direction::BottomUp, ..top_down(room, 0) };
        placing.place(SegmentKind::ElfCoreHeader, lowest)?;
    }
    placing.place(SegmentKind::Purgatory, top_down(0x5000, 0x3000))?;
    let line = request.command_line.len() as u64 + 1 + 30;
    let parameters = (0x1000 + line).next_multiple_of(16) + 160;
    placing.place(SegmentKind::BootParameters, top_down(parameters, 0x3000))?;
    image(placing, request, header, header.pref_address.max(MIB))
}

fn by_kexec_tools(
    placing: &mut Placing<'_>,
    layout: &Layout,
    request: &Request<'_>,
    header: &SetupHeader,
    dumped: u64,
) -> Option<()> {
    let mut line = request.command_line.len();
    if request.purpose == Purpose::Crash {
        let ram = layout.of(&[Kind::Boot, Kind::HotAdded, Kind::DriverManaged]);
        let saved = ram.iter().find(|range| range.end() <= 0xa_0000).map_or(0xa_0000, |range| range.size());
        placing.place(SegmentKind::Backup, top_down(saved, 0))?;
        let reserved = u64::try_from(layout.of(&[Kind::Reserved]).len()).unwrap();
        let size = (64 + 56 * (CPUS + 2 + dumped + reserved)).next_multiple_of(1024);
        let at = placing.place(SegmentKind::ElfCoreHeader, top_down(size.max(0x4000), 0))?;
        line += format!(" elfcorehdr={}K", at.start() / 1024).len();
    }
    placing.place(SegmentKind::Purgatory, top_down(0x9000, 0x3000))?;
    let setup_code = 512 * (u64::from(header.setup_sects) + 1);
    let parameters = setup_code.max(0x1000) + 0x40 + line as u64 + 1;
    placing.place(SegmentKind::BootParameters, top_down(parameters, 0x3000))?;
    image(placing, request, header, MIB)?;
    let seed = Asked { direction: Direction::BottomUp, ..top_down(0x30, MIB) };
    placing.place(SegmentKind::SetupData, seed).map(drop)
}

/// Kernel and initial ramdisk.
fn image(placing: &mut Placing<'_>, request: &Request<'_>, header: &SetupHeader, min: u64) -> Option<()> {
    let kernel = Asked { alignment: header.kernel_alignment, ..top_down(header.init_size, min) };
    placing.place(SegmentKind::Kernel, kernel)?;
    if let Some(initrd) = request.initrd {
        placing.place(SegmentKind::Initrd, top_down(initrd, 16 * MIB))?;
    }
    Some(())
}

/// Where a loader looks, by our own arithmetic.
fn searched(layout: &Layout, request: &Request<'_>) -> Vec<PhysRange> {
    let ram = || layout.of(&[Kind::Boot, Kind::HotAdded]);
    match (request.purpose, request.loader) {
        (Purpose::Crash, _) => Vec::from_iter(layout.crash),
        (Purpose::Reboot, Loader::KexecFileLoad) if !layout.scratch.is_empty() => layout.scratch.clone(),
        (Purpose::Reboot, Loader::KexecFileLoad) => {
            let reserved = layout.reserved.clone().unwrap_or_default();
            ranges::difference(ram().into_iter(), reserved.into_iter()).collect()
        }
        (Purpose::Reboot, Loader::KexecLoad) if request.avoid_removable => layout.of(&[Kind::Boot]),
        (Purpose::Reboot, Loader::KexecLoad) => ram(),
    }
}

fn top_down(size: u64, min: u64) -> Asked {
    Asked { size, alignment: PAGE, bounds: (min, u64::MAX), direction: Direction::TopDown }
}

struct Placing<'a> {
    tried: Tried<'a>,
    placed: Vec<(SegmentKind, PhysRange)>,
}

impl Placing<'_> {
    fn place(&mut self, kind: SegmentKind, asked: Asked) -> Option<PhysRange> {
        let taken: Vec<PhysRange> = self.placed.iter().map(|(_, range)| *range).collect();
        let range = try_all(self.tried, &taken, asked)?;
        self.placed.push((kind, range));
        Some(range)
    }
}
