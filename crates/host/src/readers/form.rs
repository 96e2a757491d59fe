//! What a tree is, if it is less than a machine's own files.

use evidence::{Snapshot, Source};

use crate::readers::text::whole;
use crate::root::files;
use crate::root::tree::Tree;

/// The form of a tree that never holds all that a machine shows, for a sentence; `None` for any other. `snapshot` is what
/// was read of it.
pub(crate) fn of(tree: &dyn Tree, snapshot: &Snapshot) -> Option<String> {
    let has = |directory: &str| !matches!(tree.list(directory), Source::Missing);
    let form = if has("sos_commands") {
        "a sosreport"
    } else if has("insights_commands") {
        "an archive of insights"
    } else if whole(tree, files::GATHERED_COMMAND_LINE) != Source::Missing {
        "a must-gather"
    } else if has("sys") {
        return None;
    } else if !has("proc") && snapshot.kernel_log != Source::Missing {
        "a kernel log alone"
    } else if snapshot.iomem != Source::Missing
        && tree.list("proc").read().is_some_and(|files| files.len() == 1)
    {
        "/proc/iomem alone"
    } else {
        return None;
    };
    Some(form.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root::archive::{Archive, Node};

    #[test]
    fn a_form_is_told_by_what_is_there() {
        for (paths, form) in [
            (&["sos_commands/kernel/dmesg", "sys/a"][..], Some("a sosreport")),
            (&["insights_commands/dmesg", "proc/cmdline"], Some("an archive of insights")),
            (&["proc_cmdline", "dmesg"], Some("a must-gather")),
            (&["var/log/dmesg"], Some("a kernel log alone")),
            (&["proc/iomem"], Some("/proc/iomem alone")),
            (&["proc/iomem", "proc/cmdline"], None),
            (&["proc/iomem", "sys/a"], None),
        ] {
            let mut tree = Archive::default();
            for path in paths {
                tree.insert((*path).to_owned(), Node::File(Vec::new()));
            }
            let there = |path: &str| {
                if paths.contains(&path) { Source::Read(String::new()) } else { Source::Missing }
            };
            let snapshot = Snapshot {
                iomem: there("proc/iomem"),
                kernel_log: there("var/log/dmesg"),
                ..Snapshot::default()
            };
            assert_eq!(of(&tree, &snapshot).as_deref(), form, "{paths:?}");
        }
    }
}
