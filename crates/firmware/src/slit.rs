//! The System Locality Information Table: the distances between nodes.
//!
//! Source: ACPI 6.5 section 5.2.17.

use zerocopy::little_endian::U64;

use crate::acpi::{AcpiError, HEADER_SIZE, Table};

/// The distance of a locality to itself; other distances are relative to it.
pub const LOCAL_DISTANCE: u8 = 10;

/// The distance that means "unreachable".
pub const UNREACHABLE: u8 = 255;

const MATRIX: usize = HEADER_SIZE + 8;

/// A System Locality Information Table.
///
/// Holding one proves that the matrix is complete: `distance(from, to)` returns a value for every pair below
/// [`localities`](Slit::localities). The distances themselves are not checked here; Linux discards the table
/// for those that [`invalid_distance`](Slit::invalid_distance) finds.
///
/// ```
/// // bytes: /sys/firmware/acpi/tables/SLIT of a machine with four nodes
/// # let bytes = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/x86-numa4.SLIT"));
/// let slit = firmware::slit::Slit::new(bytes)?;
/// assert_eq!(slit.row(0), Some(&[10, 21, 31, 41][..]));
/// assert_eq!(slit.distance(3, 0), Some(41));
/// # Ok::<(), firmware::acpi::AcpiError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slit<'a> {
    table: Table<'a>,
    localities: usize,
    matrix: &'a [u8],
}

impl<'a> Slit<'a> {
    /// Checks the table at the start of `bytes`, checksum included.
    ///
    /// # Errors
    ///
    /// Those of [`Table::new`], [`AcpiError::Truncated`] if the count is missing, and [`AcpiError::Value`] if
    /// the table is too short for its matrix. Bytes after the matrix are ignored, see
    /// [`padding`](Slit::padding).
    pub fn new(bytes: &'a [u8]) -> Result<Self, AcpiError> {
        Self::from_table(Table::new(bytes, *b"SLIT")?)
    }

    /// The same for a table with an already checked header.
    ///
    /// # Errors
    ///
    /// As [`Slit::new`], and [`AcpiError::Signature`] for a different table.
    pub fn from_table(table: Table<'a>) -> Result<Self, AcpiError> {
        let table = table.expect_signature(*b"SLIT")?;
        let count = table.view::<U64>(HEADER_SIZE, "SLIT locality count")?.get();
        let rest = table.bytes().get(MATRIX..).unwrap_or(&[]);
        let square = |n: usize| Some((n, rest.get(..n.checked_mul(n)?)?));
        let (localities, matrix) = usize::try_from(count).ok().and_then(square).ok_or(AcpiError::Value {
            what: "SLIT locality count",
            offset: HEADER_SIZE,
            value: count,
            expected: "a number whose square is at most the length of the matrix",
        })?;
        Ok(Self { table, localities, matrix })
    }

    /// The table's header.
    pub const fn table(&self) -> &Table<'a> {
        &self.table
    }

    /// Bytes of the table after the matrix. The specification has none, but boards that leave room for more
    /// sockets than they have are common. Linux reads the square of the count and ignores the rest
    /// (`drivers/acpi/numa/srat.c:acpi_numa_slit_init`, 6.12).
    pub const fn padding(&self) -> usize {
        self.table.bytes().len().saturating_sub(MATRIX).saturating_sub(self.matrix.len())
    }

    /// The first distance that makes Linux ignore the whole table, or `None` if it uses the table: one that
    /// is not 10 on the diagonal, or not larger than 10 elsewhere (`drivers/acpi/numa/srat.c:slit_valid`,
    /// 6.12).
    pub fn invalid_distance(&self) -> Option<AcpiError> {
        let columns = self.localities;
        self.matrix.iter().enumerate().find_map(|(at, distance)| {
            let is_diagonal = at.checked_div(columns) == at.checked_rem(columns);
            let expected = match is_diagonal {
                true if *distance != LOCAL_DISTANCE => "10, a locality's distance to itself",
                false if *distance <= LOCAL_DISTANCE => "more than 10, the distance to itself",
                _ => return None,
            };
            Some(AcpiError::Value {
                what: "SLIT distance",
                offset: MATRIX.saturating_add(at),
                value: u64::from(*distance),
                expected,
            })
        })
    }

    /// Number of localities, which are the proximity domains starting at 0.
    pub const fn localities(&self) -> usize {
        self.localities
    }

    /// Relative distance from one locality to another, or `None` if either is not in the table.
    pub fn distance(&self, from: usize, to: usize) -> Option<u8> {
        self.row(from)?.get(to).copied()
    }

    /// The distances from one locality to all localities, or `None` if it is not in the table.
    pub fn row(&self, from: usize) -> Option<&'a [u8]> {
        let start = from.checked_mul(self.localities)?;
        if from >= self.localities {
            return None;
        }
        self.matrix.get(start..start.checked_add(self.localities)?)
    }

    /// All rows in order.
    pub fn rows(&self) -> impl Iterator<Item = &'a [u8]> + 'a {
        let slit = *self;
        (0..slit.localities).map_while(move |from| slit.row(from))
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;
    use crate::acpi::test_table;

    const NUMA4: &[u8] = include_bytes!("../tests/data/x86-numa4.SLIT");

    fn table(count: u64, matrix: &[u8]) -> Vec<u8> {
        let mut body = count.to_le_bytes().to_vec();
        body.extend_from_slice(matrix);
        test_table(*b"SLIT", 1, &body)
    }

    #[test]
    fn the_distances_of_a_real_machine_are_those_that_linux_shows() {
        // x86/numa4: /sys/devices/system/node/node*/distance.
        let slit = Slit::new(NUMA4).unwrap();
        let rows: Vec<_> = slit.rows().collect();
        assert_eq!(rows, [[10, 21, 31, 41], [21, 10, 21, 31], [31, 21, 10, 21], [41, 31, 21, 10]]);
        assert_eq!(slit.distance(3, 1), Some(31));
        assert_eq!((slit.distance(4, 0), slit.distance(0, 4)), (None, None));
    }

    #[test]
    fn a_table_with_room_for_more_localities_ends_where_its_count_says() {
        let mut matrix = [0; 64];
        matrix[..4].copy_from_slice(&[10, 20, 20, 10]);
        let table = table(2, &matrix);
        let slit = Slit::new(&table).unwrap();
        assert_eq!((slit.localities(), slit.padding()), (2, 60));
        assert_eq!(slit.rows().collect::<Vec<_>>(), [[10, 20], [20, 10]]);
        assert_eq!((slit.distance(0, 2), slit.invalid_distance()), (None, None));
    }

    #[test]
    fn the_distance_for_which_linux_ignores_the_table_is_named() {
        for (matrix, offset) in [([10, 20, 20, 11], 47), ([10, 10, 20, 10], 45), ([0, 20, 20, 10], 44)] {
            let table = table(2, &matrix);
            assert_eq!(Slit::new(&table).unwrap().invalid_distance().map(|e| e.offset()), Some(offset));
        }
        assert_eq!(Slit::new(NUMA4).unwrap().invalid_distance(), None);
    }

    #[test]
    fn a_count_too_large_for_the_table_is_refused_however_large() {
        for count in [3, 5, 1 << 16, 1 << 32, u64::MAX] {
            let error = Slit::new(&table(count, &[10; 4])).unwrap_err();
            assert!(matches!(error, AcpiError::Value { offset: 36, value, .. } if value == count), "{error}");
        }
        assert!(Slit::new(&table(2, &[10; 4])).is_ok());
    }

    #[test]
    fn a_table_without_localities_is_a_table_without_rows() {
        let empty = table(0, &[]);
        let slit = Slit::new(&empty).unwrap();
        assert_eq!((slit.rows().count(), slit.row(0), slit.distance(0, 0)), (0, None, None));
    }

    #[test]
    fn a_table_cut_anywhere_is_an_error() {
        for len in 0..NUMA4.len() {
            assert!(Slit::new(&NUMA4[..len]).is_err(), "{len} bytes");
        }
    }

    proptest! {
        #[test]
        fn every_accepted_table_has_a_distance_for_every_pair(
            count in 0u64..12,
            matrix in prop::collection::vec(any::<u8>(), 0..130),
        ) {
            if let Ok(slit) = Slit::new(&table(count, &matrix)) {
                let n = slit.localities();
                prop_assert!((0..n).all(|a| (0..n).all(|b| slit.distance(a, b).is_some())));
                prop_assert_eq!(slit.rows().flatten().count(), n * n);
                prop_assert_eq!(slit.padding(), matrix.len() - n * n);
                let _ = slit.invalid_distance();
            }
        }
    }
}
