//! What the running kernel was built able to do.

use evidence::{Configuration, Source};
use rules::{Consequence, Loader, Use, Verdict};

/// What this kernel was built without, as far as its configuration shows it.
///
/// Nothing is known of a kernel whose configuration was not read: it is taken to have all of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Abilities {
    lacks_load: bool,
    lacks_file_load: bool,
    lacks_hot_remove: bool,
}

impl Abilities {
    /// Reads the gates CONFIG_KEXEC and CONFIG_KEXEC_FILE (kernel/Kconfig.kexec), and CONFIG_MEMORY_HOTREMOVE
    /// (mm/Kconfig), which needs CONFIG_MEMORY_HOTPLUG.
    pub(crate) fn of(configuration: &Source<Configuration>) -> Self {
        let is_off = |name| configuration.read().is_some_and(|options| options.is_off(name));
        Self {
            lacks_load: is_off("KEXEC"),
            lacks_file_load: is_off("KEXEC_FILE"),
            lacks_hot_remove: is_off("MEMORY_HOTPLUG") || is_off("MEMORY_HOTREMOVE"),
        }
    }

    /// Why this system call does not exist; `None` if it does, as far as anything shows.
    pub const fn why_no(self, loader: Loader) -> Option<&'static str> {
        match loader {
            Loader::KexecLoad if self.lacks_load => Some(
                "this kernel has no kexec_load: CONFIG_KEXEC is off (/proc/config.gz or /boot/config-RELEASE)",
            ),
            Loader::KexecFileLoad if self.lacks_file_load => Some(
                "this kernel has no kexec_file_load: CONFIG_KEXEC_FILE is off (/proc/config.gz or /boot/config-RELEASE)",
            ),
            _ => None,
        }
    }

    /// Why nothing can be loaded; `None` if something can.
    pub const fn why_no_load(self) -> Option<&'static str> {
        if self.lacks_load && self.lacks_file_load {
            Some(
                "this kernel loads no image: CONFIG_KEXEC and CONFIG_KEXEC_FILE are off (/proc/config.gz or \
                 /boot/config-RELEASE)",
            )
        } else {
            None
        }
    }

    /// The verdict on any memory for what this kernel cannot do; `None` if the rules decide.
    pub(crate) fn verdict(self, of: Use) -> Option<Verdict> {
        if of == Use::AfterUnplug && self.lacks_hot_remove {
            return Some(Verdict {
                allowed: false,
                reason: "this kernel removes no memory: CONFIG_MEMORY_HOTREMOVE is off (/proc/config.gz or \
                         /boot/config-RELEASE)",
                rule: "no-hot-remove",
                source: "mm/Kconfig (6.12)",
                consequence: Consequence::Nothing,
            });
        }
        let (Use::KexecImage(loader) | Use::NextKernel(loader) | Use::Vmcore(loader)) = of else {
            return None;
        };
        Some(Verdict {
            allowed: false,
            reason: self.why_no(loader)?,
            rule: "no-such-system-call",
            source: "kernel/Kconfig.kexec (6.12)",
            consequence: Consequence::Nothing,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_configuration_that_says_so_takes_a_system_call_away() {
        let of = |text: &str| Abilities::of(&Source::Read(Configuration::parse(text)));
        let off = "CONFIG_KEXEC=y\n# CONFIG_KEXEC_FILE is not set\n";
        assert_eq!(of(off).why_no(Loader::KexecLoad), None);
        assert!(
            of(off).why_no(Loader::KexecFileLoad).is_some_and(|why| why.contains("CONFIG_KEXEC_FILE is off"))
        );
        assert_eq!(of(off).why_no_load(), None);
        // An excerpt may leave the options out.
        assert_eq!(of("CONFIG_NUMA=y\n"), Abilities::default());
        assert_eq!(Abilities::of(&Source::Missing), Abilities::default());
    }

    #[test]
    fn a_missing_system_call_gives_every_memory_the_same_verdict() {
        let both = "# CONFIG_KEXEC is not set\n# CONFIG_KEXEC_FILE is not set\n";
        let abilities = Abilities::of(&Source::Read(Configuration::parse(both)));
        for of in Loader::ALL.map(Use::KexecImage) {
            assert!(abilities.verdict(of).is_some_and(|verdict| !verdict.allowed));
        }
        assert_eq!(abilities.verdict(Use::AfterUnplug), None);
        let stays =
            Abilities::of(&Source::Read(Configuration::parse("# CONFIG_MEMORY_HOTREMOVE is not set\n")));
        assert!(stays.verdict(Use::AfterUnplug).is_some_and(|verdict| !verdict.allowed));
        assert!(abilities.why_no_load().is_some());
    }
}
