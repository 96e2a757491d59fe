//! Tables under an image that an arm64 interrupt controller keeps writing to.
//!
//! A GICv3 keeps the addresses of its LPI tables (PCI interrupts) and cannot be told to release them. With
//! EFI, the kernel reserves them for later kernels; without EFI, kexec_file_load sees free memory there.

use evidence::log::InterruptTable;
use machine::range_set::RangeSet;
use memblock::{PhysRange, ranges};

use crate::finding::{Code, Finding, Severity};
use crate::image::Image;
use crate::outcome::{Answer, not_found, unread};
use crate::subject::{Subject, sized};

/// Segments, loaded or planned, over such tables.
pub(crate) fn under(subject: &Subject<'_>, image: &Image<'_>) -> Answer {
    let tables = tables(subject);
    if tables.is_empty() {
        return no_tables(subject);
    }
    let reserved = reserved(subject).ok_or_else(|| {
        unread("/sys/kernel/debug/memblock/reserved", &subject.machine.evidence.memblock_reserved)
    })?;
    let mut evidence = Vec::new();
    for (line, table) in tables {
        for free in ranges::difference([table].into_iter(), reserved.iter()) {
            for (name, range) in image.segments.iter().filter(|(_, range)| range.overlaps(free)) {
                evidence.push(format!(
                    "{name} at {} lies over {}, which is not reserved in memblock; the kernel log: {line}",
                    sized(*range),
                    sized(free)
                ));
            }
        }
    }
    if evidence.is_empty() {
        return Err(not_found(format!(
            "no segment lies over free parts of the interrupt controller's tables ({})",
            image.known_from
        )));
    }
    evidence.push("the device tree shows no EFI, which would have reserved the tables".to_owned());
    evidence.push(image.known_from.clone());
    Ok(Finding {
        code: Code::ImageOverInterruptTables,
        severity: Severity::Error,
        what: format!(
            "{} lies over tables that the interrupt controller goes on using: one of the two overwrites the other",
            image.words()
        ),
        evidence,
        remedy: "boot with UEFI, so that the kernel reserves the tables; or, if this kernel only loads another one, boot \
                 it with irqchip.gicv3_nolpi=1"
            .to_owned(),
    })
}

/// Why no table is known that could be overwritten.
fn no_tables(subject: &Subject<'_>) -> Answer {
    let log = &subject.machine.evidence.log;
    if subject.hands_over_e820() && subject.machine.kernel.architecture.is_some() {
        return Err(not_found("this architecture has no GICv3"));
    }
    if subject.machine.state.device_tree.is_some() && !subject.is_booted_without_efi() {
        return Err(not_found("the device tree shows EFI, which reserves the tables"));
    }
    match log.read() {
        Some(_) => Err(not_found("the kernel log names no interrupt tables of its own")),
        None => Err(unread("the kernel log", log)),
    }
}

/// Whether there are tables, but it is unknown whether they are reserved.
pub(crate) fn are_in_doubt(subject: &Subject<'_>) -> bool {
    reserved(subject).is_none() && !tables(subject).is_empty()
}

/// The tables that are not handed on, with the log lines that show them; none on a machine booted with EFI.
fn tables(subject: &Subject<'_>) -> Vec<(String, PhysRange)> {
    if !subject.is_booted_without_efi() {
        return Vec::new();
    }
    let tables = subject.machine.evidence.log.read().map(|log| log.quotes.interrupt_tables.as_slice());
    let range = |table: &InterruptTable| Some((table.line.clone(), table.range()?));
    tables.unwrap_or_default().iter().filter_map(range).collect()
}

/// What is reserved in memblock; `None` if that is not shown.
fn reserved(subject: &Subject<'_>) -> Option<RangeSet> {
    let table = subject.machine.evidence.memblock_reserved.read()?;
    Some(table.regions.iter().map(|region| region.range).collect())
}

#[cfg(test)]
mod tests;
