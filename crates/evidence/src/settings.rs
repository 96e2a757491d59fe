//! Settings of the running kernel, as typed values.

use std::collections::BTreeMap;

use memblock::PhysRange;

use crate::snapshot::MemoryBlocks;
use crate::source::Source;

/// The kernel's kexec state: `/sys/kernel/kexec_*`, and the limits in `/proc/sys/kernel/kexec_load_*`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KexecSettings {
    /// `kexec_loaded`: whether an image for a reboot is loaded.
    pub loaded: Source<bool>,
    /// `kexec_crash_loaded`: whether a crash kernel is loaded.
    pub crash_loaded: Source<bool>,
    /// `kexec_crash_size`: bytes reserved for a crash kernel.
    pub crash_size: Source<u64>,
    /// `crash_elfcorehdr_size`: the bytes of program headers a crash header has room for. Missing if the kernel does
    /// not keep the header up to date itself.
    pub crash_elfcorehdr_size: Source<u64>,
    /// `crash_cma_ranges`: the contiguous areas of `crashkernel=,cma`, ascending (6.19).
    pub crash_cma_ranges: Source<Vec<PhysRange>>,
    /// `/sys/kernel/mm/cma/reserved/total_pages`: the pages of the default contiguous area. Missing if there is none,
    /// or if it was not read.
    pub cma_total_pages: Source<u64>,
    /// `/sys/kernel/mm/cma/reserved/available_pages`: how many of them nobody has allocated.
    pub cma_available_pages: Source<u64>,
    /// `kexec_load_disabled`: whether loads are refused until the next boot.
    pub load_disabled: Source<bool>,
    /// `kexec_load_limit_panic`: how many more crash kernels may be loaded; -1 for no limit.
    pub load_limit_panic: Source<i64>,
    /// `kexec_load_limit_reboot`: the same for reboots.
    pub load_limit_reboot: Source<i64>,
    /// `/sys/kernel/security/lockdown`: how far the kernel is locked down against root.
    pub lockdown: Source<Lockdown>,
}

/// How far a kernel is locked down (Documentation of kernel_lockdown(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lockdown {
    /// Not at all.
    None,
    /// Root cannot change the running kernel: kexec_load is refused.
    Integrity,
    /// Root cannot read the kernel's secrets either.
    Confidentiality,
}

impl KexecSettings {
    pub(crate) fn of(files: &BTreeMap<String, Source<String>>) -> Self {
        let of = |name: &'static str| Setting { name, text: files.get(name).cloned().unwrap_or_default() };
        Self {
            loaded: of("kexec_loaded").flag(),
            crash_loaded: of("kexec_crash_loaded").flag(),
            crash_size: of("kexec_crash_size").number(),
            crash_elfcorehdr_size: of("crash_elfcorehdr_size").number(),
            crash_cma_ranges: of("crash_cma_ranges").text.parse("crash_cma_ranges", |text| areas(&text)),
            cma_total_pages: of("cma_total_pages").number(),
            cma_available_pages: of("cma_available_pages").number(),
            load_disabled: of("kexec_load_disabled").flag(),
            load_limit_panic: of("kexec_load_limit_panic").number(),
            load_limit_reboot: of("kexec_load_limit_reboot").number(),
            lockdown: of("lockdown").text.parse("/sys/kernel/security/lockdown", |text| lockdown(&text)),
        }
    }
}

/// `none [integrity] confidentiality`: the word in brackets counts.
fn lockdown(text: &str) -> Result<Lockdown, String> {
    let chosen = text.split_once('[').and_then(|(_, rest)| rest.split_once(']')).map(|(word, _)| word);
    match chosen {
        Some("none") => Ok(Lockdown::None),
        Some("integrity") => Ok(Lockdown::Integrity),
        Some("confidentiality") => Ok(Lockdown::Confidentiality),
        _ => Err(format!(
            "expected `[none] integrity confidentiality`, one of them in brackets, found `{text}`"
        )),
    }
}

/// `9c000000-abffffff`, an area in a line.
fn areas(text: &str) -> Result<Vec<PhysRange>, String> {
    let area = |line: &str| {
        let digits = |text: &str| u64::from_str_radix(text.trim(), 16).ok();
        let (start, last) = line.split_once('-')?;
        PhysRange::from_inclusive(digits(start)?, digits(last)?).ok()
    };
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let mut areas = lines
        .map(|line| {
            area(line).ok_or_else(|| format!("expected an area such as 9c000000-abffffff, found `{line}`"))
        })
        .collect::<Result<Vec<_>, _>>()?;
    areas.sort_unstable();
    Ok(areas)
}

/// How hot-added memory is used: `/sys/devices/system/memory`, and the `memory_hotplug` module parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HotplugSettings {
    /// `auto_online_blocks`: what happens to a block when it is added.
    pub auto_online: Source<AutoOnline>,
    /// `crash_hotplug`: whether the kernel keeps the crash header up to date itself.
    pub crash_hotplug: Source<bool>,
    /// `memmap_on_memory`, as printed: `Y`, `N` or `force`.
    pub memmap_on_memory: Source<String>,
    /// `online_policy`, as printed: `contig-zones` or `auto-movable`.
    pub online_policy: Source<String>,
    /// `auto_movable_ratio`: movable memory as a percentage of kernel memory.
    pub auto_movable_ratio: Source<u64>,
    /// `auto_movable_numa_aware`.
    pub auto_movable_numa_aware: Source<bool>,
}

/// What happens to a memory block when it is added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AutoOnline {
    /// It stays offline.
    Offline,
    /// It goes online in the zone the policy picks.
    Online,
    /// It goes online in a kernel zone.
    OnlineKernel,
    /// It goes online in ZONE_MOVABLE.
    OnlineMovable,
}

impl AutoOnline {
    const ALL: [Self; 4] = [Self::Offline, Self::Online, Self::OnlineKernel, Self::OnlineMovable];

    /// The word in `auto_online_blocks` and `memhp_default_state=`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Offline => "offline",
            Self::Online => "online",
            Self::OnlineKernel => "online_kernel",
            Self::OnlineMovable => "online_movable",
        }
    }

    /// The state with this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

impl HotplugSettings {
    pub(crate) fn of(parameters: &BTreeMap<String, Source<String>>, blocks: &Source<MemoryBlocks>) -> Self {
        let of =
            |name: &'static str| Setting { name, text: parameters.get(name).cloned().unwrap_or_default() };
        let file = |name: &'static str, text: Option<&Source<String>>| Setting {
            name,
            text: text.cloned().unwrap_or_default(),
        };
        let blocks = blocks.read();
        Self {
            auto_online: file("auto_online_blocks", blocks.map(|blocks| &blocks.auto_online)).auto_online(),
            crash_hotplug: file("crash_hotplug", blocks.map(|blocks| &blocks.crash_hotplug)).flag(),
            memmap_on_memory: of("memmap_on_memory").text,
            online_policy: of("online_policy").text,
            auto_movable_ratio: of("auto_movable_ratio").number(),
            auto_movable_numa_aware: of("auto_movable_numa_aware").flag(),
        }
    }
}

/// A file that holds one value.
struct Setting {
    name: &'static str,
    text: Source<String>,
}

impl Setting {
    /// `0` or `N` is false; `1`, `Y`, or any other number is true.
    fn flag(self) -> Source<bool> {
        self.text.parse(self.name, |text| match text.trim() {
            "Y" => Ok(true),
            "N" => Ok(false),
            word => match word.parse::<i64>() {
                Ok(number) => Ok(number != 0),
                Err(_) => Err(format!("expected 0 or 1, found `{word}`")),
            },
        })
    }

    fn number<N: std::str::FromStr>(self) -> Source<N> {
        self.text.parse(self.name, |text| {
            text.trim().parse().map_err(|_| format!("expected a number, found `{}`", text.trim()))
        })
    }

    fn auto_online(self) -> Source<AutoOnline> {
        self.text.parse(self.name, |text| {
            let word = text.trim();
            let expected = "expected offline, online, online_kernel or online_movable";
            AutoOnline::from_word(word).ok_or_else(|| format!("{expected}, found `{word}`"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(values: &[(&str, &str)]) -> BTreeMap<String, Source<String>> {
        values.iter().map(|(name, value)| ((*name).to_owned(), Source::Read((*value).to_owned()))).collect()
    }

    #[test]
    fn each_setting_has_a_type_and_an_absent_setting_is_missing() {
        let kexec = KexecSettings::of(&files(&[
            ("kexec_loaded", "1\n"),
            ("kexec_crash_size", "268435456\n"),
            ("kexec_load_limit_panic", "-1"),
        ]));
        assert_eq!(kexec.loaded, Source::Read(true));
        assert_eq!(kexec.crash_loaded, Source::Missing);
        assert_eq!(kexec.crash_size, Source::Read(256 << 20));
        assert_eq!(kexec.load_limit_panic, Source::Read(-1));
    }

    #[test]
    fn a_value_that_no_kernel_prints_is_unreadable_and_reported() {
        let kexec = KexecSettings::of(&files(&[("kexec_crash_size", "many")]));
        let Source::Unreadable { why, .. } = kexec.crash_size else { panic!("{:?}", kexec.crash_size) };
        assert_eq!(why, "kexec_crash_size: expected a number, found `many`");
    }

    #[test]
    fn the_online_policy_of_blocks_is_one_of_four_words() {
        let blocks = |word: &str| {
            Source::Read(MemoryBlocks { auto_online: Source::Read(word.into()), ..MemoryBlocks::default() })
        };
        let of = |word| HotplugSettings::of(&BTreeMap::new(), &blocks(word)).auto_online;
        assert_eq!(of("online_movable"), Source::Read(AutoOnline::OnlineMovable));
        assert!(matches!(of("sometimes"), Source::Unreadable { .. }));
    }
}
