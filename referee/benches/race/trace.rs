//! Replays the memblock calls of real kernel boots, from their logs with `memblock=debug`.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use firmware::log::{MemblockCallKind, memblock_calls};
use flate2::read::GzDecoder;

use crate::clock::{time, typical};
use crate::library::{Library, Tables};

/// A boot with a lot of firmware, and the longest log.
pub(crate) const CAPTURES: [&str; 2] = ["x86/plain-2g-efi", "arm64/deb-dt-plain"];

/// The calls of one boot that change the tables: kind, base and size.
pub(crate) struct Trace(Vec<(MemblockCallKind, u64, u64)>);

impl Trace {
    /// From a capture in this repository.
    pub(crate) fn of(capture: &str) -> Self {
        let captures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../captures");
        let file = File::open(captures.join(capture).with_extension("tar.gz")).expect("a capture");
        let mut archive = tar::Archive::new(GzDecoder::new(file));
        let mut entries = archive.entries().expect("an archive").map(|entry| entry.expect("an entry"));
        let is_log = |entry: &tar::Entry<_>| entry.path().is_ok_and(|path| path.ends_with("var/log/dmesg"));
        let mut log = Vec::new();
        entries.find(is_log).expect("a log").read_to_end(&mut log).expect("a log");
        // Calls with an empty range are logged too, but have no `PhysRange`.
        let calls = memblock_calls(&log).flatten();
        Self(calls.map(|call| (call.kind, call.range.start(), call.range.size())).collect())
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Nanoseconds for each call of the whole boot.
    #[allow(clippy::cast_precision_loss)] // Some hundred calls.
    pub(crate) fn replay<L: Library>(&self, library: &mut L) -> f64 {
        const ROOM: usize = 512;
        let boots = (0..200).map(|_| {
            let mut tables = library.start(ROOM, &[], &[]);
            time(|| {
                for (kind, base, size) in &self.0 {
                    match kind {
                        MemblockCallKind::Add | MemblockCallKind::AddNode => tables.add(*base, *size),
                        MemblockCallKind::Remove => tables.remove_any(*base, *size),
                        MemblockCallKind::Reserve => tables.reserve(*base, *size),
                        MemblockCallKind::Free => tables.free(*base, *size),
                        // Goes directly to the page allocator, not to the tables.
                        MemblockCallKind::FreeLate => {}
                    }
                }
            })
        });
        typical(boots) / self.len() as f64
    }
}
