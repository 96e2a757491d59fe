//! What is loaded now.

use evidence::log::LoadRecord;
use evidence::record::{KDUMP_RECORD, KEXEC_RECORD, RECORDS};
use evidence::{ArmedCrash, Record, Source};
use kexec::Purpose;
use memblock::PhysRange;

use crate::subject::Subject;

/// What is loaded now for one purpose.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Loaded<'a> {
    /// Nothing.
    Nothing,
    /// This, as it lies in the crash kernel's memory, whoever loaded it.
    Armed(&'a ArmedCrash),
    /// This, by physmem: its record of this boot.
    Recorded(&'a Record),
    /// This, by kexec_file_load: the log's last load for the purpose.
    Known(&'a LoadRecord),
    /// Something loaded by kexec_load, which leaves nothing in the log.
    ByKexecLoad,
    /// Something that the log does not show in full.
    Untold,
    /// It is unknown whether anything is loaded.
    Unseen,
}

/// What is known of the loaded crash kernel's dump.
#[derive(Clone, Debug)]
pub(crate) enum Dump<'a> {
    /// What its header lists now, and what shows that.
    Now { lists: Vec<PhysRange>, shown_by: String },
    /// What it listed when it was loaded, and what came after: the log.
    Log(&'a LoadRecord),
    /// What it listed when it was loaded; the kernel may have rebuilt it since.
    AtLoad,
}

impl Subject<'_> {
    /// What is loaded: from the crash kernel's memory, the record of the load, sysfs and the log.
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
        let evidence = &self.machine.evidence;
        if purpose == Purpose::Crash
            && let Source::Read(armed) = &evidence.crash_image
        {
            return Loaded::Armed(armed);
        }
        if let Some(record) = self.machine.evidence.record(purpose) {
            return Loaded::Recorded(record);
        }
        let keeps_no_header = self.crash_hotplug() == Some(false) && self.hands_over_e820();
        if purpose == Purpose::Crash && keeps_no_header {
            return Loaded::ByKexecLoad;
        }
        self.logged(purpose).map_or(Loaded::Untold, Loaded::Known)
    }

    /// The log's last load for the purpose, if the log shows all of it.
    fn logged(&self, purpose: Purpose) -> Option<&LoadRecord> {
        self.loads().and_then(|loads| loads.last(purpose)).filter(|record| record.is_whole)
    }

    /// When and by whom the crash kernel was loaded, as evidence; `None` if nothing tells.
    pub(crate) fn loaded_at(&self) -> Option<String> {
        self.machine.evidence.record(Purpose::Crash).map(recorded)
    }

    /// What is known of the loaded crash kernel's dump; `None` if nothing is.
    pub(crate) fn dump(&self) -> Option<Dump<'_>> {
        match self.loaded(Purpose::Crash) {
            Loaded::Armed(armed) => {
                let shown_by = format!(
                    "the header was read from the crash kernel's memory, at {:#x} (/proc/kcore)",
                    armed.header_at
                );
                Some(Dump::Now { lists: armed.loads.clone(), shown_by })
            }
            Loaded::Recorded(record) if !self.keeps_the_header() => Some(Dump::Now {
                lists: record.dumped().collect(),
                shown_by: format!("{}; this kernel never rebuilds the header", recorded(record)),
            }),
            Loaded::Recorded(_) => Some(self.logged(Purpose::Crash).map_or(Dump::AtLoad, Dump::Log)),
            Loaded::Known(record) => Some(Dump::Log(record)),
            Loaded::Nothing | Loaded::ByKexecLoad | Loaded::Untold | Loaded::Unseen => None,
        }
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

/// The record of a load, as evidence.
pub(crate) fn recorded(record: &Record) -> String {
    let file = match record.purpose {
        Purpose::Reboot => KEXEC_RECORD,
        Purpose::Crash => KDUMP_RECORD,
    };
    format!("{RECORDS}/{file}: loaded by {} at {}", record.by, record.time)
}
