//! What a kernel's log tells of loads: records hold ranges that a log named, and findings quote their evidence.
#![no_main]

use evidence::Source;
use evidence::log::LoadLog;
use libfuzzer_sys::fuzz_target;
use machine::{Machine, Snapshot};
use rules::Rules;

const IOMEM: &str = "00001000-0009fbff : System RAM\n00100000-7ffdffff : System RAM\n  \
                     6b000000-7affffff : Crash kernel\n100000000-13fffffff : System RAM\n\
                     140000000-17fffffff : System RAM (kmem)\n";

fuzz_target!(|data: &[u8]| {
    let log = String::from_utf8_lossy(data).into_owned();
    for record in &LoadLog::of(&log).records {
        assert!(record.segments.len() + record.map.len() + record.dumped.len() <= data.len());
    }
    let mut snapshot = Snapshot {
        iomem: Source::Read(IOMEM.into()),
        architecture: Source::Read("x86_64".into()),
        kernel_log: Source::Read(log),
        ..Snapshot::default()
    };
    for name in ["kexec_loaded", "kexec_crash_loaded"] {
        snapshot.kexec.insert(name.into(), Source::Read("1".into()));
    }
    let Ok(machine) = Machine::of(&snapshot) else { return };
    for finding in audit::audit(&machine, &Rules::LINUX) {
        assert!(!finding.evidence.is_empty() && !finding.remedy.is_empty(), "{finding:?}");
    }
});
