//! The captures of this repository.

use std::fs;
use std::path::{Path, PathBuf};

/// One captured state.
pub(crate) struct Capture {
    /// Where it lies below `captures/`, without `.tar.gz`.
    pub(crate) name: String,
    pub(crate) path: PathBuf,
}

/// All captures, by name; those of a directory too that PHYSMEM_CAPTURES names, for machines of one's own.
pub(crate) fn captures() -> impl Iterator<Item = Capture> {
    let ours = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../captures")).to_owned();
    let others = std::env::var_os("PHYSMEM_CAPTURES").map(PathBuf::from);
    [Some(ours), others].into_iter().flatten().flat_map(|root| {
        let mut found = Vec::new();
        collect(&root, &root, &mut found);
        found.sort_by(|a: &Capture, b| a.name.cmp(&b.name));
        found
    })
}

fn collect(root: &Path, directory: &Path, found: &mut Vec<Capture>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, found);
        } else if let Some(name) = path.strip_prefix(root).unwrap().to_str().unwrap().strip_suffix(".tar.gz")
        {
            found.push(Capture { name: name.to_owned(), path });
        }
    }
}
