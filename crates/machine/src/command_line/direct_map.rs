//! How the kernel maps memory: page sizes, and what it must be able to unmap.

use crate::command_line::values::kstrto::{kstrtobool, kstrtoull};
use crate::command_line::values::remark::Remarks;
use crate::releases::{RODATA_COVERS_LINEAR_MAP, Target, first_release, is_known};

const RODATA: &str = "init/main.c:set_debug_rodata, arch/arm64/include/asm/setup.h (6.12)";
const PAGEALLOC: &str = "mm/debug_page_alloc.c:early_debug_pagealloc (6.12)";
const KFENCE: &str = "mm/kfence/core.c:param_set_sample_interval (6.12)";

/// What the command line says about the kernel's direct map; `None` leaves it to the configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DirectMap {
    /// x86: the last of `gbpages` and `nogbpages`.
    pub gbpages: Option<bool>,
    /// x86: `no5lvl`: four levels of page tables.
    pub no5lvl: bool,
    /// The last valid `rodata=`.
    pub rodata: Option<Rodata>,
    /// `debug_pagealloc=`, with CONFIG_DEBUG_PAGEALLOC: every free page is unmapped, so each page is mapped
    /// individually.
    pub debug_pagealloc: Option<bool>,
    /// `kfence.sample_interval=`, in milliseconds; 0 means off. On arm64, if KFENCE is on from the start, its pool is
    /// mapped with individual pages.
    pub kfence_sample_interval: Option<u64>,
}

/// How read-only data is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rodata {
    /// Not protected.
    Off,
    /// In the kernel's image only.
    On,
    /// arm64: also their aliases in the direct map, which is then mapped with individual pages: `full` up to 6.17, `on`
    /// from 6.18.
    Full,
}

impl DirectMap {
    pub(super) fn rodata(&mut self, value: Option<&str>, target: &Target, remarks: &mut Remarks) {
        let knows = |form| is_known(form, target);
        let is_full_plain = knows("rodata=noalias");
        let rodata = match value {
            Some("noalias") if is_full_plain => Rodata::On,
            Some("full") if knows("rodata=full") => Rodata::Full,
            Some("on") if is_full_plain => Rodata::Full,
            // On arm64 6.1, this only turns protection on, which it already is: the configured mode stays.
            Some("on") if knows(RODATA_COVERS_LINEAR_MAP) => {
                return if knows("rodata=on unmaps no alias") {
                    self.rodata = Some(Rodata::On);
                } else {
                    remarks.say(
                        format!(
                            "changes nothing: a built-in `full` stays, before Linux {}",
                            first_release("rodata=on unmaps no alias", target)
                        ),
                        RODATA,
                    );
                };
            }
            Some(value) if value != "full" && value != "noalias" => match kstrtobool(value, target) {
                Some(is_on) => {
                    if is_on {
                        Rodata::On
                    } else {
                        Rodata::Off
                    }
                }
                None => return remarks.say("ignored: `Invalid option string for rodata`", RODATA),
            },
            _ => return remarks.say("ignored: `Invalid option string for rodata`", RODATA),
        };
        self.rodata = Some(rodata);
    }

    pub(super) fn debug_pagealloc(&mut self, value: Option<&str>, target: &Target, remarks: &mut Remarks) {
        match value.and_then(|value| kstrtobool(value, target)) {
            Some(is_on) => self.debug_pagealloc = Some(is_on),
            None => remarks.say("refused: expected on or off", PAGEALLOC),
        }
    }

    pub(super) fn kfence(&mut self, value: Option<&str>, remarks: &mut Remarks) {
        match value.and_then(|value| kstrtoull(value, u64::MAX)) {
            Some(interval) => self.kfence_sample_interval = Some(interval),
            None => remarks.say("refused: expected a number of milliseconds", KFENCE),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Architecture::{self, Arm64, X86_64};

    #[test]
    fn the_meaning_of_rodata_depends_on_the_release() {
        let rodata = |architecture: Architecture, release: &str, value| {
            let (mut map, mut remarks) = (DirectMap::default(), Remarks::default());
            let target = Target::new(architecture, release.parse().unwrap());
            map.rodata(Some(value), &target, &mut remarks);
            (map.rodata, remarks.list.len())
        };
        assert_eq!(rodata(Arm64, "6.12", "full"), (Some(Rodata::Full), 0));
        assert_eq!(rodata(Arm64, "6.12", "on"), (Some(Rodata::On), 0));
        assert_eq!(rodata(Arm64, "6.18", "on"), (Some(Rodata::Full), 0));
        assert_eq!(rodata(Arm64, "6.18", "noalias"), (Some(Rodata::On), 0));
        assert_eq!(rodata(Arm64, "6.18", "full"), (None, 1));
        assert_eq!(rodata(Arm64, "6.1", "on"), (None, 1));
        assert_eq!(rodata(X86_64, "6.12", "on"), (Some(Rodata::On), 0));
        assert_eq!(rodata(X86_64, "6.12", "full"), (None, 1));
        assert_eq!(rodata(X86_64, "6.12", "x"), (None, 1));
        assert_eq!(rodata(X86_64, "6.12", "off"), (Some(Rodata::Off), 0));
    }
}
