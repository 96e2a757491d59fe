//! Whether the kernel lets anyone load, before it looks at what is loaded.

use evidence::Purpose;
use evidence::settings::Lockdown;
use machine::Machine;
use rules::Loader;

use crate::error::PlanError;

/// Checks the settings by which a kernel refuses every load of a kind, as far as they were read: `kexec_load_disabled`,
/// the load limits, and lockdown.
///
/// A plan does not ask this: it says where a load would go on a kernel that permits it.
///
/// kernel/kexec_core.c:kexec_load_permitted and kernel/kexec.c:kexec_load_check (6.12);
/// Documentation/admin-guide/sysctl/kernel.rst.
///
/// # Errors
///
/// [`PlanError::NotPermitted`], which names the setting.
pub fn permitted(machine: &Machine, purpose: Purpose, loader: Loader) -> Result<(), PlanError> {
    let kexec = &machine.evidence.kexec;
    let refuse = |why: String| Err(PlanError::NotPermitted { why });
    if kexec.load_disabled.read() == Some(&true) {
        return refuse("kexec_load_disabled is 1: no image can be loaded until the next boot".to_owned());
    }
    let (file, limit) = match purpose {
        Purpose::Reboot => ("kexec_load_limit_reboot", &kexec.load_limit_reboot),
        Purpose::Crash => ("kexec_load_limit_panic", &kexec.load_limit_panic),
    };
    if limit.read() == Some(&0) {
        return refuse(format!("{file} is 0: no such image can be loaded until the next boot"));
    }
    let level = match kexec.lockdown.read() {
        Some(Lockdown::Integrity) => "integrity",
        Some(Lockdown::Confidentiality) => "confidentiality",
        Some(Lockdown::None) | None => return Ok(()),
    };
    match loader {
        Loader::KexecLoad => refuse(format!(
            "the kernel is locked down ({level}, in /sys/kernel/security/lockdown): it refuses kexec_load"
        )),
        // Whether the file is signed by a key that this kernel trusts only the kernel can say: assumed.
        Loader::KexecFileLoad => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use evidence::{Snapshot, Source};

    use super::*;

    fn refusal(file: &str, text: &str, purpose: Purpose, loader: Loader) -> Option<String> {
        let snapshot = Snapshot {
            iomem: Source::Read("00100000-7ffdffff : System RAM\n".into()),
            kexec: [(file.to_owned(), Source::Read(text.to_owned()))].into(),
            ..Snapshot::default()
        };
        permitted(&Machine::of(snapshot).unwrap(), purpose, loader).err().map(|error| {
            assert_eq!(error.errno(), Some("EPERM"));
            error.to_string()
        })
    }

    #[test]
    fn a_disabled_kexec_refuses_every_load_and_a_spent_limit_those_of_its_kind() {
        for loader in Loader::ALL {
            for purpose in [Purpose::Reboot, Purpose::Crash] {
                assert!(refusal("kexec_load_disabled", "1", purpose, loader).is_some());
                assert_eq!(refusal("kexec_load_disabled", "0", purpose, loader), None);
                let is_crash = purpose == Purpose::Crash;
                assert_eq!(refusal("kexec_load_limit_panic", "0", purpose, loader).is_some(), is_crash);
                assert_eq!(refusal("kexec_load_limit_panic", "-1", purpose, loader), None);
            }
        }
    }

    #[test]
    fn a_locked_down_kernel_refuses_kexec_load_only() {
        let of = |text, loader| refusal("lockdown", text, Purpose::Reboot, loader);
        for level in ["none [integrity] confidentiality", "none integrity [confidentiality]"] {
            assert!(of(level, Loader::KexecLoad).is_some_and(|why| why.contains("locked down")));
            assert_eq!(of(level, Loader::KexecFileLoad), None);
        }
        assert_eq!(of("[none] integrity confidentiality", Loader::KexecLoad), None);
        assert_eq!(of("integrity", Loader::KexecLoad), None);
    }
}
