//! CPU lists in the format sysfs prints.

/// The number of CPUs in a list such as `0-3,8`; `None` if the list is malformed.
pub(crate) fn count(text: &str) -> Option<u64> {
    let range = |range: &str| -> Option<u64> {
        let (lowest, highest) = range.split_once('-').unwrap_or((range, range));
        let (lowest, highest): (u64, u64) = (lowest.trim().parse().ok()?, highest.trim().parse().ok()?);
        highest.checked_sub(lowest)?.checked_add(1)
    };
    text.split(',').try_fold(0_u64, |sum, part| sum.checked_add(range(part)?))
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn a_list_holds_only_ranges_and_single_cpus() {
        assert_eq!((count("0"), count("0-3,8"), count("0-3,8-9")), (Some(1), Some(5), Some(6)));
        assert_eq!(
            (count(""), count("3-1"), count("0-x"), count("0-18446744073709551615")),
            (None, None, None, None)
        );
    }
}
