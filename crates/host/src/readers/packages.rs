//! The version of kexec-tools: from the program, or from a list of packages.
//!
//! A capture keeps of these files only what they say about kexec-tools: all packages of a machine are nobody's
//! business.

use evidence::Source;

use crate::root::files;
use crate::root::source::text;
use crate::root::tree::Tree;

/// The program has a few hundred KiB.
const LARGEST_PROGRAM: usize = 8 << 20;
/// A list has a few MiB.
const LARGEST_LIST: usize = 64 << 20;
/// The name of the package, and what the program prints before its version.
const NAME: &str = "kexec-tools";

/// The version of kexec-tools, three numbers; missing if the machine does not have it, or nothing shows it.
pub(crate) fn kexec_tools(tree: &dyn Tree) -> Source<String> {
    let of_file = |path: &&str| match tree.read(path, limit(path)) {
        Source::Read(bytes) => version(path, bytes),
        _ => None,
    };
    let of_directory = || match tree.list(files::PACMAN) {
        Source::Read(entries) => entries.iter().find_map(|entry| version_after_name(&entry.name)),
        _ => None,
    };
    let found = files::KEXEC_PROGRAMS.iter().chain(&files::PACKAGE_LISTS).find_map(of_file);
    found.or_else(of_directory).map_or(Source::Missing, Source::Read)
}

/// What a capture keeps of a file: of a program or a list of packages the version of kexec-tools, if any, in words that
/// are read back; anything else is kept as it is.
pub(crate) fn kept(path: &str, bytes: Vec<u8>) -> Option<Vec<u8>> {
    if files::KEXEC_PROGRAMS.contains(&path) || files::PACKAGE_LISTS.contains(&path) {
        return version(path, bytes).map(|version| format!("{NAME} {version}\n").into_bytes());
    }
    Some(bytes)
}

fn limit(path: &str) -> usize {
    if files::KEXEC_PROGRAMS.contains(&path) { LARGEST_PROGRAM } else { LARGEST_LIST }
}

fn version(path: &str, bytes: Vec<u8>) -> Option<String> {
    let text = text(bytes);
    if files::KEXEC_PROGRAMS.contains(&path) {
        return text.match_indices(NAME).find_map(|(at, _)| leading(after(&text, at)?.strip_prefix(' ')?));
    }
    let (mut is_ours, mut found) = (false, None);
    for line in text.lines() {
        match line.split_once(':') {
            // dpkg's status and apk's database: a paragraph for each package.
            Some(("Package" | "P", name)) => is_ours = name.trim() == NAME,
            Some(("Version" | "V", version)) if is_ours => found = found.or_else(|| leading(version.trim())),
            // A line for each package.
            _ => found = found.or_else(|| of_line(line)),
        }
    }
    found
}

/// `ii  kexec-tools  1:2.0.25-3+b1  amd64 …`, or `kexec-tools-2.0.25-13.el9.x86_64 …`.
fn of_line(line: &str) -> Option<String> {
    let mut words = line.split_whitespace().take(3).peekable();
    while let Some(word) = words.next() {
        if word.split(':').next() == Some(NAME) {
            return leading(words.peek()?);
        }
        if let Some(version) = version_after_name(word) {
            return Some(version);
        }
    }
    None
}

/// `kexec-tools-2.0.32-1`.
fn version_after_name(word: &str) -> Option<String> {
    leading(word.strip_prefix(NAME)?.strip_prefix('-')?)
}

fn after(text: &str, at: usize) -> Option<&str> {
    text.get(at.checked_add(NAME.len())?..)
}

/// The three numbers a package's version starts with, behind the epoch: `1:2.0.29-2+b1`.
fn leading(version: &str) -> Option<String> {
    let version = version.split_once(':').map_or(version, |(epoch, rest)| {
        if epoch.bytes().all(|byte| byte.is_ascii_digit()) { rest } else { version }
    });
    let end = version.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(version.len());
    let numbers = version.get(..end)?.trim_end_matches('.');
    let parts: Option<Vec<u32>> = numbers.split('.').map(|part| part.parse().ok()).collect();
    parts.filter(|parts| parts.len() == 3).map(|_| numbers.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str, text: &str) -> Option<String> {
        version(path, text.as_bytes().to_vec())
    }

    #[test]
    fn each_package_manager_says_which_version_it_installed() {
        let status = "Package: kexec\nVersion: 9.9.9\n\nPackage: kexec-tools\nStatus: install ok installed\n\
                      Version: 1:2.0.29-2+b1\n\nPackage: zlib\nVersion: 1.2.3\n";
        assert_eq!(of("var/lib/dpkg/status", status).as_deref(), Some("2.0.29"));
        assert_eq!(of("lib/apk/db/installed", "P:kexec-tools\nV:2.0.32-r0\n").as_deref(), Some("2.0.32"));
        let list = "ii  kdump-tools  1:1.10  amd64  x\nii  kexec-tools    1:2.0.25-3+b1   amd64  tools\n";
        assert_eq!(of("installed-debs", list).as_deref(), Some("2.0.25"));
        let rpms = "kernel-6.1.0-1.x86_64  Tue\nkexec-tools-2.0.25-13.el9.x86_64   Tue 1 Jul\n";
        assert_eq!(of("installed-rpms", rpms).as_deref(), Some("2.0.25"));
        assert_eq!(of("installed-rpms", "kexec-tools-eppic-2.0.25-13.el9.x86_64\n"), None);
        assert_eq!(of("installed-rpms", ""), None);
    }

    #[test]
    fn the_program_names_itself_and_a_capture_keeps_only_that() {
        let program = b"\x7fELF\0kexec-tools\0\xffkexec-tools 2.0.32\0x".to_vec();
        let kept = kept("usr/sbin/kexec", program).unwrap();
        assert_eq!(kept, b"kexec-tools 2.0.32\n");
        assert_eq!(version("usr/sbin/kexec", kept).as_deref(), Some("2.0.32"));
        let list = super::kept("var/lib/dpkg/status", b"Package: a\nVersion: 1.2.3\n".to_vec());
        assert_eq!(list, None);
        let list =
            super::kept("var/lib/dpkg/status", b"Package: kexec-tools\nVersion: 1:2.0.29-1\n".to_vec());
        assert_eq!(version("var/lib/dpkg/status", list.unwrap()).as_deref(), Some("2.0.29"));
    }
}
