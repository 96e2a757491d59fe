//! The kernel log from a file.

use machine::snapshot::Source;

use crate::files;
use crate::source::{nonsense, or_else};
use crate::text::whole;
use crate::tree::Tree;

/// The log of a capture or of a sosreport.
pub(crate) fn of_files(tree: &dyn Tree) -> Source<String> {
    files::KERNEL_LOGS.iter().fold(Source::Missing, |found, path| or_else(found, || whole(tree, path)))
}

/// The log of the machine this runs on: what the kernel has, or else a file of this boot.
///
/// A file may be of an earlier boot, and then its addresses are no longer true. It has to show this
/// kernel's banner and command line.
pub(crate) fn of_this_machine(
    kmsg: Source<String>,
    tree: &dyn Tree,
    version: &Source<String>,
    command_line: &Source<String>,
) -> Source<String> {
    if matches!(kmsg, Source::Read(_)) {
        return kmsg;
    }
    match (of_files(tree), version.read(), command_line.read()) {
        (Source::Read(log), Some(version), Some(command_line))
            if log.contains(version.trim_end()) && log.contains(command_line.trim_end()) =>
        {
            Source::Read(log)
        }
        (Source::Read(_), _, _) if kmsg == Source::Missing => nonsense(
            "/var/log/dmesg is of another boot: it does not show this kernel's version and command line"
                .into(),
        ),
        _ => kmsg,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::{Archive, Node};

    fn denied() -> Source<String> {
        Source::Unreadable { why: "denied".into(), for_lack_of_privilege: true }
    }

    #[test]
    fn the_log_of_an_earlier_boot_is_not_shown_as_this_ones() {
        let mut archive = Archive::default();
        let log = "Linux version 6.1 (a) #1\nKernel command line: quiet\n";
        archive.insert("var/log/dmesg".into(), Node::File(log.into()));
        let of = |kmsg, version: &str, command_line: &str| {
            of_this_machine(
                kmsg,
                &archive,
                &Source::Read(version.to_owned()),
                &Source::Read(command_line.to_owned()),
            )
        };
        assert_eq!(of(denied(), "Linux version 6.1 (a) #1\n", "quiet"), Source::Read(log.into()));
        assert_eq!(of(denied(), "Linux version 6.2 (a) #1\n", "quiet"), denied());
        assert_eq!(of(denied(), "Linux version 6.1 (a) #1\n", "quiet mem=1G"), denied());
        assert!(matches!(
            of(Source::Missing, "Linux version 6.2 (a) #1\n", "quiet"),
            Source::Unreadable { for_lack_of_privilege: false, .. }
        ));
        assert_eq!(of(Source::Read("now".into()), "", ""), Source::Read("now".into()));
    }

    #[test]
    fn a_captures_own_log_comes_before_sosreports() {
        let mut archive = Archive::default();
        archive.insert("sos_commands/kernel/dmesg".into(), Node::File(b"sos".to_vec()));
        assert_eq!(of_files(&archive), Source::Read("sos".into()));
        archive.insert("var/log/dmesg".into(), Node::File(b"own".to_vec()));
        assert_eq!(of_files(&archive), Source::Read("own".into()));
    }
}
