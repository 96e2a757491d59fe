//! The ACPI tables about nodes, as far as the kernel uses them.

use std::collections::BTreeMap;

use firmware::acpi::Table;
use firmware::slit::Slit;
use firmware::srat::{self, Srat};
use memblock::PhysRange;

/// The content of the ACPI tables SRAT and SLIT.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NumaTables {
    /// Whether there is an SRAT.
    pub has_srat: bool,
    /// The proximity domains of CPUs and generic initiators, in table order.
    pub initiators: Vec<u32>,
    /// Memory, in table order.
    pub memory: Vec<MemoryAffinity>,
    /// Distances, from row to column; empty if there is no SLIT.
    pub distances: Vec<Vec<u8>>,
}

/// An address range that the SRAT assigns to a proximity domain; it need not be RAM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryAffinity {
    /// The proximity domain.
    pub domain: u32,
    /// The addresses.
    pub range: PhysRange,
    /// Whether memory there can be unplugged.
    pub hot_pluggable: bool,
}

impl NumaTables {
    /// Reads an SRAT as the kernel does: disabled and empty entries are ignored, and so is a wrong checksum, of which
    /// the kernel only warns (`drivers/acpi/acpica/tbprint.c:acpi_tb_verify_checksum`). Returns the sum of all bytes:
    /// 0 if the checksum is right.
    ///
    /// # Errors
    ///
    /// [`AcpiError`](firmware::acpi::AcpiError) if the table is malformed.
    pub fn read_srat(&mut self, bytes: &[u8]) -> Result<u8, firmware::acpi::AcpiError> {
        let (mut initiators, mut memory) = (Vec::new(), Vec::new());
        let table = Table::without_checksum(bytes, *b"SRAT")?;
        for entry in Srat::from_table(table)?.entries() {
            match entry? {
                srat::Entry::Processor(cpu) if cpu.enabled => initiators.push(cpu.domain),
                srat::Entry::GenericInitiator(device) if device.enabled => initiators.push(device.domain),
                srat::Entry::Memory(affinity) if affinity.enabled => {
                    memory.extend(affinity.range.map(|range| MemoryAffinity {
                        domain: affinity.domain,
                        range,
                        hot_pluggable: affinity.hot_pluggable,
                    }));
                }
                _ => {}
            }
        }
        *self = Self { has_srat: true, initiators, memory, ..std::mem::take(self) };
        Ok(table.sum())
    }

    /// Reads a SLIT; the checksum is treated, and its sum returned, as by [`read_srat`](Self::read_srat).
    ///
    /// # Errors
    ///
    /// [`AcpiError`](firmware::acpi::AcpiError) if the table is malformed.
    pub fn read_slit(&mut self, bytes: &[u8]) -> Result<u8, firmware::acpi::AcpiError> {
        let table = Table::without_checksum(bytes, *b"SLIT")?;
        self.distances = Slit::from_table(table)?.rows().map(<[u8]>::to_vec).collect();
        Ok(table.sum())
    }

    /// The node of each proximity domain: numbered in order of first appearance, with CPUs and initiators first
    /// (drivers/acpi/numa/srat.c:acpi_numa_init, acpi_map_pxm_to_node, 6.12).
    pub(crate) fn nodes(&self) -> BTreeMap<u32, u32> {
        let mut nodes = BTreeMap::new();
        for domain in self.initiators.iter().copied().chain(self.memory.iter().map(|memory| memory.domain)) {
            let next = u32::try_from(nodes.len()).unwrap_or(u32::MAX);
            nodes.entry(domain).or_insert(next);
        }
        nodes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_numbered_by_first_appearance_with_processors_first() {
        let memory =
            |domain| MemoryAffinity { domain, range: PhysRange::new(0, 1).unwrap(), hot_pluggable: false };
        let tables = NumaTables {
            initiators: vec![7, 3, 7],
            memory: vec![memory(1), memory(3)],
            ..NumaTables::default()
        };
        assert_eq!(tables.nodes(), BTreeMap::from([(7, 0), (3, 1), (1, 2)]));
    }
}
