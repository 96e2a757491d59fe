//! Finds the last boot in a log.

/// The log from the last boot's banner onwards; the whole log if there is no banner.
///
/// A kernel's first line is `Linux version RELEASE`. Journals and serial consoles also contain earlier boots and the
/// output of firmware and boot loaders. O(bytes).
pub fn last_boot(log: &str) -> &str {
    let banners = log.rmatch_indices("Linux version ").filter_map(|(at, _)| {
        let start = log.get(..at)?.rfind('\n').map_or(0, |newline| newline.saturating_add(1));
        log.get(start..)
    });
    banners.into_iter().find(|rest| begins_with_banner(rest)).unwrap_or(log)
}

/// Whether the banner is the whole message of the first line, rather than words inside another message.
fn begins_with_banner(log: &str) -> bool {
    let line = log.lines().next().unwrap_or_default();
    firmware::log::lines(line.as_bytes()).next().is_some_and(|(_, line)| line.starts_with(b"Linux version "))
}

#[cfg(test)]
mod tests {
    use super::last_boot;

    #[test]
    fn the_log_starts_at_the_last_banner_whatever_its_prefix() {
        for prefix in ["", "[    0.000000] ", "<5>[    0.000000] ", "Nov 29 10:00:00 host kernel: "] {
            let boot =
                |release: u32| format!("{prefix}Linux version {release} (x)\n{prefix}line of {release}\n");
            let log = format!("firmware\n{}{}", boot(1), boot(2));
            assert_eq!(last_boot(&log), boot(2), "{prefix:?}");
        }
    }

    #[test]
    fn a_message_about_another_linux_version_is_not_a_banner() {
        let log = "[ 0.0] Linux version 1 (x)\n[ 9.0] dump of Linux version 2 saved\n";
        assert_eq!(last_boot(log), log);
        assert_eq!(last_boot("[ 9.0] eth0: link up\n"), "[ 9.0] eth0: link up\n");
    }
}
