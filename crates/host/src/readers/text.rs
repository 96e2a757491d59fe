//! The texts of `/proc`, and whether `/proc/iomem` hides its addresses.

use evidence::Source;

use crate::root::files;
use crate::root::source::{and_then, map, nonsense, text, without_padding};
use crate::root::tree::Tree;

/// A machine with thousands of devices prints a few hundred KiB; this is room for the largest.
const LARGEST: usize = 64 << 20;

/// A text, without trailing zeros that a copy may have added.
pub(crate) fn whole(tree: &dyn Tree, path: &str) -> Source<String> {
    map(tree.read(path, LARGEST), unpadded)
}

fn unpadded(mut bytes: Vec<u8>) -> String {
    bytes.truncate(without_padding(&bytes).len());
    text(bytes)
}

/// A text that is never empty: an empty one is a failed copy.
pub(crate) fn never_empty(tree: &dyn Tree, path: &str) -> Source<String> {
    and_then(whole(tree, path), |text| {
        if text.is_empty() {
            nonsense(format!("/{path} is empty, which no kernel prints: it was not copied right"))
        } else {
            Source::Read(text)
        }
    })
}

/// The short value of a file of sysfs or of `/proc/sys`, without the newline.
pub(crate) fn value(tree: &dyn Tree, path: &str) -> Source<String> {
    map(tree.read(path, 64 << 10), |bytes| unpadded(bytes).trim_end().to_owned())
}

/// `/proc/cmdline`, without the newline.
pub(crate) fn command_line(tree: &dyn Tree) -> Source<String> {
    map(whole(tree, files::COMMAND_LINE), |mut line| {
        if line.ends_with('\n') {
            line.pop();
        }
        line
    })
}

/// `/proc/iomem`, unless its addresses are hidden.
///
/// Without `CAP_SYS_ADMIN`, the kernel prints every line with zeros as addresses. They look like data, so the file
/// is reported as unreadable.
pub(crate) fn iomem(tree: &dyn Tree) -> Source<String> {
    and_then(never_empty(tree, files::IOMEM), |text| {
        if is_hidden(&text) {
            Source::Unreadable {
                why: "/proc/iomem shows only zeros: the kernel hides addresses from this user; run as root \
                      (CAP_SYS_ADMIN), or give --from CAPTURE"
                    .into(),
                for_lack_of_privilege: true,
            }
        } else {
            Source::Read(text)
        }
    })
}

/// Whether every address is zero. A single line without a name is not enough; no kernel prints only that.
fn is_hidden(iomem: &str) -> bool {
    let mut lines = 0_usize;
    let mut named = false;
    for line in iomem.lines().filter(|line| !line.trim().is_empty()) {
        let Some((range, name)) = line.split_once(" : ").or_else(|| line.split_once(':')) else {
            return false;
        };
        let Some((start, end)) = range.trim().split_once('-') else { return false };
        let zero = |digits: &str| !digits.is_empty() && digits.bytes().all(|digit| digit == b'0');
        if !zero(start) || !zero(end) {
            return false;
        }
        lines = lines.saturating_add(1);
        named |= !name.trim().is_empty();
    }
    lines > 1 || named
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::root::archive::{Archive, Node};

    fn iomem_of(text: &str) -> Source<String> {
        let mut archive = Archive::default();
        archive.insert(files::IOMEM.into(), Node::File(text.into()));
        iomem(&archive)
    }

    #[test]
    fn an_iomem_of_zeros_is_unreadable_for_lack_of_privilege() {
        let hidden = "00000000-00000000 : Reserved\n  00000000-00000000 : System RAM\n";
        assert!(matches!(iomem_of(hidden), Source::Unreadable { for_lack_of_privilege: true, .. }));
        assert!(matches!(
            iomem_of("00000000-00000000 : System RAM\n"),
            Source::Unreadable { for_lack_of_privilege: true, .. }
        ));
    }

    #[test]
    fn one_address_is_enough_for_an_iomem_to_be_data() {
        for text in [
            "00000000-00000fff : Reserved\n",
            "00000000-00000000 : Reserved\n00001000-0009ffff : System RAM\n",
            "00000000-00000000 : \n",
        ] {
            assert_eq!(iomem_of(text), Source::Read(text.into()), "{text:?}");
        }
    }

    #[test]
    fn an_empty_iomem_is_no_data() {
        assert!(matches!(iomem_of(""), Source::Unreadable { for_lack_of_privilege: false, .. }));
    }

    #[test]
    fn trailing_zeros_of_a_copy_are_removed() {
        let mut archive = Archive::default();
        archive.insert("proc/padded".into(), Node::File(b"8000000\n\0\0\0".to_vec()));
        assert_eq!(value(&archive, "proc/padded"), Source::Read("8000000".into()));
        assert_eq!(whole(&archive, "proc/padded"), Source::Read("8000000\n".into()));
    }

    #[test]
    fn invalid_utf8_does_not_hide_the_rest() {
        let mut archive = Archive::default();
        archive.insert(files::COMMAND_LINE.into(), Node::File(b"quiet \xff mem=1G \n".to_vec()));
        assert_eq!(command_line(&archive), Source::Read("quiet \u{fffd} mem=1G ".into()));
    }
}
