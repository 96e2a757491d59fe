//! The release and the command line, where `/proc` does not show them.
//!
//! | fact | order of trust |
//! |---|---|
//! | release | `/proc/version`, `/proc/sys/kernel/osrelease`, a kept `uname -a`, the log's banner |
//! | command line | `/proc/cmdline`, `proc_cmdline` of a must-gather, the log's `Kernel command line:`, its `Command line:` |
//!
//! Of a log of several boots, the last one counts.

use evidence::log::last_boot;
use evidence::snapshot::stand_in;
use evidence::{Snapshot, Source};

use crate::readers::text::{value, whole};
use crate::root::files;
use crate::root::tree::Tree;

/// The kernel cuts lines of its log after about a thousand characters, time and prefix included.
const CUT_LINE: usize = 900;

/// Fills release and command line from the next place in the order of trust, and notes which one that was.
pub(crate) fn complete(snapshot: &mut Snapshot, tree: &dyn Tree) {
    let log = snapshot.kernel_log.read().map(|log| last_boot(log));
    if snapshot.version == Source::Missing
        && let Some((version, from)) = version(tree, log)
    {
        snapshot.version = Source::Read(version);
        snapshot.stand_ins.insert(stand_in::RELEASE.to_owned(), from);
    }
    if snapshot.command_line == Source::Missing
        && let Source::Read(line) = whole(tree, files::GATHERED_COMMAND_LINE)
    {
        snapshot.command_line = Source::Read(line.trim_end_matches('\n').to_owned());
        let from = files::GATHERED_COMMAND_LINE.to_owned();
        snapshot.stand_ins.insert(stand_in::COMMAND_LINE.to_owned(), from);
    }
    if snapshot.command_line == Source::Missing {
        let markers = ["Kernel command line: ", "Command line: "];
        let found = markers.into_iter().find_map(|marker| Some((command_line(log?, marker)?, marker)));
        if let Some((line, marker)) = found {
            let is_cut = line.len() >= CUT_LINE;
            let cut = if is_cut { ", which may be cut at its end: the kernel cuts long lines" } else { "" };
            snapshot.command_line = Source::Read(line);
            let from = format!("the log's `{}`{cut}", marker.trim_end());
            snapshot.stand_ins.insert(stand_in::COMMAND_LINE.to_owned(), from);
        }
    }
}

/// The command line behind `marker`. Since Linux 6.19 a long one goes on in the next line, after a backslash.
fn command_line(log: &str, marker: &str) -> Option<String> {
    let mut lines = firmware::log::lines(log.as_bytes())
        .filter_map(|(_, line)| std::str::from_utf8(line).ok())
        .skip_while(|line| !line.starts_with(marker));
    let mut whole = lines.next()?.strip_prefix(marker)?.trim_end().to_owned();
    while let Some(part) = whole.strip_suffix('\\') {
        let part = part.trim_end().to_owned();
        let Some(next) = lines.next() else { return Some(part) };
        whole = format!("{part} {}", next.strip_prefix(marker).unwrap_or(next).trim());
    }
    Some(whole)
}

/// A text like `/proc/version`, and where it is from.
fn version(tree: &dyn Tree, log: Option<&str>) -> Option<(String, String)> {
    if let Source::Read(release) = value(tree, files::RELEASE)
        && !release.is_empty()
    {
        return Some((format!("Linux version {release}"), format!("/{}", files::RELEASE)));
    }
    let of_uname = files::UNAMES.iter().find_map(|path| {
        let text = whole(tree, path);
        let line = text.read()?.lines().find(|line| line.starts_with("Linux "))?;
        let release = line.split_whitespace().nth(2)?;
        Some((format!("Linux version {release}"), format!("`uname -a` ({path})")))
    });
    of_uname.or_else(|| {
        let banner = after(log?, "Linux version ")?;
        Some((format!("Linux version {banner}"), "the banner of the kernel log".to_owned()))
    })
}

/// The rest of the first message that begins with `marker`.
fn after<'a>(log: &'a str, marker: &str) -> Option<&'a str> {
    firmware::log::lines(log.as_bytes())
        .find_map(|(_, line)| std::str::from_utf8(line).ok()?.strip_prefix(marker).map(str::trim_end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root::archive::{Archive, Node};

    const LOG: &str = "[ 0.0] Linux version 5.4.0 (a)\n[ 0.0] Command line: old\n\
                       [ 0.0] Linux version 6.1.0 (a)\n[ 0.0] Command line: quiet mem=1G\n";

    fn completed(tree: &Archive) -> Snapshot {
        let mut snapshot = Snapshot { kernel_log: Source::Read(LOG.into()), ..Snapshot::default() };
        complete(&mut snapshot, tree);
        snapshot
    }

    #[test]
    fn the_last_boot_of_a_log_gives_release_and_command_line() {
        let snapshot = completed(&Archive::default());
        assert_eq!(snapshot.version, Source::Read("Linux version 6.1.0 (a)".into()));
        assert_eq!(snapshot.command_line, Source::Read("quiet mem=1G".into()));
        assert_eq!(snapshot.stand_ins.len(), 2);
    }

    #[test]
    fn a_command_line_that_the_log_wraps_is_whole_and_one_that_it_cuts_is_said_to_be() {
        let marker = "Kernel command line: ";
        for (log, line) in [
            (
                format!(
                    "[ 0.0] {marker}quiet \\\n[ 0.0] {marker}mem=1G \\\n[ 0.0] {marker}nokaslr\n[ 0.0] x\n"
                ),
                "quiet mem=1G nokaslr",
            ),
            (format!("[ 0.0] {marker}quiet \\\n[ 0.0] mem=1G\n"), "quiet mem=1G"),
            (format!("[ 0.0] {marker}quiet \\\n"), "quiet"),
        ] {
            assert_eq!(command_line(&log, marker).as_deref(), Some(line), "{log}");
        }
        let log = format!("[ 0.0] {marker}{}\n", "a=1 ".repeat(230));
        let mut snapshot = Snapshot { kernel_log: Source::Read(log), ..Snapshot::default() };
        complete(&mut snapshot, &Archive::default());
        assert!(snapshot.stand_ins[stand_in::COMMAND_LINE].contains("may be cut"));
    }

    #[test]
    fn osrelease_comes_before_uname_and_uname_before_the_log() {
        let mut tree = Archive::default();
        let uname = b"Linux host 6.2.0 #1 SMP x86_64 GNU/Linux\n".to_vec();
        tree.insert("sos_commands/kernel/uname_-a".into(), Node::File(uname));
        assert_eq!(completed(&tree).version, Source::Read("Linux version 6.2.0".into()));
        tree.insert(files::RELEASE.into(), Node::File(b"6.3.0\n".to_vec()));
        assert_eq!(completed(&tree).version, Source::Read("Linux version 6.3.0".into()));
    }

    #[test]
    fn what_proc_shows_is_not_replaced() {
        let mut snapshot = Snapshot {
            kernel_log: Source::Read(LOG.into()),
            version: Source::Read("Linux version 6.9".into()),
            command_line: Source::Read(String::new()),
            ..Snapshot::default()
        };
        complete(&mut snapshot, &Archive::default());
        assert_eq!(snapshot.version, Source::Read("Linux version 6.9".into()));
        assert_eq!(snapshot.command_line, Source::Read(String::new()));
        assert!(snapshot.stand_ins.is_empty());
    }
}
