//! Reads a tar stream, keeping only the files that are read later.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;

use tar::EntryType;

use crate::error::ReadError;
use crate::root::archive::{Archive, Node};
use crate::root::files::{MARKERS, is_text, is_wanted};
use crate::root::source::without_padding;
use crate::root::tree::join;

/// The largest file to keep. The largest that a kernel prints is its log, a few MiB.
const LARGEST_FILE: u64 = 64 << 20;
/// The most to keep of one archive, with an allowance for each entry.
const MOST_KEPT: u64 = 1 << 30;
/// The overhead of keeping an entry.
const ENTRY_COST: u64 = 256;
/// The most to unpack of one archive, kept or not: this bounds the time.
const MOST_UNPACKED: u64 = 64 << 30;
/// The longest name; Linux's `PATH_MAX` is 4096.
const LONGEST_NAME: u64 = 64 << 10;
/// The most top-level directories that may hold trees.
const MOST_ROOTS: usize = 1024;
/// How many directories may lie around a tree: `must-gather/IMAGE/nodes/NAME`, and two more.
const DEEPEST: usize = 6;
/// The largest file to keep only because a later hard link may name it, and the most for all of them.
const LARGEST_SPARE: u64 = 64 << 10;
const MOST_SPARE: u64 = 8 << 20;

/// Reads a tar stream: the one tree it holds, at the top or in directories.
pub(crate) fn unpack(path: &Path, stream: impl Read) -> Result<Archive, ReadError> {
    let mut progress = Progress::default();
    match keep_wanted(Watched::new(stream), &mut progress) {
        Ok((mut roots, spare)) => {
            // A build configuration or the output of uname alone is not a machine.
            roots.retain(|_, root| root.holds_tree());
            // A tree hides those inside it, such as a copy of /proc of another machine.
            let all: Vec<String> = roots.keys().cloned().collect();
            let lies_in = |name: &str, outer: &String| {
                outer.is_empty() && !name.is_empty()
                    || name.strip_prefix(outer.as_str()).is_some_and(|rest| rest.starts_with('/'))
            };
            roots.retain(|name, _| !all.iter().any(|outer| lies_in(name, outer)));
            let names: Vec<String> = roots.keys().cloned().collect();
            match (roots.pop_first(), names.len()) {
                (Some((name, root)), 1) => Ok(root.finish(&name, &spare)),
                (None, _) => Err(ReadError::NoTree { path: path.to_owned() }),
                (Some(_), _) => Err(ReadError::SeveralTrees { path: path.to_owned(), roots: names }),
            }
        }
        Err(Stopped::TooLarge(what)) => Err(ReadError::TooLarge { path: path.to_owned(), what }),
        Err(Stopped::Unsupported(why)) => Err(ReadError::Unsupported { path: path.to_owned(), why }),
        Err(Stopped::Damaged(source)) if progress.entries == 0 => {
            Err(ReadError::UnknownFormat { path: path.to_owned(), why: first_entry(&source) })
        }
        Err(Stopped::Damaged(source)) => Err(ReadError::Damaged {
            path: path.to_owned(),
            entries: progress.entries,
            last: progress.last,
            source,
        }),
    }
}

/// The progress, for error messages.
#[derive(Default)]
struct Progress {
    entries: u64,
    last: Option<String>,
    kept: u64,
}

enum Stopped {
    Damaged(io::Error),
    TooLarge(String),
    Unsupported(String),
}

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Self {
        Self::Damaged(error)
    }
}

/// One tree of the archive, with the hard links that can be resolved only at the end.
#[derive(Default)]
struct Root {
    archive: Archive,
    /// The target of each link, and how many entries came before: a link may lead to an earlier one.
    hard_links: BTreeMap<String, (u64, String)>,
}

impl Root {
    /// Whether one of the [`MARKERS`] exists. Unresolved hard links count.
    fn holds_tree(&self) -> bool {
        MARKERS.iter().any(|marker| self.archive.holds(marker))
    }

    fn finish(mut self, name: &str, spare: &Spare) -> Archive {
        let mut hard_links: Vec<_> = self.hard_links.into_iter().collect();
        hard_links.sort_unstable_by_key(|(_, (before, _))| *before);
        for (path, (_, target)) in hard_links {
            let below = if name.is_empty() {
                Some(target.as_str())
            } else {
                target.strip_prefix(name).and_then(|rest| rest.strip_prefix('/'))
            };
            let node = match (below.and_then(|target| self.archive.node(target)), spare.files.get(&target)) {
                (Some(node), _) => node.clone(),
                (None, Some(bytes)) => Node::File(as_kept(&path, bytes.clone())),
                (None, None) => Node::Refused("is a hard link to a file that is not read here".into()),
            };
            self.archive.insert(path, node);
        }
        self.archive
    }
}

/// Small files that no reader wants, by full path. The first name of a file in the archive has the content; the
/// others are hard links to it, and may be wanted.
#[derive(Default)]
struct Spare {
    files: BTreeMap<String, Vec<u8>>,
    kept: u64,
}

impl Spare {
    fn keep(&mut self, entry: &mut tar::Entry<'_, impl Read>, path: String) -> Result<(), Stopped> {
        let kept = self.kept.saturating_add(entry.size()).saturating_add(ENTRY_COST);
        if entry.size() > LARGEST_SPARE || kept > MOST_SPARE {
            return Ok(());
        }
        self.kept = kept;
        self.files.insert(path, whole(entry)?);
        Ok(())
    }
}

/// All bytes of an entry.
fn whole(entry: &mut tar::Entry<'_, impl Read>) -> Result<Vec<u8>, Stopped> {
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).ok() != Some(entry.size()) {
        return Err(Stopped::Damaged(io::ErrorKind::UnexpectedEof.into()));
    }
    Ok(bytes)
}

/// A file's bytes, for a text without its padding: a page for each attribute of each memory block would dominate
/// what is kept.
fn as_kept(path: &str, mut bytes: Vec<u8>) -> Vec<u8> {
    if is_text(path) {
        bytes.truncate(without_padding(&bytes).len());
        bytes.shrink_to_fit();
    }
    bytes
}

/// The long names that GNU tar and pax store in a separate entry before the one they name.
#[derive(Default)]
struct Extension {
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    is_sparse: bool,
}

fn keep_wanted(
    stream: Watched<impl Read>,
    progress: &mut Progress,
) -> Result<(BTreeMap<String, Root>, Spare), Stopped> {
    let mut archive = tar::Archive::new(stream);
    let mut roots: BTreeMap<String, Root> = BTreeMap::new();
    let mut spare = Spare::default();
    let mut extension = Extension::default();
    // Raw entries: otherwise the tar crate would keep names of any length in memory.
    for entry in archive.entries()?.raw(true) {
        let mut entry = entry.map_err(beyond_limit)?;
        let kind = entry.header().entry_type();
        if read_extension(&mut entry, kind, &mut extension)? {
            continue;
        }
        let Extension { name, link, size, is_sparse } = std::mem::take(&mut extension);
        if size.is_some_and(|size| entry.size() != size) {
            return Err(io::Error::other("an entry of more than 8 GiB, which is not supported").into());
        }
        let name = name.unwrap_or_else(|| entry.path_bytes().into_owned());
        progress.last = Some(String::from_utf8_lossy(&name).into_owned());
        if kind.is_gnu_sparse() && entry.header().as_gnu().is_some_and(tar::GnuHeader::is_extended) {
            // The list of its holes goes on in front of its bytes, where the tar crate expects the bytes.
            return Err(Stopped::Unsupported(format!(
                "{} in it is a sparse file of many pieces, as tar -S writes it; make the archive again \
                 without -S",
                String::from_utf8_lossy(&name)
            )));
        }
        let is_sparse = is_sparse || kind.is_gnu_sparse();
        if let Some(path) = normalized(&name) {
            if let Some((root, path)) = root_and_path(&path) {
                let target = link.or_else(|| entry.link_name_bytes().map(std::borrow::Cow::into_owned));
                let target = target.unwrap_or_default();
                keep(&mut entry, kind, is_sparse, (&root, path), target, &mut roots, progress)?;
            } else if kind.is_file() && !is_sparse {
                spare.keep(&mut entry, path)?;
            }
        }
        progress.entries = progress.entries.saturating_add(1);
    }
    let mut stream = archive.into_inner();
    // That the end-of-archive mark is there is not asked, no more than GNU tar does: a stream that ends after
    // a whole entry lacks nothing that could be named. To the end, where compressed streams keep their checksum.
    io::copy(&mut stream, &mut io::sink()).map_err(beyond_limit)?;
    Ok((roots, spare))
}

fn beyond_limit(error: io::Error) -> Stopped {
    if error.kind() == io::ErrorKind::FileTooLarge {
        Stopped::TooLarge(format!("more than {} GiB unpacked", MOST_UNPACKED >> 30))
    } else {
        Stopped::Damaged(error)
    }
}

/// Reads an entry that only describes the next one.
fn read_extension(
    entry: &mut tar::Entry<'_, impl Read>,
    kind: EntryType,
    extension: &mut Extension,
) -> Result<bool, Stopped> {
    if !(kind.is_gnu_longname() || kind.is_gnu_longlink() || kind.is_pax_local_extensions()) {
        return Ok(kind.is_pax_global_extensions());
    }
    if entry.size() > LONGEST_NAME {
        return Err(Stopped::TooLarge(format!("a name of {} bytes", entry.size())));
    }
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes)?;
    if kind.is_pax_local_extensions() {
        for record in tar::PaxExtensions::new(&bytes) {
            let record = record?;
            match record.key_bytes() {
                b"path" if !extension.is_sparse => extension.name = Some(record.value_bytes().to_vec()),
                b"linkpath" => extension.link = Some(record.value_bytes().to_vec()),
                // Since version 1.0, `path` is a placeholder.
                b"GNU.sparse.name" => {
                    extension.name = Some(record.value_bytes().to_vec());
                    extension.is_sparse = true;
                }
                key if key.starts_with(b"GNU.sparse.") => extension.is_sparse = true,
                b"size" => extension.size = record.value().ok().and_then(|size| size.parse().ok()),
                _ => {}
            }
        }
        return Ok(true);
    }
    while bytes.last() == Some(&0) {
        bytes.pop();
    }
    if kind.is_gnu_longname() {
        extension.name = Some(bytes);
    } else {
        extension.link = Some(bytes);
    }
    Ok(true)
}

fn keep(
    entry: &mut tar::Entry<'_, impl Read>,
    kind: EntryType,
    is_sparse: bool,
    (root, path): (&str, String),
    target: Vec<u8>,
    roots: &mut BTreeMap<String, Root>,
    progress: &mut Progress,
) -> Result<(), Stopped> {
    let mut hard_link = None;
    let node = if is_sparse {
        Node::Refused("is a sparse file in the archive; make the archive again without -S".into())
    } else if kind.is_dir() {
        Node::Directory
    } else if kind.is_symlink() {
        Node::Link(target)
    } else if kind.is_hard_link() {
        hard_link = normalized(&target);
        Node::Refused("is a hard link to a file that is not read here".into())
    } else if !(kind.is_file() || kind.is_contiguous()) {
        Node::Refused("is neither a file, a directory nor a link in the archive".into())
    } else if entry.size() > LARGEST_FILE {
        Node::Refused(format!("is larger than {} MiB in the archive", LARGEST_FILE >> 20))
    } else {
        Node::File(as_kept(&path, whole(entry)?))
    };
    let bytes = match &node {
        Node::File(bytes) | Node::Link(bytes) => u64::try_from(bytes.len()).unwrap_or(u64::MAX),
        Node::Directory | Node::Refused(_) => 0,
    };
    progress.kept = progress.kept.saturating_add(bytes).saturating_add(ENTRY_COST);
    if progress.kept > MOST_KEPT {
        return Err(Stopped::TooLarge(format!("more than {} GiB of proc/ and sys/", MOST_KEPT >> 30)));
    }
    if !roots.contains_key(root) && roots.len() >= MOST_ROOTS {
        return Err(Stopped::TooLarge(format!("more than {MOST_ROOTS} Linux trees in one archive")));
    }
    let root = roots.entry(root.to_owned()).or_default();
    match hard_link {
        Some(target) => {
            root.hard_links.insert(path.clone(), (progress.entries, target));
        }
        None => {
            root.hard_links.remove(&path);
        }
    }
    root.archive.insert(path, node);
    Ok(())
}

/// An entry's name as a relative path: without `./`, a leading slash or empty parts. `None` for a name with
/// `..`.
fn normalized(name: &[u8]) -> Option<String> {
    let name = String::from_utf8_lossy(name);
    let mut path = String::new();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => return None,
            part => path = join(&path, part),
        }
    }
    Some(path)
}

/// The tree a path belongs to and its path there, if any reader wants it: the outermost such tree.
fn root_and_path(path: &str) -> Option<(String, String)> {
    if is_wanted(path) {
        return Some((String::new(), path.to_owned()));
    }
    path.match_indices('/').take(DEEPEST).find_map(|(at, _)| {
        let (root, below) = (path.get(..at)?, path.get(at.checked_add(1)?..)?);
        is_wanted(below).then(|| (root.to_owned(), below.to_owned()))
    })
}

/// A stream that stops at [`MOST_UNPACKED`].
struct Watched<R> {
    stream: R,
    left: u64,
}

impl<R> Watched<R> {
    fn new(stream: R) -> Self {
        Self { stream, left: MOST_UNPACKED }
    }
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.stream.read(buffer)?;
        let length = u64::try_from(count).unwrap_or(u64::MAX);
        self.left = self.left.checked_sub(length).ok_or(io::ErrorKind::FileTooLarge)?;
        Ok(count)
    }
}

/// Why the first entry cannot be read. The decoder quotes the bytes; those of a binary file tell nobody anything.
fn first_entry(source: &io::Error) -> String {
    let said = source.to_string();
    let is_text = said.chars().all(|c| c == ' ' || c.is_ascii_graphic());
    let detail = if is_text { format!(" ({said})") } else { String::new() };
    format!("its first entry cannot be read{detail}")
}
