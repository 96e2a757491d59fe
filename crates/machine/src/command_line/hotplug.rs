//! Memory hotplug: `memhp_default_state=` and the `memory_hotplug` module parameters.

use crate::command_line::values::kstrto::{kstrtobool, kstrtoull};
use crate::command_line::values::remark::Remarks;
use crate::releases::{Target, is_known};

const STATE: &str = "mm/memory_hotplug.c:setup_memhp_default_state (6.12)";
const MEMMAP: &str = "mm/memory_hotplug.c:set_memmap_mode (6.12)";
const POLICY: &str = "mm/memory_hotplug.c:set_online_policy (6.12)";
const MODULE: &str = "mm/memory_hotplug.c, kernel/params.c (6.12)";

/// What the command line says about hot-added memory; `None` leaves it to the kernel's configuration or default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hotplug {
    /// `memhp_default_state=`; otherwise CONFIG_MHP_DEFAULT_ONLINE_TYPE applies.
    pub default_state: Option<OnlineType>,
    /// `memory_hotplug.memmap_on_memory=`; default off.
    pub memmap_on_memory: Option<MemmapOnMemory>,
    /// `memory_hotplug.online_policy=`; default [`OnlinePolicy::ContigZones`].
    pub online_policy: Option<OnlinePolicy>,
    /// `memory_hotplug.auto_movable_ratio=`: movable memory as a percentage of kernel memory; default 301.
    pub auto_movable_ratio: Option<u32>,
    /// `memory_hotplug.auto_movable_numa_aware=`; default on.
    pub auto_movable_numa_aware: Option<bool>,
}

/// What happens to a block when it is added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnlineType {
    /// It stays offline.
    Offline,
    /// It goes online in the zone the policy picks.
    Online,
    /// It goes online in a kernel zone.
    OnlineKernel,
    /// It goes online in ZONE_MOVABLE.
    OnlineMovable,
}

/// Whether hot-added memory holds its own struct pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemmapOnMemory {
    /// No.
    Off,
    /// If they fill whole pageblocks.
    On,
    /// Always, at the cost of wasted pages.
    Force,
}

impl MemmapOnMemory {
    /// The word in `/sys/module/memory_hotplug/parameters/memmap_on_memory`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "N",
            Self::On => "Y",
            Self::Force => "force",
        }
    }
}

/// How plain `online` picks a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnlinePolicy {
    /// The zone of neighboring memory.
    ContigZones,
    /// Movable while the ratio allows it.
    AutoMovable,
}

impl OnlinePolicy {
    /// The word in `/sys/module/memory_hotplug/parameters/online_policy`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ContigZones => "contig-zones",
            Self::AutoMovable => "auto-movable",
        }
    }

    /// The policy with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::ContigZones, Self::AutoMovable].into_iter().find(|policy| policy.as_str() == word)
    }
}

impl Hotplug {
    pub(super) fn default_state(&mut self, value: Option<&str>, remarks: &mut Remarks) {
        let state = match value.map(without_newline) {
            Some("offline") => OnlineType::Offline,
            Some("online") => OnlineType::Online,
            Some("online_kernel") => OnlineType::OnlineKernel,
            Some("online_movable") => OnlineType::OnlineMovable,
            Some(_) => return remarks.say("ignored in silence: not a state of a memory block", STATE),
            None => return remarks.say("unknown without a value, passed on to init", STATE),
        };
        self.default_state = Some(state);
    }

    pub(super) fn memmap_on_memory(&mut self, value: Option<&str>, target: &Target, remarks: &mut Remarks) {
        let has_force = is_known("memory_hotplug.memmap_on_memory=force", target);
        // Earlier kernels had a plain boolean here; without a value it is true.
        let value = value.or_else(|| (!has_force).then_some("y"));
        let mode = match value.map(without_newline) {
            Some("force" | "FORCE") if has_force => Some(MemmapOnMemory::Force),
            Some(value) => kstrtobool(value, target)
                .map(|is_on| if is_on { MemmapOnMemory::On } else { MemmapOnMemory::Off }),
            None => None,
        };
        match mode {
            Some(mode) => self.memmap_on_memory = Some(mode),
            None => remarks.say("refused: expected y, n or force (6.6 and later)", MEMMAP),
        }
    }

    pub(super) fn online_policy(&mut self, value: Option<&str>, remarks: &mut Remarks) {
        match value.map(without_newline) {
            Some("contig-zones") => self.online_policy = Some(OnlinePolicy::ContigZones),
            Some("auto-movable") => self.online_policy = Some(OnlinePolicy::AutoMovable),
            _ => remarks.say("refused: expected contig-zones or auto-movable", POLICY),
        }
    }

    pub(super) fn auto_movable_ratio(&mut self, value: Option<&str>, remarks: &mut Remarks) {
        let ratio = value.and_then(|value| kstrtoull(value, u64::from(u32::MAX)));
        match ratio.and_then(|ratio| u32::try_from(ratio).ok()) {
            Some(ratio) => self.auto_movable_ratio = Some(ratio),
            None => remarks.say("refused: expected a number of percent", MODULE),
        }
    }

    pub(super) fn numa_aware(&mut self, value: Option<&str>, target: &Target, remarks: &mut Remarks) {
        match kstrtobool(value.unwrap_or("y"), target) {
            Some(is_aware) => self.auto_movable_numa_aware = Some(is_aware),
            None => remarks.say("refused: expected y or n", MODULE),
        }
    }
}

/// The kernel compares as in sysfs, where a newline may end the value.
fn without_newline(value: &str) -> &str {
    value.strip_suffix('\n').unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Architecture;

    fn target(release: &str) -> Target {
        Target::new(Architecture::X86_64, release.parse().unwrap())
    }

    #[test]
    fn a_state_must_match_a_whole_word() {
        let (mut hotplug, mut remarks) = (Hotplug::default(), Remarks::default());
        hotplug.default_state(Some("online_movable"), &mut remarks);
        hotplug.default_state(Some("Online"), &mut remarks);
        hotplug.default_state(Some("online_"), &mut remarks);
        hotplug.default_state(None, &mut remarks);
        assert_eq!((hotplug.default_state, remarks.list.len()), (Some(OnlineType::OnlineMovable), 3));
    }

    #[test]
    fn linux_6_6_added_force_and_dropped_the_empty_value() {
        let mode = |release, value| {
            let (mut hotplug, mut remarks) = (Hotplug::default(), Remarks::default());
            hotplug.memmap_on_memory(value, &target(release), &mut remarks);
            (hotplug.memmap_on_memory, remarks.list.len())
        };
        assert_eq!(mode("6.12", Some("force")), (Some(MemmapOnMemory::Force), 0));
        // It starts with `f`, which means false.
        assert_eq!(mode("6.1", Some("force")), (Some(MemmapOnMemory::Off), 0));
        assert_eq!(mode("6.1", None), (Some(MemmapOnMemory::On), 0));
        assert_eq!(mode("6.12", None), (None, 1));
        assert_eq!(mode("6.12", Some("bogus")), (None, 1));
        assert_eq!(mode("6.12", Some("1")), (Some(MemmapOnMemory::On), 0));
    }

    #[test]
    fn the_other_module_parameters_reject_garbage() {
        let (mut hotplug, mut remarks) = (Hotplug::default(), Remarks::default());
        hotplug.online_policy(Some("auto-movable"), &mut remarks);
        hotplug.auto_movable_ratio(Some("0x64"), &mut remarks);
        hotplug.numa_aware(None, &target("6.12"), &mut remarks);
        assert!(remarks.list.is_empty());
        hotplug.online_policy(Some("auto_movable"), &mut remarks);
        hotplug.auto_movable_ratio(Some("abc"), &mut remarks);
        hotplug.numa_aware(Some("x"), &target("6.12"), &mut remarks);
        assert_eq!(remarks.list.len(), 3);
        assert_eq!(
            (hotplug.online_policy, hotplug.auto_movable_ratio),
            (Some(OnlinePolicy::AutoMovable), Some(100))
        );
        assert_eq!(hotplug.auto_movable_numa_aware, Some(true));
    }
}
