//! The addresses the firmware marks as hot-pluggable.

use firmware::acpi::Table;
use firmware::fdt::Fdt;
use firmware::srat::Srat;
use memblock::PhysRange;
use rules::MapHandedOn;

use crate::now::kernel::Kernel;
use crate::range_set::RangeSet;
use evidence::{Evidence, Source, Unknown};

/// The addresses the firmware marks as hot-pluggable: enabled SRAT memory entries with the hot-pluggable bit, and
/// device tree memory nodes with the `hotpluggable` property.
///
/// This is only what the firmware says. Whether memblock ever had HOTPLUG there is a separate question: a kernel
/// ignores the SRAT with `numa=off`, and ignores the device tree property if it booted via EFI.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hotpluggable {
    /// The addresses.
    pub ranges: RangeSet,
    /// The human-readable source: `ACPI SRAT`, `device tree`, `ACPI SRAT (kernel log)`.
    pub source: &'static str,
}

impl Hotpluggable {
    pub(crate) fn of(evidence: &Evidence, kernel: &Kernel, unknown: &mut Vec<Unknown>) -> Self {
        let srat = evidence.acpi_tables.get("SRAT").unwrap_or(&Source::Missing);
        if let Some(bytes) = srat.read() {
            match from_srat(&bytes.0) {
                Ok(ranges) => return Self { ranges, source: "ACPI SRAT" },
                Err(error) => unknown.push(Unknown::new(
                    "/sys/firmware/acpi/tables/SRAT",
                    &format!("/sys/firmware/acpi/tables/SRAT: {error}"),
                    "hot-pluggable memory is told from the kernel log's SRAT lines, if it has any",
                )),
            }
        }
        let from_log = from_log(evidence);
        if !from_log.is_empty() {
            return Self { ranges: from_log, source: "ACPI SRAT (kernel log)" };
        }
        if let Source::Unreadable { .. } = srat {
            unknown.extend(Unknown::from_source(
                "/sys/firmware/acpi/tables/SRAT",
                srat,
                "boot memory that the firmware calls hot-pluggable is shown as plain boot memory",
            ));
        }
        if srat.read().is_none()
            && evidence.device_tree.read().is_none()
            && kernel.facts.map_handed_on == MapHandedOn::BootFirmware
        {
            unknown.extend(Unknown::from_source(
                "/sys/firmware/fdt",
                &evidence.device_tree,
                "boot memory that the device tree calls hot-pluggable is shown as plain boot memory",
            ));
        }
        Self { ranges: from_device_tree(evidence), source: "device tree" }
    }
}

fn from_srat(bytes: &[u8]) -> Result<RangeSet, firmware::acpi::AcpiError> {
    let mut ranges = Vec::new();
    // Linux only warns about a wrong checksum.
    for entry in Srat::from_table(Table::without_checksum(bytes, *b"SRAT")?)?.memory() {
        let entry = entry?;
        ranges.extend(entry.range.filter(|_| entry.enabled && entry.hot_pluggable));
    }
    Ok(ranges.into_iter().collect())
}

fn from_log(evidence: &Evidence) -> RangeSet {
    let lines = evidence.log.read().into_iter().flat_map(|log| &log.srat);
    lines.filter(|line| line.hotplug).map(|line| line.range).collect()
}

fn from_device_tree(evidence: &Evidence) -> RangeSet {
    let nodes = |bytes| -> Option<Vec<PhysRange>> {
        let memory = Fdt::new(bytes).ok()?.memory().ok()?.filter_map(Result::ok);
        Some(memory.filter(|m| m.enabled && m.hotpluggable).map(|m| m.range).collect())
    };
    let bytes = evidence.device_tree.read().map_or(&[][..], |bytes| &bytes.0);
    nodes(bytes).unwrap_or_default().into_iter().collect()
}

#[cfg(test)]
mod tests {

    use evidence::Snapshot;

    use super::*;

    fn of(snapshot: &Snapshot, unknown: &mut Vec<Unknown>) -> Hotpluggable {
        let kernel = Kernel {
            release: None,
            architecture: None,
            command_line: String::new(),
            facts: rules::KernelFacts::default(),
            page_size: 4096,
        };
        Hotpluggable::of(&snapshot.into(), &kernel, unknown)
    }

    #[test]
    fn the_log_is_used_if_the_table_cannot_be_read() {
        let log = "ACPI: SRAT: Node 0 PXM 0 [mem 0x00000000-0x7fffffff]\n\
                   ACPI: SRAT: Node 1 PXM 1 [mem 0x100000000-0x13fffffff] hotplug\n";
        let unreadable = Source::Unreadable { why: "denied".into(), for_lack_of_privilege: true };
        let mut snapshot = Snapshot { kernel_log: Source::Read(log.into()), ..Snapshot::default() };
        snapshot.acpi_tables.insert("SRAT".into(), unreadable);
        let mut unknown = Vec::new();
        let found = of(&snapshot, &mut unknown);
        assert_eq!(found.ranges.iter().map(PhysRange::start).collect::<Vec<_>>(), [0x1_0000_0000]);
        assert_eq!(unknown, []);

        snapshot.kernel_log = Source::Missing;
        assert!(of(&snapshot, &mut unknown).ranges.is_empty());
        assert_eq!(unknown.len(), 1);
    }

    #[test]
    fn a_broken_table_is_reported_with_its_offset() {
        let mut snapshot = Snapshot::default();
        snapshot.acpi_tables.insert("SRAT".into(), Source::Read(evidence::snapshot::Bytes(b"SRAT".to_vec())));
        let mut unknown = Vec::new();
        of(&snapshot, &mut unknown);
        assert!(unknown[0].why.starts_with("/sys/firmware/acpi/tables/SRAT: "), "{unknown:?}");
    }
}
