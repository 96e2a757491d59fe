//! Places found by trying every address.

use kexec::{KernelImage, Purpose, Request};
use memblock::PhysRange;

use crate::machines::{GIB, MIB, PAGE, r};

/// Tries every aligned address of every range: from below, or from above.
fn try_all(
    ranges: &[PhysRange],
    taken: &[PhysRange],
    size: u64,
    (step, top_down): (u64, bool),
    (min, limit): (u64, u64),
) -> Option<PhysRange> {
    let good = |range: &PhysRange, start: u64| {
        let hole = PhysRange::from_size(start, size).ok()?;
        let fits = range.encloses(hole) && hole.start() >= min && hole.end() <= limit;
        (fits && !taken.iter().any(|other| other.overlaps(hole))).then_some(hole)
    };
    let starts = |range: &PhysRange| range.start() / step..range.end() / step + 1;
    if top_down {
        return ranges.iter().rev().find_map(|range| starts(range).rev().find_map(|n| good(range, n * step)));
    }
    ranges.iter().find_map(|range| starts(range).find_map(|n| good(range, n * step)))
}

/// The layout by trial: for every place of the kernel, from the lowest, all that lies above it.
pub(crate) fn brute_force(
    ranges: &[PhysRange],
    request: &Request<'_>,
    device_tree: u64,
) -> Option<Vec<PhysRange>> {
    let KernelImage::Arm64(header) = request.kernel else { return None };
    let pages = |size: u64| size.next_multiple_of(PAGE);
    let mut min = 0;
    loop {
        let image = pages(header.image_size + header.text_offset);
        let kernel = try_all(ranges, &[], image, (2 * MIB, false), (min, u64::MAX))?;
        min = kernel.end();
        let mut taken = vec![kernel];
        let mut others = Vec::new();
        if request.purpose == Purpose::Crash {
            others.push((PAGE, (0x1_0000, true), u64::MAX));
        }
        if let Some(initrd) = request.initrd {
            others.push((pages(initrd), (PAGE, false), kernel.start() / GIB * GIB + 32 * GIB));
        }
        others.push((pages(device_tree), (2 * MIB, true), u64::MAX));
        let placed = others.into_iter().try_for_each(|(size, how, limit)| {
            taken.push(try_all(ranges, &taken, size, how, (kernel.end(), limit))?);
            Some(())
        });
        if placed.is_some() {
            taken[0] = r(kernel.start() + header.text_offset, kernel.end());
            return Some(taken);
        }
    }
}

/// The layout of kexec-tools by trial: the kernel lowest, all behind it as low as it fits, once.
pub(crate) fn brute_force_of_tools(
    ranges: &[PhysRange],
    request: &Request<'_>,
    device_tree: u64,
) -> Option<Vec<PhysRange>> {
    let KernelImage::Arm64(header) = request.kernel else { return None };
    let pages = |size: u64| size.next_multiple_of(PAGE);
    let image = pages(header.image_size + header.text_offset);
    let kernel = try_all(ranges, &[], image, (2 * MIB, false), (0, u64::MAX))?;
    let mut taken = vec![kernel];
    if request.purpose == Purpose::Crash {
        taken.push(try_all(ranges, &taken, PAGE, (PAGE, true), (0, u64::MAX))?);
    }
    for size in request.initrd.into_iter().chain([device_tree, 0x3558]) {
        taken.push(try_all(ranges, &taken, pages(size), (PAGE, false), (kernel.end(), u64::MAX))?);
    }
    taken[0] = r(kernel.start() + header.text_offset, kernel.end());
    Some(taken)
}
