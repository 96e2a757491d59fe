//! Reads a path into a snapshot.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use evidence::snapshot::SCHEMA;
use evidence::{Snapshot, Source};
use serde::Deserialize;

use crate::error::ReadError;
use crate::firmware_input::magic;
use crate::readers::{
    architecture, blocks, crash_image, efi_runtime_map, firmware_memmap, form, identity, journal,
    kernel_config, kernel_log, kmsg, lsmem, map_of_log, nodes, packages, settings, text,
};
use crate::root::archive::Archive;
use crate::root::directory::Directory;
use crate::root::manifest::{AsCaptured, Manifest};
use crate::root::source::nonsense;
use crate::root::tree::{Kind, Tree, join};
use crate::root::{bare, compression, files, unpack};

/// A snapshot as JSON is a few MiB for the largest machines.
const LARGEST_JSON: u64 = 512 << 20;
/// The bytes inspected to tell a JSON snapshot from an archive.
const HEAD: u64 = 4096;

/// Reads a machine or a capture.
///
/// `path` is a directory with a machine's `proc/` and `sys/` in it or in one of its directories; a tar archive
/// of one, plain or compressed with gzip, bzip2, xz or zstd; a JSON snapshot; or a single text, a kernel log as
/// `dmesg`, the journal or syslog print it, or `/proc/iomem`. Reports of sos, insights and must-gather are such
/// trees. Files are recognized by their first bytes. `/` is the running machine, see [`read_live`]; below any
/// other directory, symbolic links are not followed.
///
/// # Errors
/// If nothing can be read at all; [`ReadError`] says what was expected. A single missing or unreadable file is
/// not an error: its field in the snapshot says so.
///
/// # Cost
/// For a directory, a handful of system calls for each file and seven for each memory block. For an archive,
/// one pass, with the files to read (at most 1 GiB) in memory at once.
pub fn read(path: &Path) -> Result<Snapshot, ReadError> {
    match Opened::open(path)? {
        Opened::Live => read_live(),
        Opened::Json(snapshot) => Ok(*snapshot),
        Opened::Directory(tree, manifest) => {
            Ok(of_capture(path, &AsCaptured::new(Box::new(tree), &manifest), &manifest))
        }
        Opened::Archive(tree, manifest) => {
            Ok(of_capture(path, &AsCaptured::new(Box::new(tree), &manifest), &manifest))
        }
    }
}

/// Reads the running machine.
///
/// The architecture comes from `/proc/sys/kernel/arch`, or else from `uname`; the kernel log from `/dev/kmsg`,
/// or else from a log file of this boot.
///
/// # Errors
/// [`ReadError::Open`] if `/` cannot be opened.
pub fn read_live() -> Result<Snapshot, ReadError> {
    let path = Path::new("/");
    let tree = Directory::live().map_err(|source| ReadError::Open { path: path.to_owned(), source })?;
    Ok(of_this_machine(&tree))
}

/// What a path leads to.
pub(crate) enum Opened {
    Live,
    Directory(Directory, Manifest),
    Archive(Archive, Manifest),
    Json(Box<Snapshot>),
}

impl Opened {
    /// Opens whatever is at `path`, and finds the tree in it.
    pub(crate) fn open(path: &Path) -> Result<Self, ReadError> {
        let cannot_open = |source| ReadError::Open { path: path.to_owned(), source };
        if path.canonicalize().map_err(cannot_open)? == Path::new("/") {
            return Ok(Self::Live);
        }
        if path.is_dir() {
            let tree = with_tree(path, Directory::sysroot(path).map_err(cannot_open)?)?;
            let manifest = manifest(path, &tree)?;
            return Ok(Self::Directory(tree, manifest));
        }
        // Check the path, not the open file: opening a pipe blocks until there is a writer.
        if !path.metadata().map_err(cannot_open)?.is_file() {
            let source = io::Error::other("neither a directory nor a regular file");
            return Err(cannot_open(source));
        }
        let file = File::open(path).map_err(cannot_open)?;
        let damaged = |source| ReadError::Damaged { path: path.to_owned(), entries: 0, last: None, source };
        let mut stream = compression::decompress(file).map_err(damaged)?;
        let mut head = Vec::new();
        stream.by_ref().take(HEAD).read_to_end(&mut head).map_err(damaged)?;
        let is_json = head.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
        if head.is_empty() {
            return Err(ReadError::UnknownFormat { path: path.to_owned(), why: "it is empty".into() });
        }
        if let Some(place) = bare::place_of(&head).filter(|_| !is_json) {
            let tree = bare::tree(path, place, io::Cursor::new(head).chain(stream))?;
            return Ok(Self::Archive(tree, Manifest::default()));
        }
        if let Some(what) = magic::name(&head) {
            return Err(ReadError::UnknownFormat { path: path.to_owned(), why: what.into() });
        }
        let stream = io::Cursor::new(head).chain(stream);
        if is_json {
            let bytes = whole_json(path, stream)?;
            if journal::is_json_log(&bytes) {
                return Ok(Self::Archive(bare::log(bytes), Manifest::default()));
            }
            return Ok(Self::Json(Box::new(json(path, &bytes)?)));
        }
        let tree = unpack::unpack(path, stream)?;
        let manifest = manifest(path, &tree)?;
        Ok(Self::Archive(tree, manifest))
    }
}

/// The most directories to look into for a tree.
const MOST_SEARCHED: usize = 2000;
/// How deep a tree may lie.
const DEEPEST: usize = 6;

/// The directory itself, or the one directory below it that holds a tree. Nothing inside a tree is looked at.
fn with_tree(path: &Path, directory: Directory) -> Result<Directory, ReadError> {
    let holds_tree = |tree: &dyn Tree| {
        files::MARKERS.iter().any(|marker| {
            !matches!(tree.read(marker, 0), Source::Missing) || !matches!(tree.list(marker), Source::Missing)
        })
    };
    if holds_tree(&directory) {
        return Ok(directory);
    }
    let no_tree = || ReadError::NoTree { path: path.to_owned() };
    let mut roots = Vec::new();
    let mut level = vec![String::new()];
    let mut searched: usize = 0;
    for _ in 0..DEEPEST {
        let mut next = Vec::new();
        for above in level {
            let here = if above.is_empty() { "." } else { &above };
            let Source::Read(entries) = directory.list(here) else { continue };
            for entry in entries.iter().filter(|entry| entry.kind == Kind::Directory) {
                searched = searched.saturating_add(1);
                if searched > MOST_SEARCHED {
                    break;
                }
                let name = join(&above, &entry.name);
                let Source::Read(child) = directory.below(&name) else { continue };
                if holds_tree(&*child) { roots.push(name) } else { next.push(name) }
            }
        }
        level = next;
    }
    roots.sort_unstable();
    match roots.as_slice() {
        [] => Err(no_tree()),
        [root] => directory.into_child(root).map_err(|_| no_tree()),
        _ => Err(ReadError::SeveralTrees { path: path.to_owned(), roots }),
    }
}

/// The version number that every snapshot and manifest has.
#[derive(Deserialize)]
struct Schema {
    schema: u64,
}

fn checked_schema(path: &Path, bytes: &[u8]) -> Result<(), ReadError> {
    let Schema { schema: found } = serde_json::from_slice(bytes)
        .map_err(|source| ReadError::BadJson { path: path.to_owned(), source })?;
    if found > SCHEMA.into() {
        return Err(ReadError::NewerSchema { path: path.to_owned(), found });
    }
    Ok(())
}

fn whole_json(path: &Path, stream: impl Read) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    stream
        .take(LARGEST_JSON.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|source| ReadError::Damaged { path: path.to_owned(), entries: 0, last: None, source })?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > LARGEST_JSON) {
        let what = format!("more than {} MiB of JSON", LARGEST_JSON >> 20);
        return Err(ReadError::TooLarge { path: path.to_owned(), what });
    }
    Ok(bytes)
}

fn json(path: &Path, bytes: &[u8]) -> Result<Snapshot, ReadError> {
    checked_schema(path, bytes)?;
    let mut snapshot: Snapshot = serde_json::from_slice(bytes)
        .map_err(|source| ReadError::BadJson { path: path.to_owned(), source })?;
    snapshot.origin = path.display().to_string();
    Ok(snapshot)
}

fn manifest(path: &Path, tree: &dyn Tree) -> Result<Manifest, ReadError> {
    let path = path.join(files::MANIFEST);
    match Manifest::of(tree) {
        Source::Missing => Ok(Manifest::default()),
        Source::Read(bytes) => {
            checked_schema(&path, &bytes)?;
            serde_json::from_slice(&bytes).map_err(|source| ReadError::BadJson { path, source })
        }
        Source::Unreadable { why, .. } => Err(ReadError::Open { path, source: io::Error::other(why) }),
    }
}

/// The snapshot of a tree that is not the running machine.
pub(crate) fn of_capture(path: &Path, tree: &dyn Tree, manifest: &Manifest) -> Snapshot {
    let mut snapshot = of_tree(tree);
    snapshot.origin = path.display().to_string();
    snapshot.kernel_log = kernel_log::of_files(tree, &snapshot.version, &snapshot.command_line);
    match &manifest.architecture {
        Some(architecture) => snapshot.architecture = Source::Read(architecture.clone()),
        None => architecture::complete(&mut snapshot, tree),
    }
    identity::complete(&mut snapshot, tree);
    map_of_log::complete(&mut snapshot);
    lsmem::complete(&mut snapshot, tree);
    snapshot.crash_image = crash_image::of_capture(tree);
    snapshot.form = form::of(tree, &snapshot);
    snapshot
}

/// The snapshot of the running machine; `tree` is its root.
pub(crate) fn of_this_machine(tree: &dyn Tree) -> Snapshot {
    let mut snapshot = of_tree(tree);
    snapshot.origin = "/".into();
    snapshot.kernel_log =
        kernel_log::of_this_machine(kmsg::kernel_log(), tree, &snapshot.version, &snapshot.command_line);
    snapshot.crash_image = crash_image::of_this_machine(&snapshot);
    snapshot.architecture = match text::value(tree, files::ARCHITECTURE) {
        Source::Read(arch) if !arch.is_empty() => Source::Read(arch),
        _ => match rustix::system::uname().machine().to_str() {
            Ok(machine) if !machine.is_empty() => Source::Read(machine.to_owned()),
            _ => nonsense("uname gives no machine name".into()),
        },
    };
    snapshot
}

/// The fields that are read the same way from any tree.
fn of_tree(tree: &dyn Tree) -> Snapshot {
    let version = text::never_empty(tree, files::VERSION);
    let iomem = text::iomem(tree);
    Snapshot {
        schema: SCHEMA,
        kernel_config: kernel_config::read(tree, &version),
        command_line: text::command_line(tree),
        zoneinfo: text::never_empty(tree, files::ZONEINFO),
        boot_params: settings::bytes(tree, files::BOOT_PARAMS),
        firmware_memmap: firmware_memmap::read(tree),
        efi_runtime_entries: efi_runtime_map::entries(tree),
        device_tree: settings::bytes(tree, files::DEVICE_TREE),
        acpi_tables: settings::acpi_tables(tree),
        memblock: settings::memblock(tree),
        memory_blocks: blocks::read(tree, &iomem),
        iomem,
        possible_cpus: text::value(tree, files::POSSIBLE_CPUS),
        nodes: nodes::read(tree),
        handover: settings::handover(tree),
        memory_hotplug: settings::memory_hotplug(tree),
        kexec: settings::kexec(tree),
        kexec_tools: packages::kexec_tools(tree),
        boot_id: text::value(tree, files::BOOT_ID),
        records: settings::records(tree),
        version,
        ..Snapshot::default()
    }
}
