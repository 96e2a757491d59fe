//! A tree on the file system.
//!
//! Files are opened relative to the root's descriptor. Below a root other than `/`, symbolic links are not
//! followed, neither in the middle of a path nor at its end: a link to `/sys/...` in a copy of another machine
//! would lead to this machine's files.

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use evidence::Source;
use rustix::buffer::spare_capacity;
use rustix::fs::{FileType, Mode, OFlags, RawDir, ResolveFlags, fstat, openat, openat2, readlinkat};
use rustix::io::{Errno, read, retry_on_intr};

use crate::root::source::{and_then, nonsense, text, without_padding};
use crate::root::tree::{Entry, Kind, Tree};

/// A directory on the file system.
///
/// # Invariants
/// Unless the links mode is [`Links::Follow`], nothing outside `root` is ever opened.
pub(crate) struct Directory {
    root: OwnedFd,
    /// Its path on the machine, with a trailing slash.
    name: String,
    links: Links,
}

/// What to do with symbolic links inside a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Links {
    /// Follow them: the running machine.
    Follow,
    /// Refuse them, in the kernel (`openat2`, since Linux 5.6).
    Refuse,
    /// Refuse them, one directory at a time: an older kernel, or a sandbox without `openat2`.
    RefuseStepwise,
}

/// `O_NONBLOCK`: do not wait for the writer of a named pipe in a copied tree.
const READ: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::NOCTTY).union(OFlags::NONBLOCK);
const LIST: OFlags = OFlags::RDONLY.union(OFlags::CLOEXEC).union(OFlags::DIRECTORY);
const AT: OFlags = OFlags::PATH.union(OFlags::CLOEXEC);
/// The buffer size for directories and large files.
const CHUNK: usize = 64 * 1024;
/// The largest page of any kernel: a copied attribute may be padded to this size.
const PADDED: usize = 64 * 1024;

impl Directory {
    /// The root of the running machine.
    pub(crate) fn live() -> std::io::Result<Self> {
        let root = openat(rustix::fs::CWD, "/", LIST, Mode::empty())?;
        Ok(Self { root, name: "/".into(), links: Links::Follow })
    }

    /// Any directory as the root of a machine.
    pub(crate) fn sysroot(path: &Path) -> std::io::Result<Self> {
        let root = openat(rustix::fs::CWD, path, LIST, Mode::empty())?;
        let links = match openat2(&root, ".", LIST, Mode::empty(), refuse()) {
            Ok(_) => Links::Refuse,
            Err(_) => Links::RefuseStepwise,
        };
        Ok(Self { root, name: "/".into(), links })
    }

    /// A subdirectory, as the new root.
    pub(crate) fn into_child(self, name: &str) -> std::io::Result<Self> {
        let root = self.open(name, LIST)?;
        Ok(Self { root, ..self })
    }

    fn open(&self, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        match self.links {
            Links::Follow => retry_on_intr(|| openat(&self.root, path, flags, Mode::empty())),
            Links::Refuse => retry_on_intr(|| openat2(&self.root, path, flags, Mode::empty(), refuse())),
            Links::RefuseStepwise => self.open_stepwise(path, flags),
        }
    }

    fn open_stepwise(&self, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        let mut parent: Option<OwnedFd> = None;
        let (above, last) = path.rsplit_once('/').unwrap_or(("", path));
        for step in above.split('/').filter(|step| !step.is_empty()) {
            let here = parent.as_ref().map_or(self.root.as_fd(), AsFd::as_fd);
            parent = Some(step_into(here, step, AT | OFlags::DIRECTORY)?);
        }
        step_into(parent.as_ref().map_or(self.root.as_fd(), AsFd::as_fd), last, flags)
    }

    fn named(&self, path: &str) -> String {
        format!("{}{path}", self.name)
    }

    fn failed<T>(&self, path: &str, error: Errno) -> Source<T> {
        let named = self.named(path);
        match error {
            Errno::NOENT | Errno::NOTDIR => Source::Missing,
            Errno::ACCESS | Errno::PERM => Source::Unreadable {
                why: format!(
                    "{named}: permission denied; run as root (a kernel in lockdown refuses even root)"
                ),
                for_lack_of_privilege: true,
            },
            Errno::LOOP => nonsense(format!(
                "{named}: a symbolic link on the way, and none is followed below a root directory; copy the \
                 file itself"
            )),
            error => nonsense(format!("{named}: {}", std::io::Error::from(error))),
        }
    }
}

fn refuse() -> ResolveFlags {
    ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS
}

/// Opens one name without following it. A link in place of a directory fails with `ENOTDIR`, like a missing
/// file: it is reported as `ELOOP` instead.
fn step_into(parent: impl AsFd, name: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
    retry_on_intr(|| openat(&parent, name, flags | OFlags::NOFOLLOW, Mode::empty())).map_err(|error| {
        let is_link = error == Errno::NOTDIR && readlinkat(&parent, name, Vec::new()).is_ok();
        if is_link { Errno::LOOP } else { error }
    })
}

impl Tree for Directory {
    fn read(&self, path: &str, limit: usize) -> Source<Vec<u8>> {
        let file = match self.open(path, READ) {
            Ok(file) => file,
            Err(error) => return self.failed(path, error),
        };
        match fstat(&file).map(|stat| FileType::from_raw_mode(stat.st_mode)) {
            Ok(FileType::RegularFile) => {}
            Ok(_) => return nonsense(format!("{} is not a regular file", self.named(path))),
            Err(error) => return self.failed(path, error),
        }
        let mut bytes = Vec::new();
        loop {
            bytes.reserve(CHUNK);
            match retry_on_intr(|| read(&file, spare_capacity(&mut bytes))) {
                Ok(0) => return Source::Read(bytes),
                Ok(_) if bytes.len() > limit => {
                    return nonsense(format!("{} is larger than {limit} bytes", self.named(path)));
                }
                Ok(_) => {}
                Err(error) => return self.failed(path, error),
            }
        }
    }

    fn read_small(&self, path: &str, buffer: &mut [u8]) -> Source<usize> {
        let file = match self.open(path, READ) {
            Ok(file) => file,
            Err(error) => return self.failed(path, error),
        };
        // One call is enough: sysfs and ordinary file systems return a small file at once. Only a full buffer
        // means that there may be more.
        match retry_on_intr(|| read(&file, &mut *buffer)) {
            Ok(count) if count == buffer.len() => {
                let too_long = || nonsense(format!("{} is not smaller than {count} bytes", self.named(path)));
                if buffer.last() != Some(&0) {
                    return too_long();
                }
                // A copy that was padded to a page or more.
                and_then(self.read(path, PADDED), |bytes| {
                    let text = without_padding(&bytes);
                    match buffer.get_mut(..text.len()) {
                        Some(room) if text.len() < count => {
                            room.copy_from_slice(text);
                            Source::Read(text.len())
                        }
                        _ => too_long(),
                    }
                })
            }
            Ok(count) => {
                Source::Read(buffer.get(..count).map_or(count, |bytes| without_padding(bytes).len()))
            }
            Err(error) => self.failed(path, error),
        }
    }

    fn link(&self, path: &str) -> Source<String> {
        match readlinkat(&self.root, path, Vec::new()) {
            Ok(target) => Source::Read(text(target.into_bytes())),
            Err(Errno::INVAL) => nonsense(format!("{} is not a symbolic link", self.named(path))),
            Err(error) => self.failed(path, error),
        }
    }

    fn list(&self, path: &str) -> Source<Vec<Entry>> {
        let directory = match self.open(path, LIST) {
            Ok(directory) => directory,
            Err(error) => return self.failed(path, error),
        };
        let mut buffer = Vec::with_capacity(CHUNK);
        let mut names = RawDir::new(directory, buffer.spare_capacity_mut());
        let mut entries = Vec::new();
        while let Some(name) = names.next() {
            match name {
                Ok(name) if matches!(name.file_name().to_bytes(), b"." | b"..") => {}
                Ok(name) => entries.push(Entry {
                    kind: match name.file_type() {
                        FileType::Directory => Kind::Directory,
                        FileType::Symlink => Kind::Link,
                        // Some file systems do not report the type.
                        FileType::Unknown => self.kind_of(path, &name.file_name().to_string_lossy()),
                        _ => Kind::Other,
                    },
                    name: name.file_name().to_string_lossy().into_owned(),
                }),
                Err(error) => return self.failed(path, error),
            }
        }
        Source::Read(entries)
    }

    fn below(&self, path: &str) -> Source<Box<dyn Tree + '_>> {
        match self.open(path, LIST) {
            Ok(root) => Source::Read(Box::new(Self {
                root,
                name: format!("{}{path}/", self.name),
                links: self.links,
            })),
            Err(error) => self.failed(path, error),
        }
    }
}

impl Directory {
    fn kind_of(&self, directory: &str, name: &str) -> Kind {
        let path = format!("{directory}/{name}");
        match self
            .open(&path, AT | OFlags::NOFOLLOW)
            .and_then(fstat)
            .map(|stat| FileType::from_raw_mode(stat.st_mode))
        {
            Ok(FileType::Directory) => Kind::Directory,
            Ok(FileType::Symlink) => Kind::Link,
            _ => Kind::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both ways of refusing links, on a tree with a file, a link to it, and a link to its directory.
    fn each_way(name: &str, check: impl Fn(&Directory)) {
        let path = std::env::temp_dir().join(format!("physmem-directory-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(path.join("a/b")).unwrap();
        std::fs::write(path.join("a/b/file"), "text").unwrap();
        std::os::unix::fs::symlink("file", path.join("a/b/link")).unwrap();
        std::os::unix::fs::symlink("b", path.join("a/c")).unwrap();
        let directory = Directory::sysroot(&path).unwrap();
        check(&directory);
        check(&Directory { links: Links::RefuseStepwise, ..directory });
        std::fs::remove_dir_all(&path).unwrap();
    }

    #[test]
    fn links_are_refused_at_the_end_and_on_the_way_with_and_without_openat2() {
        each_way("links", |directory| {
            assert_eq!(directory.read("a/b/file", 4), Source::Read(b"text".to_vec()));
            for path in ["a/b/link", "a/c/file"] {
                let answer = directory.read(path, 4);
                let says_link = |why: &String| why.contains("symbolic link") && why.contains(path);
                assert!(matches!(&answer, Source::Unreadable { why, .. } if says_link(why)), "{answer:?}");
            }
            assert!(matches!(directory.list("a/c"), Source::Unreadable { .. }));
            assert!(matches!(directory.below("a/c"), Source::Unreadable { .. }));
            assert_eq!(directory.link("a/b/link"), Source::Read("file".into()));
            assert_eq!(directory.read("a/b/none", 4), Source::Missing);
            assert_eq!(directory.read("a/none/file", 4), Source::Missing);
            assert_eq!(directory.read("a/b/file/x", 4), Source::Missing);
        });
    }

    #[test]
    fn a_file_beyond_its_limit_is_unreadable_and_not_cut() {
        each_way("limit", |directory| {
            assert!(matches!(directory.read("a/b/file", 3), Source::Unreadable { .. }));
            assert!(matches!(directory.read_small("a/b/file", &mut [0; 4]), Source::Unreadable { .. }));
            assert_eq!(directory.read_small("a/b/file", &mut [0; 5]), Source::Read(4));
        });
    }

    #[test]
    fn a_text_that_was_filled_up_with_zeros_is_as_long_as_it_was() {
        each_way("padded", |directory| {
            let path = std::env::temp_dir().join(format!("physmem-directory-padded-{}", std::process::id()));
            for (length, text) in [(12, Some(7)), (4096, Some(7)), (4096, None)] {
                let mut bytes = vec![0; length];
                bytes[..7].copy_from_slice(b"online\n");
                if text.is_none() {
                    bytes[4000] = b'x';
                }
                std::fs::write(path.join("a/b/padded"), bytes).unwrap();
                let mut buffer = [0; 256];
                match (directory.read_small("a/b/padded", &mut buffer), text) {
                    (Source::Read(count), Some(length)) => {
                        assert_eq!((count, &buffer[..count]), (length, &b"online\n"[..]));
                    }
                    (Source::Unreadable { .. }, None) => {}
                    other => panic!("{other:?}"),
                }
            }
        });
    }

    #[test]
    fn a_listing_distinguishes_directories_and_links() {
        each_way("list", |directory| {
            let Source::Read(mut entries) = directory.list("a") else { panic!() };
            entries.sort_by(|a, b| a.name.cmp(&b.name));
            let kinds: Vec<_> = entries.iter().map(|entry| (entry.name.as_str(), entry.kind)).collect();
            assert_eq!(kinds, [("b", Kind::Directory), ("c", Kind::Link)]);
        });
    }
}
