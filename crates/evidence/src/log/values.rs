//! Numbers and ranges as the kernel prints them.

use memblock::PhysRange;

/// Bytes of a page on the machines whose kernels printed page frames.
pub(super) const OLD_PAGE: u64 = 4096;

/// `0x00000010 -> 0x00001000`, or in decimal: page frames, the second excluded, as kernels before 3.5 print zones.
pub(super) fn page_frames(text: &str) -> Option<PhysRange> {
    let (start, end) = text.split_once("->")?;
    let frame = |text: &str| number(text.trim()).or_else(|| text.trim().parse().ok())?.checked_mul(OLD_PAGE);
    PhysRange::new(frame(start)?, frame(end)?).ok()
}

/// `0x…` as the kernel prints it.
pub(super) fn number(text: &str) -> Option<u64> {
    u64::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

/// `…[mem 0x…-0x…]…`; the end is inclusive.
pub(super) fn mem(text: &str) -> Option<PhysRange> {
    let (_, inside) = text.split_once("[mem ")?;
    let (inside, _) = inside.split_once(']')?;
    let (start, last) = inside.split_once('-')?;
    PhysRange::from_inclusive(number(start)?, number(last)?).ok()
}

/// `365b0000 - 372d0000`; the end is exclusive.
pub(super) fn bare(text: &str) -> Option<PhysRange> {
    let (start, end) = text.trim().split_once(" - ")?;
    PhysRange::new(u64::from_str_radix(start, 16).ok()?, u64::from_str_radix(end, 16).ok()?).ok()
}

/// `0x… - 0x… (… MB)`; the end is exclusive.
pub(super) fn dashed(text: &str) -> Option<PhysRange> {
    let (start, rest) = text.split_once('-')?;
    let (start, rest) = (start.trim_end(), rest.trim_start());
    let (end, _) = rest.split_once(' ').unwrap_or((rest, ""));
    PhysRange::new(number(start)?, number(end)?).ok()
}

/// `256 MiB at 0x000000008cc00000`, and more words on some releases.
pub(super) fn contiguous(text: &str) -> Option<PhysRange> {
    let (mib, rest) = text.split_once(" MiB at ")?;
    let start = number(rest.split(' ').next()?)?;
    PhysRange::from_size(start, mib.parse::<u64>().ok()?.checked_mul(1 << 20)?).ok()
}
