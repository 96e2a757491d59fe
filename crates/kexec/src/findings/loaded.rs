//! What is loaded now.

use machine::Unknown;
use evidence::Source;

use crate::load_log::LoadRecord;
use crate::plan::Purpose;

use super::scene::Scene;

/// What is loaded now for one purpose.
#[derive(Clone, Copy, Debug)]
pub(super) enum Loaded<'a> {
    /// Nothing.
    Nothing,
    /// This, by kexec_file_load: the log's last load for the purpose.
    Known(&'a LoadRecord),
    /// Something by kexec_load, of which no log tells.
    ByKexecLoad,
    /// Something of which the log does not tell enough.
    Untold,
    /// Nothing tells whether something is loaded.
    Unseen,
}

impl Scene<'_> {
    /// What is loaded, by sysfs, and as what the log knows it.
    ///
    /// kexec_load leaves nothing in the log, so the log's last load may not be the last there was. For crash kernels
    /// of x86, `crash_hotplug` tells: with kexec_file_load the kernel always keeps the header itself, and the file
    /// says 1 (arch/x86/kernel/crash.c:arch_crash_hotplug_support, 6.12). For a reboot nothing tells.
    pub(super) fn loaded(&self, purpose: Purpose) -> Loaded<'_> {
        match self.kexec_value(file(purpose)) {
            Some("0") => return Loaded::Nothing,
            Some(_) => {}
            None => return Loaded::Unseen,
        }
        let keeps_no_header = self.crash_hotplug() == Some("0") && self.hands_over_e820();
        if purpose == Purpose::Crash && keeps_no_header {
            return Loaded::ByKexecLoad;
        }
        self.log.last(purpose).filter(|record| record.is_whole).map_or(Loaded::Untold, Loaded::Known)
    }

    /// What could not be known, and which findings that leaves open.
    pub(super) fn unknowable(&self) -> Vec<Unknown> {
        let mut unknown = Vec::new();
        for (purpose, what, open) in [
            (
                Purpose::Crash,
                "what is loaded as crash kernel",
                "dump-header-stale, dump-misses-memory and kdump-onlines-dumped-memory cannot be told",
            ),
            (
                Purpose::Reboot,
                "what is loaded for a reboot",
                "image-in-removed-memory, image-in-removable-memory, image-in-untold-memory, \
                 image-over-interrupt-tables and soft-reserved-not-carried cannot be told of it",
            ),
        ] {
            let is_in_no_log = matches!(self.loaded(purpose), Loaded::Untold | Loaded::ByKexecLoad);
            let remedy =
                "load by kexec_file_load with KEXEC_FILE_DEBUG (kexec -s -d), and keep the kernel log";
            unknown.extend(self.why_unknown(purpose).map(|why| Unknown {
                what: what.to_owned(),
                why,
                effect: match self.loaded(purpose) {
                    Loaded::Unseen if purpose == Purpose::Crash => format!("kdump-not-armed, {open}"),
                    _ => open.to_owned(),
                },
                remedy: is_in_no_log.then(|| remedy.to_owned()),
            }));
        }
        let is_file_load = self.crash_hotplug().is_some() || !self.hands_over_e820();
        if matches!(self.loaded(Purpose::Crash), Loaded::Known(_)) && !is_file_load {
            unknown.push(Unknown::new(
                "whether the crash kernel was loaded by kexec_file_load",
                "/sys/devices/system/memory/crash_hotplug was not shown, which is 0 after kexec_load",
                "the last load that the kernel log tells of is taken for what is loaded",
            ));
        }
        if matches!(self.loaded(Purpose::Reboot), Loaded::Known(_)) {
            unknown.push(Unknown::new(
                "whether kexec_load has loaded another image for a reboot since",
                "it leaves nothing in the kernel log, and nothing else tells",
                "the last load that the log tells of is taken for what is loaded",
            ));
        }
        unknown.extend(Unknown::from_source(
            "/proc/iomem",
            &self.snapshot.iomem,
            "only kdump-not-armed and load-limit-spent can be told, and crashkernel-not-reserved in part",
        ));
        let limits: Vec<&str> = super::limits::FILES
            .into_iter()
            .map(|(name, _)| name)
            .filter(|name| self.kexec_value(name).is_none())
            .collect();
        if !limits.is_empty() {
            unknown.push(Unknown::new(
                &format!("whether loads are still allowed: {}", limits.join(", ")),
                "not there below /proc/sys/kernel, or not captured",
                "load-limit-spent cannot be told",
            ));
        }
        if super::interrupt_tables::are_in_doubt(self) {
            unknown.push(Unknown::new(
                "whether the interrupt controller's tables are reserved",
                "/sys/kernel/debug/memblock/reserved was not shown",
                "image-over-interrupt-tables cannot be told",
            ));
        }
        unknown
    }

    fn why_unknown(&self, purpose: Purpose) -> Option<String> {
        let path = format!("/sys/kernel/{}", file(purpose));
        match self.loaded(purpose) {
            Loaded::Nothing | Loaded::Known(_) => None,
            Loaded::ByKexecLoad => Some(format!(
                "{path} is 1 and crash_hotplug is 0: it was loaded by kexec_load, of which no log tells"
            )),
            Loaded::Untold => Some(match &self.snapshot.kernel_log {
                Source::Read(_) => format!("{path} is 1, and the kernel log does not tell of the load"),
                Source::Missing => format!("{path} is 1, and there is no kernel log"),
                Source::Unreadable { why, .. } => format!("{path} is 1, and {why}"),
            }),
            Loaded::Unseen => Some(match self.snapshot.kexec.get(file(purpose)) {
                Some(Source::Unreadable { why, .. }) => why.clone(),
                _ => format!("{path} is not there"),
            }),
        }
    }
}

/// The file of sysfs that tells whether an image is loaded, by the name it has in a snapshot.
const fn file(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Reboot => "kexec_loaded",
        Purpose::Crash => "kexec_crash_loaded",
    }
}
