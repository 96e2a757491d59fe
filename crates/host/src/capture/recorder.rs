//! A tree that records what is read from it: a capture holds exactly what the readers asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use evidence::Source;

use crate::readers::packages;
use crate::root::files::is_wanted;
use crate::root::manifest::Refusal;
use crate::root::source::map;
use crate::root::tree::{Entry, Kind, Tree, join};

/// Everything that was read, by path.
#[derive(Debug, Default)]
pub(crate) struct Recording {
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    pub(crate) links: BTreeMap<String, String>,
    /// Directories, even if nothing in them was read: that they exist is also an answer.
    pub(crate) directories: BTreeSet<String>,
    pub(crate) unreadable: BTreeMap<String, Refusal>,
}

/// A tree that forwards to another one and records the answers.
pub(crate) struct Recorder<'a> {
    tree: Box<dyn Tree + 'a>,
    prefix: String,
    recording: &'a Mutex<Recording>,
}

impl<'a> Recorder<'a> {
    /// Records what is read from `tree`.
    pub(crate) fn new(tree: Box<dyn Tree + 'a>, recording: &'a Mutex<Recording>) -> Self {
        Self { tree, prefix: String::new(), recording }
    }

    fn notes(&self) -> MutexGuard<'_, Recording> {
        // Even after a panic under the lock the entries are whole: each is one insertion.
        self.recording.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refused<T>(&self, path: &str, answer: &Source<T>) {
        if let Source::Unreadable { why, for_lack_of_privilege } = answer {
            let refusal = Refusal { why: why.clone(), for_lack_of_privilege: *for_lack_of_privilege };
            self.notes().unreadable.insert(join(&self.prefix, path), refusal);
        }
    }
}

impl Tree for Recorder<'_> {
    fn read(&self, path: &str, limit: usize) -> Source<Vec<u8>> {
        let answer = self.tree.read(path, limit);
        self.refused(path, &answer);
        if let Source::Read(bytes) = &answer {
            let path = join(&self.prefix, path);
            if let Some(kept) = packages::kept(&path, bytes.clone()) {
                self.notes().files.insert(path, kept);
            }
        }
        answer
    }

    fn read_small(&self, path: &str, buffer: &mut [u8]) -> Source<usize> {
        let answer = self.tree.read_small(path, buffer);
        self.refused(path, &answer);
        if let Source::Read(count) = &answer {
            let bytes = buffer.iter().take(*count).copied().collect();
            self.notes().files.insert(join(&self.prefix, path), bytes);
        }
        answer
    }

    fn link(&self, path: &str) -> Source<String> {
        let answer = self.tree.link(path);
        self.refused(path, &answer);
        if let Source::Read(target) = &answer {
            self.notes().links.insert(join(&self.prefix, path), target.clone());
        }
        answer
    }

    fn list(&self, path: &str) -> Source<Vec<Entry>> {
        let answer = self.tree.list(path);
        self.refused(path, &answer);
        if let Source::Read(entries) = &answer {
            self.notes().directories.insert(join(&self.prefix, path));
            for entry in entries {
                let below = join(path, &entry.name);
                match entry.kind {
                    _ if !is_wanted(&join(&self.prefix, &below)) => {}
                    Kind::Directory => {
                        self.notes().directories.insert(join(&self.prefix, &below));
                    }
                    // The name of a link can be the whole answer: `node0/memory7`.
                    Kind::Link => {
                        self.link(&below);
                    }
                    // If its content matters, a reader will read it.
                    Kind::Other => {}
                }
            }
        }
        answer
    }

    fn below(&self, path: &str) -> Source<Box<dyn Tree + '_>> {
        let answer = self.tree.below(path);
        self.refused(path, &answer);
        map(answer, |tree| {
            let prefix = join(&self.prefix, path);
            Box::new(Recorder { tree, prefix, recording: self.recording }) as Box<dyn Tree>
        })
    }
}
