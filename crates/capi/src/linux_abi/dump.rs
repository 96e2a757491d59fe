//! The tables as text, for `memblock=debug`.

use core::fmt;

use super::layout::{Record, Table};
use super::nid;

/// A table as `memblock_dump_all` prints it.
pub(super) struct Dump<'a>(pub(super) &'a Table);

impl fmt::Display for Dump<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(table) = self;
        writeln!(f, " {}.cnt  = {:#x}", table.name(), table.count())?;
        for (number, record) in table.records().iter().enumerate() {
            let Record { base, size, flags, nid } = *record;
            let last = record.end().saturating_sub(1);
            write!(f, " {}[{number:#x}]\t[{base:#018x}-{last:#018x}], {size:#018x} bytes", table.name())?;
            if nid::is_valid(nid) {
                write!(f, " on node {nid}")?;
            }
            writeln!(f, " flags: {flags:#x}")?;
        }
        Ok(())
    }
}
