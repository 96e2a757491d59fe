//! What a load works with, whatever the size of the initial ramdisk.

use machine::Machine;
use memblock::PhysRange;
use rules::Rules;

use crate::dump::header::{CrashKernel, HeaderSize};
use crate::request::Request;

/// What a load works with.
#[derive(Clone, Debug)]
pub(crate) struct LoadContext<'a> {
    pub(crate) machine: &'a Machine,
    pub(crate) request: &'a Request<'a>,
    pub(crate) rules: &'a Rules,
    /// The ranges to search.
    pub(crate) space: SearchSpace,
    /// Only for a crash load.
    pub(crate) crash: Option<CrashLoad>,
}

/// The ranges that are searched.
#[derive(Clone, Debug)]
pub(crate) struct SearchSpace {
    /// Ascending, unless `in_order` is set.
    pub(crate) ranges: Vec<PhysRange>,
    /// Bytes of the largest range: anything larger needs no search.
    pub(crate) largest: u64,
    /// Whether the ranges are searched in this order, whatever the direction: kexec handover's scratch areas, and all
    /// ranges in kernels that do not search from the top.
    pub(crate) in_order: bool,
    /// Whether a search from the top passes over the last page of a range.
    pub(crate) skips_last_page: bool,
    /// Entries in the list of kexec handover's scratch areas, which is a segment; `None` without one.
    pub(crate) scratch_list: Option<u64>,
    /// The contiguous area that is tried before the ranges.
    pub(crate) contiguous: Option<Contiguous>,
    /// Bytes in a page.
    pub(crate) page: u64,
}

/// A contiguous memory area (CMA): segments go to its lowest free place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Contiguous {
    /// What is free of it, as far as that is known: its end.
    pub(crate) free: PhysRange,
    /// The area aligns to at most this many bytes, whatever is asked for.
    pub(crate) alignment: u64,
}

/// What only a crash load has.
#[derive(Clone, Debug)]
pub(crate) struct CrashLoad {
    pub(crate) kernel: CrashKernel,
    /// What the dump contains.
    pub(crate) vmcore: Vec<PhysRange>,
    /// The size of the crash header.
    pub(crate) header: HeaderSize,
}

impl SearchSpace {
    pub(crate) fn new(ranges: Vec<PhysRange>, page: u64) -> Self {
        let largest = ranges.iter().map(|range| range.size()).max().unwrap_or(0);
        Self {
            ranges,
            largest,
            in_order: false,
            skips_last_page: false,
            scratch_list: None,
            contiguous: None,
            page,
        }
    }
}
