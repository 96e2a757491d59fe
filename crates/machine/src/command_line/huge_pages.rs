//! Huge pages allocated at boot: `hugepages=`, `hugepagesz=`, `default_hugepagesz=`.

use crate::command_line::values::memparse::memparse;
use crate::command_line::values::remark::Remarks;

const SOURCE: &str = "mm/hugetlb.c:hugepages_setup, hugepagesz_setup, default_hugepagesz_setup (6.12)";

/// What the command line says about huge pages. Whether the processor supports a size is not checked here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HugePages {
    /// `default_hugepagesz=`, in bytes.
    pub default_size: Option<u64>,
    /// Each `hugepages=`, in order, with the preceding `hugepagesz=`.
    pub pools: Vec<Pool>,
}

/// One `hugepages=`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Page size in bytes; `None` for the default size.
    pub size: Option<u64>,
    /// As written: a number of pages, or `NODE:NUMBER[,...]`.
    pub count: String,
}

impl HugePages {
    /// `size` is the preceding `hugepagesz=`, which this parameter consumes.
    pub(super) fn pool(&mut self, value: Option<&str>, size: &mut Option<u64>, remarks: &mut Remarks) {
        match value {
            Some(count) if count.starts_with(|c: char| c.is_ascii_digit()) => {
                self.pools.push(Pool { size: size.take(), count: count.to_owned() });
            }
            _ => remarks.say("ignored: `Invalid hugepages parameter`", SOURCE),
        }
    }

    pub(super) fn page_size(value: Option<&str>, remarks: &mut Remarks) -> Option<u64> {
        let size = value.map(|value| memparse(value).0).filter(|size| size.is_power_of_two());
        if size.is_none() {
            remarks.say("ignored: not the size of a huge page", SOURCE);
        }
        size
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_uses_the_preceding_size() {
        let (mut pages, mut remarks) = (HugePages::default(), Remarks::default());
        let mut size = HugePages::page_size(Some("1G"), &mut remarks);
        pages.pool(Some("2"), &mut size, &mut remarks);
        pages.pool(Some("0:3,1:4"), &mut size, &mut remarks);
        let pool = |size, count: &str| Pool { size, count: count.into() };
        assert_eq!(pages.pools, [pool(Some(1 << 30), "2"), pool(None, "0:3,1:4")]);
        assert!(remarks.list.is_empty());
        pages.pool(Some("x"), &mut size, &mut remarks);
        assert_eq!(HugePages::page_size(Some("3M"), &mut remarks), None);
        assert_eq!(remarks.list.len(), 2);
    }
}
