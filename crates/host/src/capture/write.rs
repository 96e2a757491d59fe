//! Writing a capture.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use evidence::snapshot::stand_in;
use evidence::{CrashImage, Snapshot, Source};
use flate2::Compression;
use flate2::write::GzEncoder;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use tar::{EntryType, Header};

use crate::capture::recorder::{Recorder, Recording};
use crate::error::{CaptureError, ReadError};
use crate::read::{Opened, of_capture, of_this_machine};
use crate::root::directory::Directory;
use crate::root::files;
use crate::root::manifest::{AsCaptured, Manifest, Refusal};
use crate::root::tree::Tree;

/// What to do if the output already exists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Existing {
    /// Leave it alone and fail.
    #[default]
    Keep,
    /// Replace it once the capture is complete.
    Replace,
}

/// What went into a capture.
#[derive(Clone, Debug)]
pub struct CaptureReport {
    /// What was read. The capture reads back as the same, except for `origin`.
    pub snapshot: Snapshot,
    /// The number of files in it.
    pub files: usize,
    /// Their total size in bytes, before compression.
    pub bytes: u64,
    /// Files that exist but could not be read, in order of their paths.
    pub unreadable: Vec<Unreadable>,
}

/// A file that is missing from a capture because it could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The file's absolute path on the machine.
    pub path: String,
    /// What went wrong, as a sentence that names the path.
    pub why: String,
    /// Whether more privilege would have helped.
    pub for_lack_of_privilege: bool,
}

/// Captures the machine at `root` into `out`. `root` is `/` for the running machine, or anything that
/// [`crate::read`] takes.
///
/// The extension of `out` selects the format. `.tar.gz`, `.tgz` and `.tar` hold exactly the files and links
/// that were read, laid out as in the machine's root, and `physmem-capture.json`, which lists what could not be
/// read and why. `.json` is the snapshot. [`crate::read`] of either returns the same snapshot, except for
/// `origin`. The output is reproducible: the archive records no times and no owners.
///
/// The output is written under a temporary name in the same directory and renamed at the end, so it is either
/// complete or absent. Only its owner may read it, because it contains physical addresses, which the kernel
/// hides from users.
///
/// # Errors
/// If the machine cannot be read, the extension is unknown, or the output exists (with [`Existing::Keep`]) or
/// cannot be written. An unreadable file of the machine is not an error: the report and the capture list it.
pub fn write(root: &Path, out: &Path, existing: Existing) -> Result<CaptureReport, CaptureError> {
    let format = Format::of(out)?;
    if existing == Existing::Keep && out.symlink_metadata().is_ok() {
        return Err(CaptureError::Exists { path: out.to_owned() });
    }
    let captured = record(root)?;
    if captured.recording.files.is_empty() && !matches!(format, Format::Json) {
        return Err(CaptureError::NoFiles { path: root.to_owned() });
    }
    let report = captured.report();
    replace(out, existing, |output| match format {
        Format::Json => {
            let mut output = io::BufWriter::new(output);
            serde_json::to_writer(&mut output, &captured.snapshot)?;
            output.write_all(b"\n")?;
            output.flush()
        }
        Format::Tar => captured.tar(io::BufWriter::new(output)),
        Format::TarGz => {
            let mut packed = GzEncoder::new(output, Compression::default());
            captured.tar(&mut packed)?;
            packed.finish().map(|_| ())
        }
    })?;
    Ok(report)
}

#[derive(Clone, Copy)]
enum Format {
    Tar,
    TarGz,
    Json,
}

impl Format {
    fn of(out: &Path) -> Result<Self, CaptureError> {
        let name = out.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        [(".tar.gz", Self::TarGz), (".tgz", Self::TarGz), (".tar", Self::Tar), (".json", Self::Json)]
            .into_iter()
            .find_map(|(end, format)| name.ends_with(end).then_some(format))
            .ok_or_else(|| CaptureError::UnknownExtension { path: out.to_owned() })
    }
}

/// A snapshot with the files it came from.
struct Captured {
    snapshot: Snapshot,
    manifest: Manifest,
    recording: Recording,
}

fn record(root: &Path) -> Result<Captured, ReadError> {
    let recording = Mutex::new(Recording::default());
    let mut origin_is_live = false;
    let snapshot = match Opened::open(root)? {
        Opened::Live => {
            origin_is_live = true;
            of_this_machine(&Recorder::new(Box::new(live(root)?), &recording))
        }
        Opened::Directory(tree, manifest) => recorded(root, Box::new(tree), &manifest, &recording),
        Opened::Archive(tree, manifest) => recorded(root, Box::new(tree), &manifest, &recording),
        Opened::Json(snapshot) => *snapshot,
    };
    let mut recording = recording.into_inner().unwrap_or_else(PoisonError::into_inner);
    if origin_is_live {
        put_live_log(&mut recording, &snapshot.kernel_log);
        put_crash_image(&mut recording, &snapshot.crash_image);
    }
    let mut manifest = Manifest::new(snapshot.origin.clone());
    // What other files imply, they will imply to the reader of this capture too, who is then told.
    let is_implied = snapshot.stand_ins.contains_key(stand_in::ARCHITECTURE);
    manifest.architecture = snapshot.architecture.read().filter(|_| !is_implied).cloned();
    manifest.unreadable = std::mem::take(&mut recording.unreadable);
    Ok(Captured { snapshot, manifest, recording })
}

fn live(root: &Path) -> Result<Directory, ReadError> {
    Directory::live().map_err(|source| ReadError::Open { path: root.to_owned(), source })
}

fn recorded(
    root: &Path,
    tree: Box<dyn Tree + '_>,
    manifest: &Manifest,
    recording: &Mutex<Recording>,
) -> Snapshot {
    let tree = Recorder::new(Box::new(AsCaptured::new(tree, manifest)), recording);
    of_capture(root, &tree, manifest)
}

/// Records the log of a live machine, which comes from no file, in place of a log file of another boot.
fn put_live_log(recording: &mut Recording, log: &Source<String>) {
    for path in files::KERNEL_LOGS {
        recording.files.remove(path);
        recording.unreadable.remove(path);
    }
    let [path, ..] = files::KERNEL_LOGS.map(str::to_owned);
    match log {
        Source::Read(text) => {
            recording.files.insert(path, text.clone().into_bytes());
        }
        Source::Missing => {}
        Source::Unreadable { why, for_lack_of_privilege } => {
            let refusal = Refusal { why: why.clone(), for_lack_of_privilege: *for_lack_of_privilege };
            recording.unreadable.insert(path, refusal);
        }
    }
}

/// Records what was found in a live machine's memory, which comes from no file of a capture.
fn put_crash_image(recording: &mut Recording, found: &Source<CrashImage>) {
    let path = files::CRASH_IMAGE.to_owned();
    match found.clone().map(|found| serde_json::to_vec(&found)) {
        Source::Read(Ok(json)) => {
            recording.files.insert(path, json);
        }
        Source::Unreadable { why, for_lack_of_privilege } => {
            recording.unreadable.insert(path, Refusal { why, for_lack_of_privilege });
        }
        // Serialization of plain values does not fail.
        Source::Read(Err(_)) | Source::Missing => {}
    }
}

impl Captured {
    fn report(&self) -> CaptureReport {
        let length = |bytes: &Vec<u8>| u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        CaptureReport {
            snapshot: self.snapshot.clone(),
            files: self.recording.files.len(),
            bytes: self.recording.files.values().map(length).fold(0, u64::saturating_add),
            unreadable: self
                .manifest
                .unreadable
                .iter()
                .map(|(path, refusal)| Unreadable {
                    path: format!("/{path}"),
                    why: refusal.why.clone(),
                    for_lack_of_privilege: refusal.for_lack_of_privilege,
                })
                .collect(),
        }
    }

    fn tar(&self, output: impl Write) -> io::Result<()> {
        let mut tar = tar::Builder::new(output);
        let mut manifest = serde_json::to_vec_pretty(&self.manifest)?;
        manifest.push(b'\n');
        add(&mut tar, files::MANIFEST, EntryType::Regular, &manifest)?;
        for path in &self.recording.directories {
            add(&mut tar, path, EntryType::Directory, &[])?;
        }
        for (path, bytes) in &self.recording.files {
            add(&mut tar, path, EntryType::Regular, bytes)?;
        }
        for (path, target) in &self.recording.links {
            tar.append_link(&mut header(EntryType::Symlink, 0), path, target)?;
        }
        tar.into_inner()?.flush()
    }
}

fn add(tar: &mut tar::Builder<impl Write>, path: &str, kind: EntryType, bytes: &[u8]) -> io::Result<()> {
    let size = u64::try_from(bytes.len()).map_err(io::Error::other)?;
    tar.append_data(&mut header(kind, size), path, bytes)
}

fn header(kind: EntryType, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(if kind == EntryType::Directory { 0o755 } else { 0o644 });
    header
}

/// Writes a file next to `out` and renames it once it is complete.
fn replace(
    out: &Path,
    existing: Existing,
    write: impl FnOnce(&mut File) -> io::Result<()>,
) -> Result<(), CaptureError> {
    let name = out.file_name().unwrap_or_default().to_string_lossy();
    let draft = out.with_file_name(format!(".{name}.{}", std::process::id()));
    let failed = |source| CaptureError::Write { path: out.to_owned(), source };
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft).map_err(failed)?;
    let written = write(&mut file).and_then(|()| file.sync_all()).and_then(|()| moved(&draft, out, existing));
    written.map_err(|source| {
        // The first error is the one to report.
        let _ = std::fs::remove_file(&draft);
        if source.kind() == io::ErrorKind::AlreadyExists {
            CaptureError::Exists { path: out.to_owned() }
        } else {
            failed(source)
        }
    })
}

fn moved(draft: &Path, out: &Path, existing: Existing) -> io::Result<()> {
    if existing == Existing::Replace {
        return std::fs::rename(draft, out);
    }
    match renameat_with(CWD, draft, CWD, out, RenameFlags::NOREPLACE) {
        // The file system does not support NOREPLACE. A hard link also fails if the name exists.
        Err(Errno::INVAL | Errno::NOSYS) => {
            std::fs::hard_link(draft, out)?;
            std::fs::remove_file(draft)
        }
        result => Ok(result?),
    }
}
