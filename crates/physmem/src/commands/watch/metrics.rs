//! The file of metrics.

use std::fs;
use std::io;
use std::path::Path;

use act::watch::Counters;

/// Replaces the file in one step: the collector may read it at any time.
pub(super) fn write(path: &Path, counters: &Counters) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    // The collector reads only files that end in .prom.
    beside.push(".new");
    fs::write(&beside, counters.open_metrics())?;
    fs::rename(&beside, path)
}
