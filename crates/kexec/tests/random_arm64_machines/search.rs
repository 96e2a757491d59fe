//! Whole layouts by trial, for both loaders of arm64.

use kexec::search::Direction::{self, BottomUp, TopDown};
use kexec::{KernelImage, Purpose, Request};
use memblock::PhysRange;

use crate::brute_force::{Asked, PAGE, Tried, try_all};
use crate::machines::{GIB, MIB, r};

const ANYWHERE: (u64, u64) = (0, u64::MAX);

const fn asked(size: u64, alignment: u64, direction: Direction, bounds: (u64, u64)) -> Asked {
    Asked { size, alignment, bounds, direction }
}

/// The layout by trial: for every place of the kernel, from the lowest, all that lies above it.
pub(crate) fn brute_force(
    ranges: &[PhysRange],
    request: &Request<'_>,
    device_tree: u64,
) -> Option<Vec<PhysRange>> {
    let KernelImage::Arm64(header) = request.kernel else { return None };
    let tried = Tried::Ascending(ranges);
    let mut min = 0;
    loop {
        let image = header.image_size + header.text_offset;
        let kernel = try_all(tried, &[], asked(image, 2 * MIB, BottomUp, (min, u64::MAX)))?;
        min = kernel.end();
        let mut taken = vec![kernel];
        let above = (kernel.end(), u64::MAX);
        let mut others = Vec::new();
        if request.purpose == Purpose::Crash {
            others.push(asked(PAGE, 0x1_0000, TopDown, above));
        }
        if let Some(initrd) = request.initrd {
            let window = (kernel.end(), kernel.start() / GIB * GIB + 32 * GIB);
            others.push(asked(initrd, PAGE, BottomUp, window));
        }
        others.push(asked(device_tree, 2 * MIB, TopDown, above));
        let placed = others.into_iter().try_for_each(|other| {
            taken.push(try_all(tried, &taken, other)?);
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
    let tried = Tried::Ascending(ranges);
    let image = header.image_size + header.text_offset;
    let kernel = try_all(tried, &[], asked(image, 2 * MIB, BottomUp, ANYWHERE))?;
    let mut taken = vec![kernel];
    if request.purpose == Purpose::Crash {
        taken.push(try_all(tried, &taken, asked(PAGE, PAGE, TopDown, ANYWHERE))?);
    }
    for size in request.initrd.into_iter().chain([device_tree, 0x3558]) {
        let behind = (kernel.end(), u64::MAX);
        taken.push(try_all(tried, &taken, asked(size, PAGE, BottomUp, behind))?);
    }
    taken[0] = r(kernel.start() + header.text_offset, kernel.end());
    Some(taken)
}
