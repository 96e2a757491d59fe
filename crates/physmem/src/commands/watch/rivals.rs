//! Rules of udev that load a crash kernel, too.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Where udev looks for rules; a file of the same name in an earlier place hides those in later ones (udev(7)).
const PLACES: [&str; 5] = [
    "etc/udev/rules.d",
    "run/udev/rules.d",
    "usr/local/lib/udev/rules.d",
    "usr/lib/udev/rules.d",
    "lib/udev/rules.d",
];

/// The rules in force below `root` that load a crash kernel when memory comes or goes.
///
/// A rule of a distribution is told by what it does: it asks for the subsystem `memory` and names kdump or kexec. Ours name
/// physmem.
pub(super) fn rivals(root: &Path) -> Vec<PathBuf> {
    let mut in_force: BTreeMap<std::ffi::OsString, PathBuf> = BTreeMap::new();
    for place in PLACES {
        let Ok(entries) = fs::read_dir(root.join(place)) else { continue };
        for entry in entries.flatten() {
            in_force.entry(entry.file_name()).or_insert_with(|| entry.path());
        }
    }
    in_force.into_values().filter(|path| loads(path)).collect()
}

fn loads(path: &Path) -> bool {
    if path.extension().is_none_or(|ending| ending != "rules") {
        return false;
    }
    // A mask is a link to /dev/null, or an empty file.
    let Ok(bytes) = fs::read(path) else { return false };
    let text = String::from_utf8_lossy(&bytes);
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let rule: String = lines.collect::<Vec<_>>().join("\n");
    rule.contains("SUBSYSTEM==\"memory\"")
        && (rule.contains("kdump") || rule.contains("kexec"))
        && !rule.contains("physmem")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_that_loads_is_a_rival_until_it_is_masked() {
        let root = std::env::temp_dir().join(format!("physmem-rivals-{}", std::process::id()));
        let write = |path: &str, text: &str| {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write(
            "usr/lib/udev/rules.d/50-kdump-tools.rules",
            "SUBSYSTEM==\"memory\", PROGRAM=\"/usr/sbin/kdump-config try-reload\"\n",
        );
        write("usr/lib/udev/rules.d/40-hotplug.rules", "SUBSYSTEM==\"memory\", ATTR{state}=\"online\"\n");
        write(
            "usr/lib/udev/rules.d/98-physmem-once.rules",
            "SUBSYSTEM==\"memory\", RUN+=\"x start physmem-kdump\"\n",
        );
        write("usr/lib/udev/rules.d/99-old.rules", "# SUBSYSTEM==\"memory\" kdump\n");
        let found = |root: &Path| -> Vec<String> {
            rivals(root).iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect()
        };
        assert_eq!(found(&root), ["50-kdump-tools.rules"]);
        write("etc/udev/rules.d/50-kdump-tools.rules", "# Replaced by physmem-watch.service\n");
        assert_eq!(found(&root), [""; 0]);
        fs::remove_dir_all(&root).unwrap();
        assert_eq!(found(&root), [""; 0]);
    }
}
