//! What a load has to work with: the same however large the initial ramdisk is.

use machine::Machine;
use memblock::PhysRange;
use rules::Rules;

use crate::dump::header::{CrashKernel, HeaderSize};
use crate::request::Request;

/// What a load has to work with.
#[derive(Clone, Debug)]
pub(crate) struct LoadContext<'a> {
    pub(crate) machine: &'a Machine,
    pub(crate) request: &'a Request<'a>,
    pub(crate) rules: &'a Rules,
    /// Where places are searched.
    pub(crate) space: SearchSpace,
    /// For a load for crashes.
    pub(crate) crash: Option<CrashLoad>,
}

/// The ranges that are searched.
#[derive(Clone, Debug)]
pub(crate) struct SearchSpace {
    /// Ascending, but for `in_order`.
    pub(crate) ranges: Vec<PhysRange>,
    /// Bytes of the largest of them: what is larger needs no search.
    pub(crate) largest: u64,
    /// Whether the order of the ranges is that of the search, whatever its direction: the scratch areas of kexec
    /// handover.
    pub(crate) in_order: bool,
    /// Bytes in a page.
    pub(crate) page: u64,
}

/// What only a load for crashes has.
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
        Self { ranges, largest, in_order: false, page }
    }
}
