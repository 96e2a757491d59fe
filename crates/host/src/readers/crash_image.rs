//! What lies armed in the crash kernel's memory: of this machine through `/proc/kcore`, of a capture as it was found.

use std::io;
use std::path::Path;

use evidence::armed::{CrashImage, NotFound, find};
use evidence::{Snapshot, Source};
use memblock::PhysRange;

use crate::readers::kcore::Kcore;
use crate::readers::text::whole;
use crate::root::files;
use crate::root::source::{and_then, nonsense};
use crate::root::tree::Tree;

/// The name of the crash kernel's areas in `/proc/iomem`.
const AREA: &str = "Crash kernel";

/// Looks for the image in this machine's memory, if one is loaded. Reads little more than a MiB where a loader of today
/// placed it, and never more than [`evidence::armed::MOST_SEARCHED`].
pub(crate) fn of_this_machine(snapshot: &Snapshot) -> Source<CrashImage> {
    let kexec = |name: &str| snapshot.kexec.get(name).and_then(Source::read).map(String::as_str);
    if kexec("kexec_crash_loaded") != Some("1") {
        return Source::Missing;
    }
    let areas = snapshot.iomem.read().map(|text| areas(text)).unwrap_or_default();
    if areas.is_empty() {
        // Why /proc/iomem shows none is said elsewhere.
        return Source::Missing;
    }
    let crash_hotplug = snapshot.memory_blocks.read().and_then(|blocks| blocks.crash_hotplug.read());
    let path = Path::new("/").join(files::KCORE);
    let mut kcore = match Kcore::open(&path) {
        Ok(kcore) => kcore,
        Err(error) => {
            return Source::Unreadable {
                why: format!("/{}: {error}", files::KCORE),
                for_lack_of_privilege: error.kind() == io::ErrorKind::PermissionDenied,
            };
        }
    };
    // After kexec_file_load, x86 keeps the header itself and says so.
    let never_by_kernel = crash_hotplug.is_some_and(|value| value == "0");
    match find(&areas, never_by_kernel, &mut kcore) {
        Ok(found) => Source::Read(found),
        Err(NotFound::Read(why)) => nonsense(why),
        Err(error) => nonsense(format!("/{}: {error}", files::KCORE)),
    }
}

/// What a capture kept of it.
pub(crate) fn of_capture(tree: &dyn Tree) -> Source<CrashImage> {
    and_then(whole(tree, files::CRASH_IMAGE), |text| match serde_json::from_str(&text) {
        Ok(found) => Source::Read(found),
        Err(error) => nonsense(format!("/{}: {error}", files::CRASH_IMAGE)),
    })
}

/// The areas called `Crash kernel`, ascending, as `/proc/iomem` lists them.
fn areas(iomem: &str) -> Vec<PhysRange> {
    let lines = iomem.lines().filter_map(|line| line.trim().split_once(" : "));
    let ranges = lines.filter(|(_, name)| *name == AREA).filter_map(|(range, _)| {
        let (start, last) = range.split_once('-')?;
        let address = |digits| u64::from_str_radix(digits, 16).ok();
        PhysRange::from_inclusive(address(start)?, address(last)?).ok()
    });
    ranges.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_areas_of_the_crash_kernel_are_searched() {
        let iomem = "00100000-7fffffff : System RAM\n  10000000-1fffffff : Crash kernel\n  30000000-3fffffff : \
                     Kernel code\n100000000-17fffffff : System RAM\n  120000000-12fffffff : Crash kernel\n";
        let found: Vec<u64> = areas(iomem).iter().map(|area| area.start()).collect();
        assert_eq!(found, [0x1000_0000, 0x1_2000_0000]);
        assert!(areas("garbage : Crash kernel\n2-1 : Crash kernel\n").is_empty());
    }

    #[test]
    fn nothing_is_read_where_nothing_is_loaded() {
        let mut snapshot = Snapshot::default();
        assert_eq!(of_this_machine(&snapshot), Source::Missing);
        snapshot.kexec.insert("kexec_crash_loaded".into(), Source::Read("0".into()));
        assert_eq!(of_this_machine(&snapshot), Source::Missing);
    }
}
