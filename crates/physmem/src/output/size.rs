//! Sizes for people.

/// A size as lsmem prints it: rounded, at most one decimal, `1G`, `639K`, `7.5M`.
///
/// Findings (`audit`) truncate instead, keep `.0` to show that a size is not whole, and stop at `G`; kexec's remedies
/// are always in MiB, the unit of `crashkernel=`. Findings are part of the JSON output and must not change.
pub(crate) fn human(bytes: u64) -> String {
    const UNITS: [(u32, &str); 6] = [(60, "E"), (50, "P"), (40, "T"), (30, "G"), (20, "M"), (10, "K")];
    for (shift, unit) in UNITS {
        let unit_size = 1_u64 << shift;
        // A size that would round to 1024 of the unit below is 1 of this unit.
        let rounded_up = (unit_size >> 10) / 20;
        if bytes.saturating_add(rounded_up) >= unit_size {
            // 128 bits: ten times an exbibyte does not fit 64.
            let tenths = (u128::from(bytes) * 10 + u128::from(unit_size) / 2) >> shift;
            return match tenths % 10 {
                0 => format!("{}{unit}", tenths / 10),
                tenth => format!("{}.{tenth}{unit}", tenths / 10),
            };
        }
    }
    format!("{bytes}B")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_keep_one_decimal_unless_it_is_zero() {
        assert_eq!(human(0), "0B");
        assert_eq!(human(1023), "1023B");
        assert_eq!(human(1024), "1K");
        assert_eq!(human(0x9f000 - 0x1000), "632K");
        assert_eq!(human(0x7fed_f000), "2G");
        assert_eq!(human(1_610_612_736), "1.5G");
        assert_eq!(human(u64::MAX), "16E");
        assert_eq!(human((1 << 30) - 0x1000), "1G");
        assert_eq!(human((1 << 30) - (1 << 20)), "1023M");
    }
}
