//! The manifest of a capture: which files of the machine could not be read, and why.
//!
//! Without it, an unreadable file would look like one the kernel does not have.

use std::collections::BTreeMap;

use evidence::Source;
use evidence::snapshot::SCHEMA;
use serde::{Deserialize, Serialize};

use crate::root::files;
use crate::root::source::map;
use crate::root::tree::{Entry, Tree, join};

/// The manifest of a capture.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Manifest {
    /// The version of the layout, the same as the snapshot's.
    pub(crate) schema: u64,
    /// What the capture was made from.
    pub(crate) origin: String,
    /// The architecture, which may be in no file of the capture.
    pub(crate) architecture: Option<String>,
    /// What could not be read, by path without the leading slash.
    pub(crate) unreadable: BTreeMap<String, Refusal>,
}

/// Why a file could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refusal {
    /// As in the snapshot.
    pub(crate) why: String,
    /// As in the snapshot.
    pub(crate) for_lack_of_privilege: bool,
}

impl Manifest {
    /// An empty manifest of the current schema.
    pub(crate) fn new(origin: String) -> Self {
        Self { schema: SCHEMA.into(), origin, ..Self::default() }
    }

    /// The manifest of a tree, if it is a capture.
    pub(crate) fn of(tree: &dyn Tree) -> Source<Vec<u8>> {
        tree.read(files::MANIFEST, 64 << 20)
    }
}

/// A tree in which the files that were unreadable on the machine are unreadable.
pub(crate) struct AsCaptured<'a> {
    tree: Box<dyn Tree + 'a>,
    manifest: &'a Manifest,
    prefix: String,
}

impl<'a> AsCaptured<'a> {
    /// Applies a manifest to a tree.
    pub(crate) fn new(tree: Box<dyn Tree + 'a>, manifest: &'a Manifest) -> Self {
        Self { tree, manifest, prefix: String::new() }
    }

    fn refusal<T>(&self, path: &str) -> Option<Source<T>> {
        let refusal = self.manifest.unreadable.get(&join(&self.prefix, path))?;
        Some(Source::Unreadable {
            why: refusal.why.clone(),
            for_lack_of_privilege: refusal.for_lack_of_privilege,
        })
    }
}

impl Tree for AsCaptured<'_> {
    fn read(&self, path: &str, limit: usize) -> Source<Vec<u8>> {
        self.refusal(path).unwrap_or_else(|| self.tree.read(path, limit))
    }

    fn read_small(&self, path: &str, buffer: &mut [u8]) -> Source<usize> {
        self.refusal(path).unwrap_or_else(|| self.tree.read_small(path, buffer))
    }

    fn link(&self, path: &str) -> Source<String> {
        // The link itself may be readable although its target was not.
        match self.tree.link(path) {
            Source::Read(target) => Source::Read(target),
            other => self.refusal(path).unwrap_or(other),
        }
    }

    fn list(&self, path: &str) -> Source<Vec<Entry>> {
        self.refusal(path).unwrap_or_else(|| self.tree.list(path))
    }

    fn below(&self, path: &str) -> Source<Box<dyn Tree + '_>> {
        self.refusal(path).unwrap_or_else(|| {
            map(self.tree.below(path), |tree| {
                let prefix = join(&self.prefix, path);
                let mut from_here = self.manifest.unreadable.range(prefix.clone()..);
                if from_here.next().is_none_or(|(path, _)| !path.starts_with(&prefix)) {
                    return tree;
                }
                Box::new(AsCaptured { tree, manifest: self.manifest, prefix }) as Box<dyn Tree>
            })
        })
    }
}
