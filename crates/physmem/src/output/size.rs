//! Sizes for people.

/// A size for people, as lsmem prints it: at most one digit behind the point, `1G`, `639K`, `7.5M`.
pub(crate) fn human(bytes: u64) -> String {
    const UNITS: [(u32, &str); 6] = [(60, "E"), (50, "P"), (40, "T"), (30, "G"), (20, "M"), (10, "K")];
    for (shift, unit) in UNITS {
        let unit_size = 1_u64 << shift;
        // What would be rounded to 1024 of the unit below is one of this.
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
    fn sizes_keep_one_digit_behind_the_point_and_only_where_it_says_something() {
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
