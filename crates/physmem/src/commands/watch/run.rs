//! Runs `physmem watch`.

use std::io::Write;
use std::path::Path;
use std::time::Instant;

use act::Stop;
use act::watch::{self, Listener, Pace};

use super::live::Live;
use super::rivals::rivals;
use crate::cli::WatchArguments;
use crate::done::Done;
use crate::failure::Failure;

pub(crate) fn run(arguments: &WatchArguments, out: &mut impl Write) -> Result<Done, Failure> {
    // Listen first: what happens during the first look is heard after it.
    let listener = if arguments.once { None } else { Some(Listener::new().map_err(act::Error::Events)?) };
    let stop = if arguments.once { Stop::default() } else { Stop::default().at_signals()? };
    let mut live = Live {
        begun: Instant::now(),
        listener,
        stop,
        only: arguments.only,
        exec: arguments.exec.as_deref(),
        metrics: arguments.metrics.clone(),
        is_journal: std::env::var_os("JOURNAL_STREAM").is_some(),
        out,
        published: None,
        metrics_failed: false,
    };
    let loads = !arguments.dry_run;
    if arguments.once {
        return Ok(done(&watch::once(&mut live, loads)));
    }
    for rule in rivals(Path::new("/")) {
        let text = format!(
            "{} loads the crash kernel too, beside this watcher; to mask it: ln -s /dev/null /etc/udev/rules.d/{}",
            rule.display(),
            rule.file_name().unwrap_or_default().to_string_lossy()
        );
        live.note("rival", &text);
    }
    let pace = Pace { settle: arguments.settle, longest: arguments.longest, idle: arguments.idle };
    watch::run(&mut live, pace, loads)?;
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
    Ok(Done::Good)
}

/// The exit status of a single look.
fn done(ended: &watch::Ended) -> Done {
    let is = |meant: fn(&watch::State) -> bool| ended.counters.states.iter().flatten().any(meant);
    if ended.is_stale() {
        Done::Findings
    } else if is(|state| matches!(state, watch::State::CannotTell { .. })) {
        Done::Open
    } else {
        Done::Good
    }
}
