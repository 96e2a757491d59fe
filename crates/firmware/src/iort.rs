//! Arm's I/O Remapping Table: which addresses devices can reach.
//!
//! Source: Arm DEN0049, "IO Remapping Table", issue E.

use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, KnownLayout, Unaligned};

use crate::acpi::{AcpiError, HEADER_SIZE, Table};

/// The start of every node.
#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireNode {
    kind: u8,
    length: U16,
    revision: u8,
    _identifier: U32,
    _mappings: U32,
    _mappings_at: U32,
}

/// Where the nodes are.
#[derive(FromBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct WireNodes {
    count: U32,
    offset: U32,
}

const NAMED_COMPONENT: u8 = 1;
const ROOT_COMPLEX: u8 = 2;
/// Offset of the number of address bits in a named component.
const NAMED_COMPONENT_BITS: usize = 28;
/// The same in a PCI root complex, from revision 1.
const ROOT_COMPLEX_BITS: usize = 32;

/// An I/O Remapping Table.
///
/// ```
/// // bytes: /sys/firmware/acpi/tables/IORT of a virtual machine with devices that reach everything
/// # let bytes = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/arm64-acpi.IORT"));
/// let iort = firmware::iort::Iort::new(bytes)?;
/// assert_eq!(iort.address_bits().collect::<Vec<_>>(), [64]);
/// assert_eq!(iort.last_address(), None);
/// # Ok::<(), firmware::acpi::AcpiError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Iort<'a> {
    table: Table<'a>,
    count: u32,
    first: usize,
}

impl<'a> Iort<'a> {
    /// Checks the table at the start of `bytes`, checksum included.
    ///
    /// # Errors
    ///
    /// Those of [`Table::new`], and [`AcpiError::Truncated`] if the number of nodes is missing.
    pub fn new(bytes: &'a [u8]) -> Result<Self, AcpiError> {
        let table = Table::new(bytes, *b"IORT")?;
        let nodes: &WireNodes = table.view(HEADER_SIZE, "IORT nodes")?;
        let first = usize::try_from(nodes.offset.get()).unwrap_or(usize::MAX);
        Ok(Self { table, count: nodes.count.get(), first })
    }

    /// The number of address bits of devices and PCI root complexes, in the table's order. 0 means
    /// unspecified and is left out. Ends at a node that does not fit the table.
    pub fn address_bits(&self) -> impl Iterator<Item = u8> + 'a {
        let bytes = self.table.bytes();
        let mut at = self.first;
        let table = self.table;
        (0..self.count)
            .map_while(move |_| {
                let node: &WireNode = table.view(at, "IORT node").ok()?;
                let length = usize::from(node.length.get());
                let end = at.checked_add(length).filter(|_| length >= size_of::<WireNode>())?;
                let body = bytes.get(at..end)?;
                at = end;
                Some(match node.kind {
                    NAMED_COMPONENT => body.get(NAMED_COMPONENT_BITS).copied(),
                    ROOT_COMPLEX if node.revision >= 1 => body.get(ROOT_COMPLEX_BITS).copied(),
                    _ => None,
                })
            })
            .flatten()
            .filter(|bits| *bits > 0)
    }

    /// The last address that all devices reach; `None` if none is limited
    /// (`drivers/acpi/arm64/iort.c:acpi_iort_dma_get_max_cpu_address`, Linux 6.12).
    pub fn last_address(&self) -> Option<u64> {
        let bits = self.address_bits().min().filter(|bits| *bits < 64)?;
        Some((1u64 << bits).wrapping_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    const REAL: &[u8] = include_bytes!("../tests/data/arm64-acpi.IORT");

    fn table(nodes: &[&[u8]]) -> Vec<u8> {
        let mut bytes = REAL[..HEADER_SIZE].to_vec();
        bytes.extend(u32::try_from(nodes.len()).unwrap().to_le_bytes());
        bytes.extend(48u32.to_le_bytes());
        bytes.extend([0; 4]);
        bytes.extend(nodes.concat());
        let len = u32::try_from(bytes.len()).unwrap();
        bytes[4..8].copy_from_slice(&len.to_le_bytes());
        bytes[9] = 0;
        let sum = bytes.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
        bytes[9] = sum.wrapping_neg();
        bytes
    }

    fn node(kind: u8, revision: u8, bits_at: usize, bits: u8) -> Vec<u8> {
        let mut node = std::vec![0; 40];
        (node[0], node[1], node[3], node[bits_at]) = (kind, 40, revision, bits);
        node
    }

    #[test]
    fn the_device_with_the_fewest_bits_sets_the_limit() {
        let bytes =
            table(&[&node(2, 1, 32, 40), &node(1, 0, 28, 30), &node(0, 0, 28, 20), &node(1, 0, 28, 0)]);
        let iort = Iort::new(&bytes).unwrap();
        assert_eq!(iort.address_bits().collect::<Vec<_>>(), [40, 30]);
        assert_eq!(iort.last_address(), Some(0x3fff_ffff));
    }

    #[test]
    fn an_old_root_complex_sets_no_limit() {
        let bytes = table(&[&node(2, 0, 32, 32)]);
        assert_eq!(Iort::new(&bytes).unwrap().last_address(), None);
    }

    #[test]
    fn a_node_that_does_not_fit_ends_the_walk() {
        for length in [0, 15, 41] {
            let mut bad = node(1, 0, 28, 24);
            bad[1] = length;
            let bytes = table(&[&node(1, 0, 28, 36), &bad]);
            assert_eq!(Iort::new(&bytes).unwrap().address_bits().collect::<Vec<_>>(), [36], "{length}");
        }
    }

    #[test]
    fn a_table_cut_anywhere_is_an_error() {
        for len in 0..REAL.len() {
            assert!(Iort::new(&REAL[..len]).is_err(), "{len}");
        }
    }
}
