//! Kexec handover: `kho=` and `kho_scratch=` (6.16 and later).

use crate::command_line::values::kstrto::{kstrtobool, kstrtouint_decimal};
use crate::command_line::values::memparse::memparse;
use crate::command_line::values::remark::Remarks;
use crate::releases::Target;

const ENABLE: &str = "kernel/kexec_handover.c:kho_parse_enable (6.16)";
const SCRATCH: &str = "kernel/kexec_handover.c:kho_parse_scratch_size (6.16)";

/// What the command line says about kexec handover.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kho {
    /// The last valid `kho=`; `None` leaves it to `CONFIG_KEXEC_HANDOVER_ENABLE_DEFAULT`.
    pub is_enabled: Option<bool>,
    /// The last valid `kho_scratch=`; `None` is 200 %.
    pub scratch: Option<KhoScratch>,
}

/// The size of the scratch areas the next kernel boots in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KhoScratch {
    /// The same percentage, of the memory reserved at boot, for the low area, the global area and each node's area.
    Percent(u32),
    /// Bytes for each.
    Sizes {
        /// The area in low memory.
        low: u64,
        /// The area that may be anywhere.
        global: u64,
        /// The area on each node with memory.
        per_node: u64,
    },
}

impl Kho {
    pub(super) fn enable(&mut self, value: Option<&str>, target: &Target, remarks: &mut Remarks) {
        match value.and_then(|value| kstrtobool(value, target)) {
            Some(is_enabled) => self.is_enabled = Some(is_enabled),
            None => remarks.say("refused: expected 1, 0, on, off, y or n", ENABLE),
        }
    }

    pub(super) fn scratch(&mut self, value: Option<&str>, remarks: &mut Remarks) {
        match scratch(value.unwrap_or_default()) {
            Some(scratch) => self.scratch = Some(scratch),
            None => remarks.say("refused: expected LOW,GLOBAL,PER_NODE (not all 0) or N%", SCRATCH),
        }
    }
}

fn scratch(value: &str) -> Option<KhoScratch> {
    if let Some(percent) = value.strip_suffix('%') {
        let fits = percent.len() <= 10;
        return fits.then(|| kstrtouint_decimal(percent)).flatten().map(KhoScratch::Percent);
    }
    let size = |text| {
        let (size, rest): (u64, &str) = memparse(text);
        (rest.len() < text.len()).then_some((size, rest))
    };
    let (low, rest) = size(value)?;
    let (global, rest) = size(rest.strip_prefix(',')?)?;
    let (per_node, rest) = size(rest.strip_prefix(',')?)?;
    let total = low.wrapping_add(global).wrapping_add(per_node);
    (total != 0 && rest.is_empty()).then_some(KhoScratch::Sizes { low, global, per_node })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn scratch_is_a_percentage_or_three_sizes() {
        let sizes = KhoScratch::Sizes { low: 16 << 20, global: 512 << 20, per_node: 256 << 20 };
        for (value, expected) in [
            ("16M,512M,256M", Some(sizes)),
            ("150%", Some(KhoScratch::Percent(150))),
            ("16M,512M", None),
            ("16M", None),
            ("0,0,0", None),
            ("1M,1M,1M,", None),
            ("0x10%", None),
            ("4294967296%", None),
            ("%", None),
            ("", None),
        ] {
            assert_eq!(scratch(value), expected, "{value}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_the_parser(text in any::<String>()) {
            let _ = scratch(&text);
        }
    }
}
