//! ZONE_MOVABLE at boot: `kernelcore=`, `movablecore=`, `movable_node`.

use crate::command_line::values::kstrto::has_word;
use crate::command_line::values::memparse::{memparse, number};
use crate::command_line::values::remark::Remarks;

const SOURCE: &str = "mm/mm_init.c:cmdline_parse_core (6.12)";

/// What the command line says about ZONE_MOVABLE. With [`Movable::movable_node`] and hot-pluggable memory, the kernel
/// ignores everything else; with [`Movable::mirror`] and mirrored memory, it ignores both amounts
/// (`mm/mm_init.c:find_zone_movable_pfns_for_nodes`, 6.12).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Movable {
    /// `movable_node`, with any value: hot-pluggable memory becomes movable.
    pub movable_node: bool,
    /// `kernelcore=mirror` was given at least once: memory that is not mirrored becomes movable. A later `kernelcore=`
    /// does not revert it.
    pub mirror: bool,
    /// `kernelcore=`: memory that stays usable for the kernel, over all nodes.
    pub kernelcore: Core,
    /// `movablecore=`: memory for movable pages only.
    pub movablecore: Core,
}

/// An amount of memory, or a share of it. The share counts unless it is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Core {
    /// Bytes, of which the kernel uses whole pages; 0 if not given.
    pub bytes: u64,
    /// Percent of all pages; 0 if not given. May exceed 100: the kernel warns, but uses it.
    pub percent: u64,
}

impl Core {
    /// The amount in pages, on a machine with `total_pages`; `page_size` is in bytes. 0 if nothing was requested.
    ///
    /// ```
    /// use machine::command_line::movable::Core;
    /// assert_eq!(Core { bytes: 0, percent: 30 }.pages(1000, 4096), 300);
    /// assert_eq!(Core { bytes: 8191, percent: 0 }.pages(1000, 4096), 1);
    /// ```
    pub fn pages(&self, total_pages: u64, page_size: u64) -> u64 {
        match self.percent {
            0 => self.bytes.checked_div(page_size).unwrap_or_default(),
            // Modulo 2^64, as in find_zone_movable_pfns_for_nodes.
            percent => total_pages.wrapping_mul(100).wrapping_mul(percent) / 10_000,
        }
    }

    /// The last value wins, but a percentage keeps an earlier amount, which counts if the percentage is 0.
    fn parse(&mut self, value: &str, remarks: &mut Remarks) {
        let (percent, rest) = number(value);
        if rest.starts_with('%') {
            self.percent = percent;
            if percent > 100 {
                remarks.say("the kernel warns of more than 100 %, and computes with it", SOURCE);
            }
            return;
        }
        let (bytes, rest) = memparse(value);
        *self = Self { bytes, percent: 0 };
        if rest.len() == value.len() {
            remarks.say("read as 0, which asks for nothing: expected a size, or N%", SOURCE);
        } else if !rest.is_empty() {
            remarks.say(format!("read as {bytes:#x}; `{rest}` is ignored"), SOURCE);
        }
    }
}

impl Movable {
    pub(super) fn kernelcore(&mut self, value: Option<&str>, remarks: &mut Remarks) {
        match value {
            // Observed on 6.12.117: an oops in parse_option_str before there is a console.
            None => remarks.fatal("the kernel reads a value that is not there, and dies", SOURCE),
            Some(value) if has_word(value, "mirror") => self.mirror = true,
            Some(value) => self.kernelcore.parse(value, remarks),
        }
    }

    pub(super) fn movablecore(&mut self, value: Option<&str>, remarks: &mut Remarks) {
        match value {
            None => remarks.say("refused: it needs a value", SOURCE),
            Some(value) => self.movablecore.parse(value, remarks),
        }
    }

    pub(super) fn node(&mut self, value: Option<&str>, remarks: &mut Remarks) {
        self.movable_node = true;
        if value.is_some() {
            let source = "mm/memory_hotplug.c:cmdline_parse_movable_node (6.12)";
            remarks.say("the value is not looked at: movable_node is on", source);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kernelcore(values: &[&str]) -> (Movable, usize) {
        let (mut movable, mut remarks) = (Movable::default(), Remarks::default());
        for value in values {
            movable.kernelcore(Some(value), &mut remarks);
        }
        (movable, remarks.list.len())
    }

    #[test]
    fn the_last_value_wins_but_0_percent_restores_the_amount() {
        let core = |values: &[&str]| kernelcore(values).0.kernelcore;
        assert_eq!(core(&["512M", "1G"]), Core { bytes: 1 << 30, percent: 0 });
        assert_eq!(core(&["30%", "1G"]), Core { bytes: 1 << 30, percent: 0 });
        // Both observed on 6.12.117: Movable starts at 0x20400000, and at 16 % of memory.
        assert_eq!(core(&["512M", "0%"]).pages(1 << 20, 4096), 512 << 8);
        assert_eq!(core(&["0x10%"]).percent, 16);
    }

    #[test]
    fn mirror_is_never_reverted() {
        assert!(kernelcore(&["mirror", "512M"]).0.mirror);
        assert!(kernelcore(&["x,mirror"]).0.mirror);
        assert!(!kernelcore(&["mirrored"]).0.mirror);
    }

    #[test]
    fn garbage_is_0_and_remarked_on() {
        assert_eq!(kernelcore(&["512M", "abc"]), (Movable::default(), 1));
        assert_eq!(kernelcore(&["150%"]).1, 1);
        let mut remarks = Remarks::default();
        Movable::default().kernelcore(None, &mut remarks);
        assert!(remarks.list[0].is_fatal);
        Movable::default().movablecore(None, &mut remarks);
        assert!(!remarks.list[1].is_fatal);
    }

    #[test]
    fn movable_node_cannot_be_turned_off() {
        let (mut movable, mut remarks) = (Movable::default(), Remarks::default());
        movable.node(Some("off"), &mut remarks);
        assert!(movable.movable_node && remarks.list.len() == 1);
    }

    proptest! {
        #[test]
        fn no_text_panics_the_parser(text in any::<String>(), total: u64, page_size: u64) {
            let (movable, _) = kernelcore(&[&text]);
            let _ = movable.kernelcore.pages(total, page_size);
        }
    }
}
