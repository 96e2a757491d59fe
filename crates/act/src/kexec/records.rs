//! The records in `/run/physmem`: one writer at a time, and never a record that does not belong to what is loaded.
//!
//! While a load is under way there is none: the earlier one is set aside, so that a load that is killed leaves an image
//! without a record, and not one with a wrong record. What it was to load stays beside: [`Records::unfinished`].

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use evidence::record::{KDUMP_RECORD, KEXEC_RECORD, RECORDS};
use evidence::{Purpose, Record};

/// A load takes a second or two.
const PATIENCE: Duration = Duration::from_mins(1);
const AGAIN: Duration = Duration::from_millis(50);

/// Why no record can be kept. Nothing was loaded.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The directory or a file in it cannot be written.
    #[error("{}: the record of the load cannot be written: {source}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another process loads.
    #[error("{}: another physmem has been loading for {} s", path.display(), PATIENCE.as_secs())]
    Busy {
        /// The lock.
        path: PathBuf,
    },
}

/// What was loaded before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Earlier {
    /// It is still loaded, and its record is back in its place.
    Holds,
    /// It is no longer loaded: the kernel has freed it. The load counts as unfinished.
    Lost,
    /// There was none.
    Nothing,
}

/// The directory of the records, locked against other loads until this is dropped.
#[derive(Debug)]
pub struct Records {
    directory: PathBuf,
    _lock: File,
}

impl Records {
    /// Makes `/run/physmem` below `root`, and waits until nobody else loads.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn lock(root: &Path) -> Result<Self, RecordError> {
        let directory = root.join(RECORDS.trim_start_matches('/'));
        let made = DirBuilder::new().mode(0o700).recursive(true).create(&directory);
        made.map_err(|source| RecordError::Write { path: directory.clone(), source })?;
        let path = directory.join("lock");
        let lock = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
        let lock = lock.map_err(|source| RecordError::Write { path: path.clone(), source })?;
        let begun = Instant::now();
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(Self { directory, _lock: lock }),
                Err(TryLockError::WouldBlock) if begun.elapsed() < PATIENCE => thread::sleep(AGAIN),
                Err(TryLockError::WouldBlock) => return Err(RecordError::Busy { path }),
                Err(TryLockError::Error(source)) => return Err(RecordError::Write { path, source }),
            }
        }
    }

    /// Writes the record of a load that is about to be made beside its place, and sets the earlier one aside.
    ///
    /// # Errors
    /// [`RecordError`]; the earlier record is then where it was.
    pub fn prepare(&self, record: &Record) -> Result<Pending<'_>, RecordError> {
        let pending = Pending { _records: self, place: self.place(record.purpose) };
        let prepared = pending.write(record).and_then(|()| missing_is_fine(pending.set_aside()));
        prepared.map_err(|source| {
            let _ = std::fs::remove_file(pending.part());
            RecordError::Write { path: pending.beside(), source }
        })?;
        Ok(pending)
    }

    /// Removes the record of an image that is no longer loaded, and what an unfinished load left.
    ///
    /// # Errors
    /// That of removing a file; that there is none is no error.
    pub fn forget(&self, purpose: Purpose) -> Result<(), RecordError> {
        let place = self.place(purpose);
        for path in [beside(&place), aside(&place), place] {
            missing_is_fine(std::fs::remove_file(&path))
                .map_err(|source| RecordError::Write { path, source })?;
        }
        Ok(())
    }

    /// What a load of this boot was to load that was killed, or that failed and cost the earlier image, if none was
    /// finished since. What is loaded now is not known: that image, the earlier one, or none.
    ///
    /// `None` also while somebody loads.
    pub fn unfinished(root: &Path, purpose: Purpose, boot_id: &str) -> Option<Record> {
        let directory = root.join(RECORDS.trim_start_matches('/'));
        let place = place(&directory, purpose);
        let left = [beside(&place), aside(&place)];
        // Most of the time there is nothing to lock for.
        if place.exists() || !left.iter().any(|path| path.exists()) {
            return None;
        }
        let lock = OpenOptions::new().write(true).open(directory.join("lock")).ok()?;
        lock.try_lock().ok()?;
        if place.exists() {
            return None;
        }
        let read = |path: &PathBuf| -> Option<Record> {
            serde_json::from_slice::<Record>(&std::fs::read(path).ok()?).ok()?.checked().ok()
        };
        left.iter().find_map(read).filter(|record| record.boot_id == boot_id && record.purpose == purpose)
    }

    fn place(&self, purpose: Purpose) -> PathBuf {
        place(&self.directory, purpose)
    }
}

fn place(directory: &Path, purpose: Purpose) -> PathBuf {
    directory.join(match purpose {
        Purpose::Reboot => KEXEC_RECORD,
        Purpose::Crash => KDUMP_RECORD,
    })
}

/// Where the record of a load that is under way lies.
fn beside(place: &Path) -> PathBuf {
    place.with_extension("new")
}

/// Where the earlier record lies meanwhile.
fn aside(place: &Path) -> PathBuf {
    place.with_extension("old")
}

/// A record that is written, and counts only when it is kept.
#[derive(Debug)]
pub struct Pending<'a> {
    _records: &'a Records,
    place: PathBuf,
}

impl Pending<'_> {
    /// The image is loaded: the record counts from now on.
    ///
    /// # Errors
    /// [`RecordError`]. The image is loaded all the same; it then has no record.
    pub fn keep(self, record: &Record) -> Result<(), RecordError> {
        let kept = self.write(record).and_then(|()| std::fs::rename(self.beside(), &self.place));
        let cleared = kept.and_then(|()| missing_is_fine(std::fs::remove_file(self.aside())));
        cleared.map_err(|source| RecordError::Write { path: self.place.clone(), source })
    }

    /// The image was not loaded.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn give_up(self, earlier: Earlier) -> Result<(), RecordError> {
        let old = self.aside();
        let done = match earlier {
            Earlier::Holds => missing_is_fine(std::fs::rename(&old, &self.place)),
            Earlier::Lost | Earlier::Nothing => missing_is_fine(std::fs::remove_file(&old)),
        };
        let done = done.and_then(|()| match earlier {
            Earlier::Lost => Ok(()),
            Earlier::Holds | Earlier::Nothing => missing_is_fine(std::fs::remove_file(self.beside())),
        });
        done.map_err(|source| RecordError::Write { path: self.place.clone(), source })
    }

    fn write(&self, record: &Record) -> io::Result<()> {
        let mut text = serde_json::to_vec_pretty(record)?;
        text.push(b'\n');
        let path = self.part();
        // What a load that was killed has left.
        missing_is_fine(std::fs::remove_file(&path))?;
        let mut file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&path)?;
        file.write_all(&text)?;
        file.sync_all()?;
        std::fs::rename(&path, self.beside())
    }

    fn set_aside(&self) -> io::Result<()> {
        match std::fs::rename(&self.place, self.aside()) {
            // Then one that an earlier load set aside belongs to nothing.
            Err(error) if error.kind() == io::ErrorKind::NotFound => std::fs::remove_file(self.aside()),
            result => result,
        }
    }

    /// A record that is not whole yet.
    fn part(&self) -> PathBuf {
        self.place.with_extension("part")
    }

    fn beside(&self) -> PathBuf {
        beside(&self.place)
    }

    fn aside(&self) -> PathBuf {
        aside(&self.place)
    }
}

fn missing_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}
