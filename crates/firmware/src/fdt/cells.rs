//! Addresses and sizes in cells. Nodes specify how many cells each takes.

use memblock::PhysRange;

use super::error::FdtError;
use super::tree::{Node, Property};
use crate::bytes::big_endian;

/// Number of 32-bit cells in an address and in a size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cells {
    pub(super) address: usize,
    pub(super) size: usize,
}

impl Cells {
    /// The `#address-cells` and `#size-cells` of `node`, for its children. Missing ones come from `default`.
    pub(super) fn of(node: &Node<'_>, default: Self) -> Result<Self, FdtError> {
        let read = |name, what, default, least| match node.property(name) {
            None => Ok(default),
            Some(property) => match property.u32(what)? {
                cells @ 0..=2 if cells >= least => Ok(cells as usize),
                cells => Err(FdtError::Value {
                    what,
                    offset: property.offset,
                    value: u64::from(cells),
                    expected: "a number of cells that fit 64 bits",
                }),
            },
        };
        Ok(Self {
            address: read(b"#address-cells", "#address-cells", default.address, 1)?,
            size: read(b"#size-cells", "#size-cells", default.size, 0)?,
        })
    }

    /// Bytes of one address and size.
    pub(super) const fn pair(self) -> usize {
        (self.address + self.size) * 4
    }
}

/// Iterator over the address and size pairs of one property.
///
/// A pair that is not a range yields [`FdtError::Range`] in its place. Bytes left over at the end yield
/// [`FdtError::Length`].
#[derive(Clone, Debug)]
pub struct Ranges<'a> {
    rest: &'a [u8],
    offset: usize,
    cells: Cells,
    what: &'static str,
}

impl<'a> Ranges<'a> {
    pub(super) fn new(property: Option<Property<'a>>, cells: Cells, what: &'static str) -> Self {
        let (rest, offset) = property.map_or((&[][..], 0), |property| (property.value, property.offset));
        Self { rest, offset, cells, what }
    }
}

impl Iterator for Ranges<'_> {
    type Item = Result<PhysRange, FdtError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let offset = self.offset;
        let Some((pair, rest)) = self.rest.split_at_checked(self.cells.pair()) else {
            let len = self.rest.len();
            self.rest = &[];
            let expected = "a whole number of addresses and sizes";
            return Some(Err(FdtError::Length { what: self.what, offset, len, expected }));
        };
        self.rest = rest;
        self.offset = offset.saturating_add(pair.len());
        let (address, size) = pair.split_at_checked(self.cells.address * 4).unwrap_or((pair, &[]));
        Some(PhysRange::from_size(big_endian(address), big_endian(size)).map_err(|source| FdtError::Range {
            what: self.what,
            offset,
            source,
        }))
    }
}

impl core::iter::FusedIterator for Ranges<'_> {}
