//! Contiguous memory areas: `cma=`, `cma_pernuma=`, `numa_cma=`, `hugetlb_cma=`.

use crate::command_line::values::memparse::{memparse, number};
use crate::command_line::values::remark::Remarks;

const SOURCE: &str = "kernel/dma/contiguous.c:early_cma (6.12)";
const NODES: &str = "mm/hugetlb.c:cmdline_parse_hugetlb_cma, kernel/dma/contiguous.c:early_numa_cma (6.12)";

/// What the command line says about contiguous memory areas. A kernel without CONFIG_CMA (such as Debian's for x86)
/// knows none of these parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cma {
    /// `cma=`: the default area; otherwise CONFIG_CMA_SIZE_* applies.
    pub default_area: Option<DefaultArea>,
    /// `cma_pernuma=`: bytes per area, one on each node with memory.
    pub per_numa: Option<u64>,
    /// `numa_cma=`: node and bytes, for DMA.
    pub numa: Vec<(u64, u64)>,
    /// `hugetlb_cma=`: areas for gigantic pages.
    pub hugetlb: Option<HugetlbCma>,
}

/// The default area for DMA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DefaultArea {
    /// Bytes; 0 for no area.
    pub size: u64,
    /// Lowest address; 0 if unspecified.
    pub base: u64,
    /// The area ends at or below this; 0 if no limit is given. If the limit is base plus size, the area goes exactly
    /// there or nowhere; the same applies to a base without a limit.
    pub limit: u64,
}

/// The size `hugetlb_cma=` requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HugetlbCma {
    /// Total bytes over all nodes with memory.
    Total(u64),
    /// Node and bytes.
    Nodes(Vec<(u64, u64)>),
}

impl Cma {
    pub(super) fn default_area(&mut self, value: Option<&str>, remarks: &mut Remarks) {
        let Some(value) = value else {
            return remarks.say("refused: `Config string not provided`", SOURCE);
        };
        let (size, rest) = memparse(value);
        if rest.len() == value.len() {
            remarks.say("read as 0: no default area", SOURCE);
        }
        let (base, rest) = rest.strip_prefix('@').map_or((0, None), |rest| {
            let (base, rest) = memparse(rest);
            (base, Some(rest))
        });
        let limit = match rest.map(|rest| rest.strip_prefix('-')) {
            Some(Some(limit)) => memparse(limit).0,
            Some(None) => base.wrapping_add(size),
            None => 0,
        };
        self.default_area = Some(DefaultArea { size, base, limit });
    }

    pub(super) fn per_numa(&mut self, value: Option<&str>, remarks: &mut Remarks) {
        match value {
            Some(value) => self.per_numa = Some(memparse(value).0),
            None => remarks.say("refused: it needs a value", SOURCE),
        }
    }

    pub(super) fn numa(&mut self, value: Option<&str>, remarks: &mut Remarks) {
        match node_sizes(value.unwrap_or_default()) {
            Some(sizes) => self.numa.extend(sizes),
            None => remarks.say("ignored: expected NODE:SIZE[,...]", NODES),
        }
    }

    pub(super) fn hugetlb(&mut self, value: Option<&str>, remarks: &mut Remarks) {
        let Some(value) = value else {
            return remarks.say("ignored: expected a size or NODE:SIZE[,...]", NODES);
        };
        let (size, rest) = memparse(value);
        self.hugetlb = match node_sizes(value) {
            Some(sizes) => Some(HugetlbCma::Nodes(sizes)),
            None if !rest.starts_with(':') && rest.len() < value.len() => Some(HugetlbCma::Total(size)),
            None => return remarks.say("ignored: expected a size or NODE:SIZE[,...]", NODES),
        };
    }
}

fn node_sizes(value: &str) -> Option<Vec<(u64, u64)>> {
    value
        .split(',')
        .map(|item| {
            let (node, size) = item.split_once(':')?;
            let is_number = !node.is_empty() && number(node).1.is_empty();
            is_number.then(|| (number(node).0, memparse(size).0))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn area(value: &str) -> DefaultArea {
        let mut cma = Cma::default();
        cma.default_area(Some(value), &mut Remarks::default());
        cma.default_area.unwrap()
    }

    #[test]
    fn an_area_may_have_an_address_and_a_limit() {
        let m = |size: u64| size << 20;
        assert_eq!(area("96M"), DefaultArea { size: m(96), base: 0, limit: 0 });
        assert_eq!(area("96M@1G"), DefaultArea { size: m(96), base: m(1024), limit: m(1120) });
        assert_eq!(
            area("96M@0x70000000-0x90000000"),
            DefaultArea { size: m(96), base: 0x7000_0000, limit: 0x9000_0000 }
        );
        assert_eq!(area("x"), DefaultArea { size: 0, base: 0, limit: 0 });
    }

    #[test]
    fn huge_page_areas_are_sized_in_total_or_per_node() {
        let (mut cma, mut remarks) = (Cma::default(), Remarks::default());
        cma.hugetlb(Some("0:256M,1:128M"), &mut remarks);
        assert_eq!(cma.hugetlb, Some(HugetlbCma::Nodes(vec![(0, 256 << 20), (1, 128 << 20)])));
        cma.hugetlb(Some("2G"), &mut remarks);
        assert_eq!(cma.hugetlb, Some(HugetlbCma::Total(2 << 30)));
        assert!(remarks.list.is_empty());
        cma.hugetlb(Some("x"), &mut remarks);
        assert_eq!(remarks.list.len(), 1);
    }

    proptest! {
        #[test]
        fn no_text_panics_the_parser(text in any::<String>()) {
            let (mut cma, mut remarks) = (Cma::default(), Remarks::default());
            cma.default_area(Some(&text), &mut remarks);
            cma.hugetlb(Some(&text), &mut remarks);
            cma.numa(Some(&text), &mut remarks);
        }
    }
}
