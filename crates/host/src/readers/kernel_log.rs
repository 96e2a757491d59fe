//! The kernel log from a file.

use evidence::Source;

use crate::readers::journal;
use crate::readers::text::whole;
use crate::root::files;
use crate::root::source::{map, nonsense};
use crate::root::tree::Tree;

/// The kernel cuts log lines after about a thousand characters, time and prefix included: a command line longer
/// than this may be incomplete there.
const CUT_LINE: usize = 900;

/// The log of a capture or a sosreport.
///
/// A file may be from an earlier boot, such as one that a service wrote to `var/log` months ago. A log with
/// another kernel's banner or command line is rejected. Of the others, the one that shows most of this boot
/// wins. A log that shows neither, because its beginning was overwritten, is a last resort.
pub(crate) fn of_files(
    tree: &dyn Tree,
    version: &Source<String>,
    command_line: &Source<String>,
) -> Source<String> {
    best_of_files(tree, version, command_line).0
}

/// The log, and how much of this boot it shows (0 to 2).
fn best_of_files(
    tree: &dyn Tree,
    version: &Source<String>,
    command_line: &Source<String>,
) -> (Source<String>, usize) {
    let mut best = Source::Missing;
    let mut shown_by_best = 0;
    for path in files::KERNEL_LOGS {
        let found = match map(whole(tree, path), journal::plain) {
            // Written by a service that could not read the log, or not yet.
            Source::Read(log) if log.trim().is_empty() => continue,
            Source::Read(log) => match shown_of_boot(&log, version, command_line) {
                Some(shown) => {
                    if !matches!(best, Source::Read(_)) || shown > shown_by_best {
                        (best, shown_by_best) = (Source::Read(log), shown);
                    }
                    continue;
                }
                None => nonsense(format!(
                    "/{path} is of another boot: it does not show this kernel's version and command line"
                )),
            },
            Source::Missing => continue,
            unreadable @ Source::Unreadable { .. } => unreadable,
        };
        if best == Source::Missing {
            best = found;
        }
    }
    (best, shown_by_best)
}

/// How many of this boot's banner and command line a log shows; `None` if one of them is from another boot. If
/// it is unknown for this boot or not in the log, it proves nothing.
fn shown_of_boot(log: &str, version: &Source<String>, command_line: &Source<String>) -> Option<usize> {
    let shows = |known: &Source<String>, marker: &str, is_same: fn(&str, &str) -> bool| {
        let Some(known) = known.read() else { return Some(0_usize) };
        let mut lines =
            log.lines().filter_map(|line| line.find(marker).and_then(|at| line.get(at..))).peekable();
        if lines.peek().is_none() {
            return Some(0);
        }
        lines.any(|line| is_same(line.trim_end(), known.trim())).then_some(1)
    };
    let banner = shows(version, "Linux version ", is_same_banner)?;
    let line = shows(command_line, "Kernel command line: ", is_same_command_line)?;
    banner.checked_add(line)
}

/// Whether a log's banner matches `/proc/version`. If a copy's `/proc/version` was composed from `uname`, it
/// lacks builder and compiler and ends with the architecture.
fn is_same_banner(banner: &str, version: &str) -> bool {
    let begins = |text: &str, start: &str| {
        text.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace))
    };
    let release = |text: &str| text.split_whitespace().nth(2).map(str::to_owned);
    let same_build = || match (banner.rsplit_once(" #"), version.rsplit_once(" #")) {
        (Some((_, of_log)), Some((_, of_proc))) => {
            // People shorten one of the two before they show it: only a time of a build tells builds apart.
            let is_dated = |build: &str| build.split_whitespace().any(is_time);
            begins(of_proc, of_log) || !(is_dated(of_log) && is_dated(of_proc))
        }
        _ => true,
    };
    begins(banner, version)
        || begins(version, banner)
        || (release(banner) == release(version) && same_build())
}

/// `20:30:00`
fn is_time(word: &str) -> bool {
    let mut parts = word.split(':');
    let is_number = |part: &str| part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
    parts.by_ref().take(3).filter(|part| is_number(part)).count() == 3 && parts.next().is_none()
}

/// Whether a log line shows `/proc/cmdline`, or as much of it as fits on a line.
fn is_same_command_line(line: &str, command_line: &str) -> bool {
    let shown = line.split_once(": ").map_or("", |(_, shown)| shown).trim();
    // Since Linux 6.19 a long command line goes on in the next line, after a backslash.
    let wrapped = shown.strip_suffix('\\').map(str::trim_end);
    let beginning = wrapped.or_else(|| (shown.len() >= CUT_LINE).then_some(shown));
    shown == command_line || beginning.is_some_and(|beginning| command_line.starts_with(beginning))
}

/// The log of the running machine: from the kernel, or else from a file of this boot.
///
/// A file from an earlier boot would have wrong addresses, so it must show this kernel's banner and command
/// line.
pub(crate) fn of_this_machine(
    kmsg: Source<String>,
    tree: &dyn Tree,
    version: &Source<String>,
    command_line: &Source<String>,
) -> Source<String> {
    if matches!(kmsg, Source::Read(_)) {
        return kmsg;
    }
    match best_of_files(tree, version, command_line) {
        (Source::Read(log), 2) => Source::Read(log),
        (Source::Read(_), _) if kmsg == Source::Missing => nonsense(
            "/var/log/dmesg may be of another boot: it does not show this kernel's version and command line"
                .into(),
        ),
        (unreadable @ Source::Unreadable { .. }, _) if kmsg == Source::Missing => unreadable,
        _ => kmsg,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root::archive::{Archive, Node};

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

    const OWN: &str = "var/log/dmesg";
    const SOS: &str = "sos_commands/kernel/dmesg";
    const THIS: &str =
        "[0.0] Linux version 6.1 (a) (gcc) #1 SMP 10:00:00 2026\n[0.0] Kernel command line: quiet\n";

    fn chosen(logs: &[(&str, &str)]) -> Source<String> {
        let mut archive = Archive::default();
        for (path, log) in logs {
            archive.insert((*path).to_owned(), Node::File((*log).into()));
        }
        let version = Source::Read("Linux version 6.1 (a) (gcc) #1 SMP 10:00:00 2026\n".into());
        of_files(&archive, &version, &Source::Read("quiet".into()))
    }

    #[test]
    fn a_captures_own_log_comes_before_sosreports_if_both_are_of_this_boot() {
        let other = format!("{THIS}[1.0] later\n");
        assert_eq!(chosen(&[(SOS, THIS)]), Source::Read(THIS.into()));
        assert_eq!(chosen(&[(OWN, &other), (SOS, THIS)]), Source::Read(other));
    }

    #[test]
    fn a_log_of_another_boot_gives_way_to_one_of_this() {
        for stale in [
            THIS.replace("6.1", "6.2"),
            THIS.replace("10:00:00", "09:59:59"),
            THIS.replace("quiet", "quiet mem=1G"),
        ] {
            assert_eq!(chosen(&[(OWN, &stale), (SOS, THIS)]), Source::Read(THIS.into()), "{stale}");
            assert_eq!(chosen(&[(OWN, &stale), (SOS, "[9.9] x\n")]), Source::Read("[9.9] x\n".into()));
            let alone = chosen(&[(OWN, &stale)]);
            let says_which = |why: &String| why.contains("/var/log/dmesg is of another boot");
            assert!(matches!(&alone, Source::Unreadable { why, .. } if says_which(why)), "{alone:?}");
        }
    }

    #[test]
    fn an_empty_or_unreadable_log_hides_no_other_one() {
        assert_eq!(chosen(&[(OWN, "\n"), (SOS, THIS)]), Source::Read(THIS.into()));
        assert_eq!(chosen(&[(OWN, "")]), Source::Missing);
        let mut archive = Archive::default();
        archive.insert(OWN.into(), Node::Refused("is broken".into()));
        assert!(matches!(of_files(&archive, &Source::Missing, &Source::Missing), Source::Unreadable { .. }));
        archive.insert(SOS.into(), Node::File(THIS.into()));
        assert_eq!(of_files(&archive, &Source::Missing, &Source::Missing), Source::Read(THIS.into()));
    }

    #[test]
    fn a_log_without_its_beginning_is_a_last_resort() {
        let tail = "[77.0] usb 1-1: new device\n";
        assert_eq!(chosen(&[(OWN, tail)]), Source::Read(tail.into()));
        assert_eq!(chosen(&[(OWN, tail), (SOS, THIS)]), Source::Read(THIS.into()));
    }

    #[test]
    fn a_version_composed_from_uname_matches_its_kernel() {
        let log = "Linux version 6.1-x (root@vm) (gcc (Debian) 12.2) #1 SMP Sun Nov 22 09:00:00 UTC";
        assert!(is_same_banner(log, "Linux version 6.1-x #1 SMP Sun Nov 22 09:00:00 UTC aarch64 GNU/Linux"));
        assert!(!is_same_banner(log, "Linux version 6.1-x #1 SMP Sun Nov 22 09:00:01 UTC aarch64 GNU/Linux"));
        assert!(!is_same_banner(log, "Linux version 6.1-y #1 SMP Sun Nov 22 aarch64 GNU/Linux"));
    }

    #[test]
    fn a_banner_that_was_shortened_matches_by_its_release() {
        let log = "Linux version 6.19.0-rc4 (a@host) (gcc (GCC) 13.3.0) #1 SMP Sat Nov 10 20:30:00 EST 2018";
        assert!(is_same_banner(log, "Linux version 6.19.0-rc4 (a@host) (gcc) #1 SMP x86_64"));
        assert!(is_same_banner(log, "Linux version 6.19.0-rc4 (a@host) (gcc) #1 SMP Sat Nov 10 2018"));
        assert!(is_same_banner(log, "Linux version 6.19.0-rc4"));
        assert!(!is_same_banner(log, "Linux version 6.19.0 (a@host) (gcc) #1 SMP x86_64"));
    }

    #[test]
    fn a_command_line_longer_than_a_log_line_is_matched_by_its_beginning() {
        let long = format!("quiet {}", "memmap=4K$300M ".repeat(100));
        let marker = "Kernel command line: ";
        assert!(is_same_command_line(&format!("{marker}{}", &long[..970]), long.trim_end()));
        assert!(is_same_command_line(&format!("{marker}{} \\", &long[..20]), long.trim_end()));
        assert!(!is_same_command_line(&format!("{marker}{}", &long[..20]), long.trim_end()));
        assert!(!is_same_command_line(&format!("{marker}{long}more"), long.trim_end()));
    }
}
