//! The kernel's build configuration: `/proc/config.gz` or the installed file.

use std::io::Read;

use evidence::Source;
use images::decompress::Format;

use crate::readers::text::{value, whole};
use crate::root::files;
use crate::root::source::{and_then, nonsense, or_else, text};
use crate::root::tree::Tree;

/// A configuration is a few hundred KiB.
const LARGEST: u64 = 16 << 20;

/// The configuration of the running kernel: `/proc/config.gz` if the kernel has it, otherwise the installed
/// file of exactly this release.
pub(crate) fn read(tree: &dyn Tree, version: &Source<String>) -> Source<String> {
    let carried = and_then(tree.read(files::CONFIG_GZ, 16 << 20), |bytes| {
        let mut config = Vec::new();
        match Format::Gzip.first(bytes.as_slice()).take(LARGEST).read_to_end(&mut config) {
            Ok(_) => Source::Read(text(config)),
            Err(error) => nonsense(format!("/{} cannot be unpacked: {error}", files::CONFIG_GZ)),
        }
    });
    or_else(carried, || {
        let release = match value(tree, files::RELEASE) {
            Source::Read(release) => release,
            _ => version.read().and_then(|version| release_in(version)).unwrap_or_default().to_owned(),
        };
        files::config_paths(&release)
            .iter()
            .fold(Source::Missing, |found, path| or_else(found, || whole(tree, path)))
    })
}

/// The release in `Linux version RELEASE (...) ...`.
fn release_in(version: &str) -> Option<&str> {
    version.strip_prefix("Linux version ")?.split_whitespace().next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root::archive::{Archive, Node};

    #[test]
    fn the_installed_configuration_is_that_of_the_running_release() {
        let mut archive = Archive::default();
        archive.insert("boot/config-6.12.0-1".into(), Node::File(b"CONFIG_A=y\n".to_vec()));
        archive.insert("boot/config-6.12.0-2".into(), Node::File(b"CONFIG_B=y\n".to_vec()));
        let version = Source::Read("Linux version 6.12.0-2 (gcc) #1 SMP\n".into());
        assert_eq!(read(&archive, &version), Source::Read("CONFIG_B=y\n".into()));
        assert_eq!(read(&archive, &Source::Missing), Source::Missing);
        archive.insert(files::RELEASE.into(), Node::File(b"6.12.0-1\n".to_vec()));
        assert_eq!(read(&archive, &version), Source::Read("CONFIG_A=y\n".into()));
    }

    #[test]
    fn a_damaged_config_is_unreadable_not_missing() {
        let mut archive = Archive::default();
        archive.insert(files::CONFIG_GZ.into(), Node::File(b"\x1f\x8bnonsense".to_vec()));
        assert!(matches!(read(&archive, &Source::Missing), Source::Unreadable { .. }));
    }
}
