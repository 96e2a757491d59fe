//! The HMAT: how fast memory is.

use firmware::acpi::{AcpiError, Table};
use firmware::hmat::{DataType, Entry, Hmat, Performance, SystemLocality};

use super::super::decoded::{Cell, Decoded, Row};
use super::{other, sound};

/// A damaged header may announce more pairs than anyone wants to read.
const MOST_PAIRS: usize = 1 << 16;

pub(super) fn decode(table: Table<'_>, decoded: &mut Decoded) -> Result<(), AcpiError> {
    let entries = sound(Hmat::from_table(table)?.entries(), decoded);
    let (mut domains, mut performance, mut caches) = (Vec::new(), Vec::new(), Vec::new());
    for entry in entries {
        match entry {
            Entry::MemoryProximityDomain(entry) => domains.push(vec![
                ("memory_domain", Cell::number(entry.memory_domain)),
                ("initiator_domain", Cell::Text(entry.initiator_domain.map(|domain| domain.to_string()))),
            ]),
            Entry::SystemLocality(matrix) => performance.extend(pairs(&matrix, table.revision())),
            Entry::MemorySideCache(cache) => caches.push(vec![
                ("memory_domain", Cell::number(cache.memory_domain)),
                ("level", Cell::number(cache.level())),
                ("size", Cell::Size(Some(cache.size))),
                ("line_size", Cell::number(cache.line_size())),
            ]),
            Entry::Other { offset, kind, len } => decoded.note(other(offset, kind, len)),
        }
    }
    decoded.section("proximity-domains", domains);
    decoded.section("performance", performance);
    decoded.section("caches", caches);
    Ok(())
}

fn pairs(matrix: &SystemLocality<'_>, revision: u8) -> Vec<Row> {
    let (what, is_latency) = match matrix.data_type {
        DataType::AccessLatency => ("access latency".to_owned(), true),
        DataType::ReadLatency => ("read latency".to_owned(), true),
        DataType::WriteLatency => ("write latency".to_owned(), true),
        DataType::AccessBandwidth => ("access bandwidth".to_owned(), false),
        DataType::ReadBandwidth => ("read bandwidth".to_owned(), false),
        DataType::WriteBandwidth => ("write bandwidth".to_owned(), false),
        DataType::Other(kind) => (format!("type {kind}"), false),
    };
    let unit = match (is_latency, revision) {
        (true, 2..) => "ps",
        // ACPI 6.2 had another unit.
        (true, _) => "of revision 1",
        (false, _) => "MB/s",
    };
    let initiators = matrix.initiators().enumerate();
    let all = initiators.flat_map(|(row, initiator)| {
        matrix.targets().enumerate().map(move |(column, target)| ((row, initiator), (column, target)))
    });
    all.take(MOST_PAIRS)
        .map(|((row, initiator), (column, target))| {
            let value = match matrix.performance(row, column) {
                Some(Performance::Value(value)) => format!("{value} {unit}"),
                Some(Performance::Unreachable) => "unreachable".to_owned(),
                Some(Performance::NotProvided) => "not given".to_owned(),
                None => "too large".to_owned(),
            };
            vec![
                ("what", Cell::text(&what)),
                ("hierarchy", Cell::number(matrix.flags & 0xf)),
                ("initiator", Cell::number(initiator)),
                ("target", Cell::number(target)),
                ("value", Cell::text(value)),
            ]
        })
        .collect()
}
