//! Tables that an interrupt controller of arm64 keeps on writing to, under an image.
//!
//! A GICv3 holds the addresses of its tables of LPIs (the interrupts of PCI) and cannot be told to let them go. With
//! EFI the kernel reserves them for the kernels to come; without, kexec_file_load sees free memory there.

use machine::{memblock_text, range_set::RangeSet};
use memblock::{PhysRange, ranges};

use crate::finding::{Code, Finding, Severity};

use super::image::Image;
use super::scene::{Scene, sized};

/// Bytes of a table: of 2^16 interrupts, as many as Linux uses, one byte each of properties, one bit each of pending
/// ones, in units of 64 KiB (drivers/irqchip/irq-gic-v3-its.c:LPI_PROPBASE_SZ and LPI_PENDBASE_SZ, 6.12).
const TABLE: u64 = 64 << 10;

/// What stands before the address of a table that this kernel took itself. One that it was handed down by EFI is
/// called `reserved`.
const LINES: [&str; 2] = ["using LPI property table @", "using allocated LPI pending table @"];

/// Segments, loaded or planned, over such tables.
pub(super) fn under(scene: &Scene<'_>, image: &Image<'_>) -> Option<Finding> {
    let tables = tables(scene);
    let reserved = reserved(scene).filter(|_| !tables.is_empty())?;
    let mut evidence = Vec::new();
    for (line, table) in tables {
        for free in ranges::difference([table].into_iter(), reserved.iter()) {
            for (name, range) in image.segments.iter().filter(|(_, range)| range.overlaps(free)) {
                evidence.push(format!(
                    "{name} at {} lies over {}, which memblock does not hold reserved; the kernel log: {line}",
                    sized(*range),
                    sized(free)
                ));
            }
        }
    }
    if evidence.is_empty() {
        return None;
    }
    evidence.push("the device tree tells of no EFI, which would have reserved the tables".to_owned());
    evidence.push(image.known_from.clone());
    Some(Finding {
        code: Code::ImageOverInterruptTables,
        severity: Severity::Error,
        what: format!(
            "{} lies over tables that the interrupt controller goes on using: one of the two overwrites the other",
            image.words()
        ),
        evidence,
        remedy: "boot by UEFI, with which the kernel reserves the tables; or, where a kernel does no more than load \
                 another, boot it with irqchip.gicv3_nolpi=1"
            .to_owned(),
    })
}

/// Whether there are tables, and nothing tells whether they are reserved.
pub(super) fn are_in_doubt(scene: &Scene<'_>) -> bool {
    reserved(scene).is_none() && !tables(scene).is_empty()
}

/// The tables that nobody hands down, with the lines that tell of them; none on a machine that was booted by EFI.
fn tables(scene: &Scene<'_>) -> Vec<(String, PhysRange)> {
    if !scene.is_booted_without_efi() {
        return Vec::new();
    }
    let table = |line: String| {
        let digits = LINES.into_iter().find_map(|text| Some(line.split_once(text)?.1))?.strip_prefix("0x")?;
        let range = PhysRange::from_size(u64::from_str_radix(digits.trim(), 16).ok()?, TABLE).ok()?;
        Some((line, range))
    };
    scene.log_lines(&LINES).into_iter().filter_map(table).collect()
}

/// What memblock holds reserved; `None` where it is not shown.
fn reserved(scene: &Scene<'_>) -> Option<RangeSet> {
    let text = scene.snapshot.memblock.reserved.read()?;
    Some(memblock_text::regions(text).filter_map(Result::ok).map(|region| region.range).collect())
}

#[cfg(test)]
mod tests;
