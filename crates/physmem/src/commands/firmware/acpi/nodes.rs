//! The tables about proximity domains: SRAT, SLIT, MSCT.

use std::collections::BTreeMap;

use firmware::acpi::{AcpiError, Table};
use firmware::msct::Msct;
use firmware::slit::Slit;
use firmware::srat::{Entry, Processor, Srat};

use super::super::decoded::{Cell, Decoded, Row};
use super::{other, sound};
use crate::output::columns::runs;

/// Memory line by line; processors by domain, since there may be thousands.
pub(super) fn srat(table: Table<'_>, decoded: &mut Decoded) -> Result<(), AcpiError> {
    let entries = sound(Srat::from_table(table)?.entries(), decoded);
    let (mut memory, mut generic) = (Vec::new(), Vec::new());
    let mut processors: BTreeMap<(u32, &str), Vec<u64>> = BTreeMap::new();
    let mut disabled = 0_u64;
    for entry in entries {
        match entry {
            Entry::Memory(entry) if !entry.enabled && entry.range.is_none() => {
                disabled = disabled.saturating_add(1);
            }
            Entry::Memory(entry) => memory.push(vec![
                ("range", Cell::Range(entry.range)),
                ("domain", Cell::number(entry.domain)),
                ("enabled", Cell::Flag(entry.enabled)),
                ("hot_pluggable", Cell::Flag(entry.hot_pluggable)),
                ("non_volatile", Cell::Flag(entry.non_volatile)),
            ]),
            Entry::Processor(entry) if !entry.enabled => disabled = disabled.saturating_add(1),
            Entry::Processor(entry) => {
                let (kind, id) = match entry.processor {
                    Processor::Apic(id) => ("APIC", u64::from(id)),
                    Processor::X2Apic(id) => ("x2APIC", u64::from(id)),
                    Processor::GicC(id) => ("GICC", u64::from(id)),
                    Processor::RintC(id) => ("RINTC", u64::from(id)),
                };
                processors.entry((entry.domain, kind)).or_default().push(id);
            }
            Entry::GenericInitiator(entry) => {
                generic.push(generic_row("initiator", entry.domain, entry.enabled));
            }
            Entry::GenericPort(entry) => generic.push(generic_row("port", entry.domain, entry.enabled)),
            Entry::Other { offset, kind, len } => decoded.note(other(offset, kind, len)),
        }
    }
    let processors = processors.into_iter().map(|((domain, kind), mut ids)| {
        ids.sort_unstable();
        let count = u64::try_from(ids.len()).unwrap_or(u64::MAX);
        vec![
            ("domain", Cell::number(domain)),
            ("kind", Cell::text(kind)),
            ("count", Cell::Number(count)),
            ("ids", Cell::text(runs(&ids))),
        ]
    });
    if memory.is_empty() && decoded.faults.is_empty() {
        decoded.note("it names no memory: Linux then makes one node");
    }
    decoded.section("memory", memory);
    decoded.section("processors", processors.collect());
    decoded.section("generic", generic);
    if disabled > 0 {
        decoded.note(format!(
            "{disabled} disabled structures without addresses are left out; Linux ignores them"
        ));
    }
    Ok(())
}

fn generic_row(kind: &str, domain: u32, enabled: bool) -> Row {
    vec![("kind", Cell::text(kind)), ("domain", Cell::number(domain)), ("enabled", Cell::Flag(enabled))]
}

pub(super) fn slit(table: Table<'_>, decoded: &mut Decoded) -> Result<(), AcpiError> {
    let slit = Slit::from_table(table)?;
    let rows = slit.rows().zip(0_u64..).map(|(row, from)| {
        let to = row.iter().map(|distance| u64::from(*distance)).collect();
        vec![("from", Cell::Number(from)), ("to", Cell::Numbers(to))]
    });
    decoded.section("distances", rows.collect());
    if slit.padding() > 0 {
        decoded.note(format!(
            "{} bytes follow the matrix of {} localities; Linux ignores them",
            slit.padding(),
            slit.localities()
        ));
    }
    if let Some(error) = slit.invalid_distance() {
        decoded.note(format!("{error}: Linux ignores the whole table (SLIT table looks invalid. Not used.)"));
    }
    Ok(())
}

pub(super) fn msct(table: Table<'_>, decoded: &mut Decoded) -> Result<(), AcpiError> {
    let msct = Msct::from_table(table)?;
    decoded.facts.push(("last domain", Cell::number(msct.last_domain)));
    decoded.facts.push(("last address", Cell::Hex(msct.last_address)));
    let rows = sound(msct.entries(), decoded).into_iter().map(|entry| {
        vec![
            ("first_domain", Cell::number(entry.first)),
            ("last_domain", Cell::number(entry.last)),
            ("processors", Cell::number(entry.processors)),
            ("memory", Cell::Size(Some(entry.memory))),
        ]
    });
    let rows = rows.collect();
    decoded.section("maxima", rows);
    Ok(())
}
