//! The settings of a plan, as `KEY=VALUE`.

use std::str::FromStr;

use evidence::settings::AutoOnline;

use crate::command_line::hotplug::{MemmapOnMemory, OnlinePolicy};
use crate::life::Policy;

/// Settings that a plan takes instead of the machine's; `None` leaves one as it is. Those that only a boot changes are
/// among them: a plan may be for the next boot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// `state=`, also `auto_online_blocks=` and `memhp_default_state=`.
    pub state: Option<AutoOnline>,
    /// `online_policy=`.
    pub online_policy: Option<OnlinePolicy>,
    /// `ratio=`, also `auto_movable_ratio=`: percent.
    pub ratio: Option<u64>,
    /// `numa_aware=`, also `auto_movable_numa_aware=`.
    pub numa_aware: Option<bool>,
    /// `memmap_on_memory=`.
    pub memmap_on_memory: Option<MemmapOnMemory>,
    /// `movable_node`, with or without `=Y`.
    pub movable_node: Option<bool>,
}

/// A setting that no kernel has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{word}: expected {expected}")]
pub struct SettingsError {
    word: String,
    expected: &'static str,
}

/// One setting.
///
/// ```
/// use machine::hotplug::Settings;
///
/// assert_eq!("ratio=400".parse::<Settings>()?.ratio, Some(400));
/// assert!("ratio=much".parse::<Settings>().is_err());
/// # Ok::<(), machine::hotplug::SettingsError>(())
/// ```
impl FromStr for Settings {
    type Err = SettingsError;

    fn from_str(word: &str) -> Result<Self, SettingsError> {
        let error = |expected| SettingsError { word: word.to_owned(), expected };
        let (key, value) = word.split_once('=').unwrap_or((word, "Y"));
        let flag = || match value {
            "Y" | "y" | "1" => Ok(Some(true)),
            "N" | "n" | "0" => Ok(Some(false)),
            _ => Err(error("Y or N")),
        };
        let mut found = Self::default();
        match key {
            _ if !word.contains('=') && key != "movable_node" => return Err(error(KEYS)),
            "state" | "auto_online_blocks" | "memhp_default_state" => {
                let state = AutoOnline::from_word(value);
                found.state =
                    Some(state.ok_or_else(|| error("offline, online, online_kernel or online_movable"))?);
            }
            "online_policy" => {
                let policy = OnlinePolicy::from_word(value);
                found.online_policy = Some(policy.ok_or_else(|| error("contig-zones or auto-movable"))?);
            }
            "ratio" | "auto_movable_ratio" => {
                let ratio = value.parse::<u32>().map_err(|_| error("a number of percent"))?;
                found.ratio = Some(u64::from(ratio));
            }
            "numa_aware" | "auto_movable_numa_aware" => found.numa_aware = flag()?,
            "memmap_on_memory" => {
                found.memmap_on_memory = Some(match value {
                    "force" => MemmapOnMemory::Force,
                    "Y" | "y" | "1" => MemmapOnMemory::On,
                    "N" | "n" | "0" => MemmapOnMemory::Off,
                    _ => return Err(error("Y, N or force")),
                });
            }
            "movable_node" => found.movable_node = flag()?,
            _ => return Err(error(KEYS)),
        }
        Ok(found)
    }
}

const KEYS: &str = "state=, online_policy=, ratio=, numa_aware=, memmap_on_memory= or movable_node";

impl Settings {
    /// These, with `later` on top.
    #[must_use]
    pub fn and(self, later: Self) -> Self {
        Self {
            state: later.state.or(self.state),
            online_policy: later.online_policy.or(self.online_policy),
            ratio: later.ratio.or(self.ratio),
            numa_aware: later.numa_aware.or(self.numa_aware),
            memmap_on_memory: later.memmap_on_memory.or(self.memmap_on_memory),
            movable_node: later.movable_node.or(self.movable_node),
        }
    }

    /// A machine's settings, with these on top.
    #[must_use]
    pub fn over(self, policy: Policy) -> Policy {
        Policy {
            state: self.state.unwrap_or(policy.state),
            online: self.online_policy.unwrap_or(policy.online),
            ratio: self.ratio.unwrap_or(policy.ratio),
            numa_aware: self.numa_aware.unwrap_or(policy.numa_aware),
            memmap_on_memory: self.memmap_on_memory.unwrap_or(policy.memmap_on_memory),
            movable_node: self.movable_node.unwrap_or(policy.movable_node),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_setting_outranks_an_earlier_one() {
        let all = ["state=online", "ratio=301", "movable_node", "ratio=400"];
        let set = all.iter().fold(Settings::default(), |set, word| set.and(word.parse().unwrap()));
        assert_eq!((set.state, set.ratio), (Some(AutoOnline::Online), Some(400)));
        assert_eq!(set.movable_node, Some(true));
    }

    #[test]
    fn what_no_kernel_takes_is_refused_with_what_was_expected() {
        let error = |word: &str| word.parse::<Settings>().unwrap_err().to_string();
        assert_eq!(error("ratio=-1"), "ratio=-1: expected a number of percent");
        assert_eq!(error("online_policy=auto"), "online_policy=auto: expected contig-zones or auto-movable");
        for word in
            ["", "=", "state", "state=", "ratio", "zone=1", "movable_node=maybe", "memmap_on_memory=x"]
        {
            assert!(word.parse::<Settings>().is_err(), "{word}");
        }
    }
}
