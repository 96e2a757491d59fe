//! A tree in memory, read from an archive.

use std::collections::BTreeMap;

use evidence::Source;

use crate::root::source::{and_then, map, nonsense, text, without_padding};
use crate::root::tree::{Entry, Kind, Tree, join};

/// One file, link or directory of an [`Archive`].
#[derive(Clone, Debug)]
pub(crate) enum Node {
    /// A file's bytes.
    File(Vec<u8>),
    /// A symbolic link's target.
    Link(Vec<u8>),
    /// A directory. Only an empty one needs a node.
    Directory,
    /// An entry that was not kept, and why.
    Refused(String),
}

/// A tree in memory: nodes by path.
///
/// Reading a file or link costs one lookup; listing a directory walks everything below it.
#[derive(Debug, Default)]
pub(crate) struct Archive {
    nodes: BTreeMap<String, Node>,
}

impl Archive {
    /// Adds or replaces a node. In a tar archive, the last entry of a name counts.
    pub(crate) fn insert(&mut self, path: String, node: Node) {
        self.nodes.insert(path, node);
    }

    /// The node at a path.
    pub(crate) fn node(&self, path: &str) -> Option<&Node> {
        self.nodes.get(path)
    }

    /// Whether there is anything at a path or below it.
    pub(crate) fn holds(&self, path: &str) -> bool {
        self.nodes.contains_key(path) || self.inside(path).next().is_some()
    }

    /// A part of the archive: `prefix` is a directory's path.
    fn at(&self, prefix: &str) -> Part<'_> {
        Part { archive: self, prefix: prefix.to_owned() }
    }

    /// The nodes below a directory, by their path relative to it. `0` is the character after `/`.
    fn inside(&self, path: &str) -> impl Iterator<Item = (&str, &Node)> {
        let first = if path.is_empty() { String::new() } else { format!("{path}/") };
        let skip = first.len();
        let beyond = if path.is_empty() { None } else { Some(format!("{path}0")) };
        let bounds = (
            std::ops::Bound::Included(first),
            beyond.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded),
        );
        self.nodes.range::<String, _>(bounds).filter_map(move |(name, node)| Some((name.get(skip..)?, node)))
    }
}

/// A directory of an archive.
struct Part<'a> {
    archive: &'a Archive,
    prefix: String,
}

impl Part<'_> {
    fn file(&self, path: &str, limit: usize) -> Source<&[u8]> {
        let path = join(&self.prefix, path);
        match self.archive.nodes.get(&path) {
            Some(Node::File(bytes)) if bytes.len() > limit => {
                nonsense(format!("/{path} is larger than {limit} bytes"))
            }
            Some(Node::File(bytes)) => Source::Read(bytes),
            Some(Node::Link(_)) => is_a_link(&path),
            Some(Node::Refused(why)) => nonsense(format!("/{path} {why}")),
            Some(Node::Directory) => nonsense(format!("/{path} is not a regular file")),
            None => Source::Missing,
        }
    }
}

impl Part<'_> {
    /// The full path of a directory, if it is one.
    fn directory(&self, path: &str) -> Source<String> {
        let path = join(&self.prefix, path);
        match self.archive.nodes.get(&path) {
            Some(Node::Refused(why)) => nonsense(format!("/{path} {why}")),
            Some(Node::Link(_)) => is_a_link(&path),
            Some(Node::Directory) => Source::Read(path),
            None if self.archive.inside(&path).next().is_some() => Source::Read(path),
            Some(Node::File(_)) | None => Source::Missing,
        }
    }
}

fn is_a_link<T>(path: &str) -> Source<T> {
    nonsense(format!(
        "/{path}: a symbolic link on the way, and none is followed below a root directory; copy the file \
         itself"
    ))
}

impl Tree for Part<'_> {
    fn read(&self, path: &str, limit: usize) -> Source<Vec<u8>> {
        map(self.file(path, limit), <[u8]>::to_vec)
    }

    fn read_small(&self, path: &str, buffer: &mut [u8]) -> Source<usize> {
        let buffer_len = buffer.len();
        let text = map(self.file(path, usize::MAX), without_padding);
        and_then(text, |bytes| match buffer.get_mut(..bytes.len()) {
            Some(room) if bytes.len() < buffer_len => {
                room.copy_from_slice(bytes);
                Source::Read(bytes.len())
            }
            _ => nonsense(format!("/{} is not smaller than {buffer_len} bytes", join(&self.prefix, path))),
        })
    }

    fn link(&self, path: &str) -> Source<String> {
        let path = join(&self.prefix, path);
        match self.archive.nodes.get(&path) {
            Some(Node::Link(target)) => Source::Read(text(target.clone())),
            Some(Node::Refused(why)) => nonsense(format!("/{path} {why}")),
            Some(Node::File(_) | Node::Directory) => nonsense(format!("/{path} is not a symbolic link")),
            None => Source::Missing,
        }
    }

    fn list(&self, path: &str) -> Source<Vec<Entry>> {
        let path = match self.directory(path) {
            Source::Read(path) => path,
            other => return map(other, |_| Vec::new()),
        };
        let mut entries: Vec<Entry> = Vec::new();
        for (below, node) in self.archive.inside(&path) {
            let (name, kind) = match (below.split_once('/'), node) {
                (Some((name, _)), _) => (name, Kind::Directory),
                (None, Node::Directory) => (below, Kind::Directory),
                (None, Node::Link(_)) => (below, Kind::Link),
                (None, Node::File(_) | Node::Refused(_)) => (below, Kind::Other),
            };
            // The content of a directory may not be contiguous: `a`, `a.b`, `a/c` is the sort order.
            if entries.last().is_none_or(|last| last.name != name) {
                entries.push(Entry { name: name.to_owned(), kind });
            }
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        entries.dedup_by(|a, b| a.name == b.name);
        Source::Read(entries)
    }

    fn below(&self, path: &str) -> Source<Box<dyn Tree + '_>> {
        map(self.directory(path), |path| Box::new(self.archive.at(&path)) as Box<dyn Tree>)
    }
}

impl Tree for Archive {
    fn read(&self, path: &str, limit: usize) -> Source<Vec<u8>> {
        self.at("").read(path, limit)
    }

    fn read_small(&self, path: &str, buffer: &mut [u8]) -> Source<usize> {
        self.at("").read_small(path, buffer)
    }

    fn link(&self, path: &str) -> Source<String> {
        self.at("").link(path)
    }

    fn list(&self, path: &str) -> Source<Vec<Entry>> {
        self.at("").list(path)
    }

    fn below(&self, path: &str) -> Source<Box<dyn Tree + '_>> {
        map(self.at("").directory(path), |path| Box::new(self.at(&path)) as Box<dyn Tree>)
    }
}
