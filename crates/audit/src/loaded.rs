//! What is loaded now.

use evidence::Source;
use evidence::log::LoadRecord;
use kexec::Purpose;

use crate::subject::Subject;

/// What is loaded now for one purpose.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Loaded<'a> {
    /// Nothing.
    Nothing,
    /// This, by kexec_file_load: the log's last load for the purpose.
    Known(&'a LoadRecord),
    /// Something loaded by kexec_load, which leaves nothing in the log.
    ByKexecLoad,
    /// Something that the log does not show in full.
    Untold,
    /// It is unknown whether anything is loaded.
    Unseen,
}

impl Subject<'_> {
    /// What is loaded, from sysfs and the log.
    ///
    /// kexec_load leaves nothing in the log, so the log's last load may not be the last one made. For crash
    /// kernels on x86, `crash_hotplug` shows it: with kexec_file_load the kernel always updates the header
    /// itself, and the file says 1 (arch/x86/kernel/crash.c:arch_crash_hotplug_support, 6.12). For a reboot,
    /// nothing shows it.
    pub(crate) fn loaded(&self, purpose: Purpose) -> Loaded<'_> {
        match self.is_loaded(purpose).read() {
            Some(false) => return Loaded::Nothing,
            Some(true) => {}
            None => return Loaded::Unseen,
        }
        let keeps_no_header = self.crash_hotplug() == Some(false) && self.hands_over_e820();
        if purpose == Purpose::Crash && keeps_no_header {
            return Loaded::ByKexecLoad;
        }
        let last = self.loads().and_then(|loads| loads.last(purpose));
        last.filter(|record| record.is_whole).map_or(Loaded::Untold, Loaded::Known)
    }

    /// The sysfs file that says whether an image is loaded.
    pub(crate) const fn is_loaded(&self, purpose: Purpose) -> &Source<bool> {
        let kexec = &self.machine.evidence.kexec;
        match purpose {
            Purpose::Reboot => &kexec.loaded,
            Purpose::Crash => &kexec.crash_loaded,
        }
    }
}
