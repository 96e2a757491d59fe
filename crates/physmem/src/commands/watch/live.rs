//! The running machine, as the watcher sees it.

use std::io::Write;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use act::watch::{Counters, Heard, Image, Listener, State, Told, World};
use act::{Error, Stop};
use rules::Rules;
use sd_notify::NotifyState;

use super::{clock, line, metrics, rearm};
use crate::cli::WatchedImage;
use crate::commands::arm;

/// How long a wait lasts at most: a signal ends it early, but one that comes just before is noticed only after it.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// A storm has thousands of events in a second: they are published together.
const BETWEEN_PUBLISHING: Duration = Duration::from_secs(1);

/// The running machine.
pub(super) struct Live<'a, W> {
    pub(super) begun: Instant,
    pub(super) listener: Option<Listener>,
    pub(super) stop: Stop,
    pub(super) only: Option<WatchedImage>,
    pub(super) exec: Option<&'a str>,
    pub(super) metrics: Option<PathBuf>,
    /// Whether journald reads what is printed.
    pub(super) is_journal: bool,
    pub(super) out: &'a mut W,
    /// What was published last and when, and whether the file of metrics could be written.
    pub(super) published: Option<(Duration, Counters)>,
    pub(super) metrics_failed: bool,
}

impl<W: Write> Live<'_, W> {
    fn is_watched(&self, image: Image) -> bool {
        match self.only {
            None => true,
            Some(WatchedImage::Kexec) => image == Image::Kexec,
            Some(WatchedImage::Kdump) => image == Image::Kdump,
        }
    }

    /// The command that loads it, if one does.
    fn by_command(&self, image: Image) -> Option<&str> {
        self.exec.filter(|_| image == Image::Kdump)
    }

    fn say(&mut self, level: &str, text: &str) {
        let level = if self.is_journal { level } else { "" };
        // Whoever no longer reads it does not stop the watch.
        let _ = writeln!(self.out, "{level}{text}");
        let _ = self.out.flush();
    }

    /// Says something that is not about a look.
    pub(super) fn note(&mut self, said: &str, reason: &str) {
        self.say("<4>", &format!("said={said} reason=\"{}\"", reason.replace('"', "\\\"")));
    }
}

impl<W: Write> World for Live<'_, W> {
    fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    fn wait(&mut self, limit: Duration) -> Result<Heard, Error> {
        let Some(listener) = &self.listener else { return Ok(Heard::default()) };
        listener.wait(limit.min(LONGEST_WAIT)).map_err(Error::Events)
    }

    fn stop(&self) -> Option<&'static str> {
        self.stop.why().map(|why| match why {
            act::Why::Signal(signal) => signal,
            act::Why::Timeout | act::Why::Asked => "asked",
        })
    }

    fn look(&mut self) -> [State; 2] {
        let seen = arm::live().map(|machine| {
            let checked = audit::checked(&machine, &Rules::LINUX);
            (machine, checked)
        });
        Image::ALL.map(|image| match &seen {
            _ if !self.is_watched(image) => State::NotLoaded,
            Ok((machine, checked)) => rearm::state(machine, checked, image, self.by_command(image).is_none()),
            Err(why) => State::CannotTell { why: why.to_string() },
        })
    }

    fn rearm(&mut self, image: Image) -> Result<String, String> {
        if let Some(command) = self.by_command(image) {
            return rearm::by_command(command);
        }
        // Read again: another process may have loaded another kernel since the look.
        rearm::by_record(&arm::live().map_err(|why| why.to_string())?, image)
    }

    fn tell(&mut self, told: &Told<'_>) {
        self.say(line::level(told.said), &line::line(told));
    }

    fn publish(&mut self, counters: &Counters) {
        let now = self.now();
        let last = self.published.as_ref();
        if last.is_some_and(|(at, last)| {
            last.looks == counters.looks && now < at.saturating_add(BETWEEN_PUBLISHING)
        }) {
            return;
        }
        // Outside systemd these do nothing.
        let _ = sd_notify::notify(&[NotifyState::Watchdog]);
        if last.is_some_and(|(_, last)| last == counters) {
            return;
        }
        if last.is_none() {
            let _ = sd_notify::notify(&[NotifyState::Ready]);
        }
        let _ = sd_notify::notify(&[NotifyState::Status(&status(counters))]);
        self.published = Some((now, counters.clone()));
        let Some(path) = self.metrics.clone() else { return };
        match metrics::write(&path, counters) {
            Ok(()) => self.metrics_failed = false,
            Err(_) if self.metrics_failed => {}
            Err(error) => {
                self.metrics_failed = true;
                self.note("metrics-failed", &format!("{}: {error}", path.display()));
            }
        }
    }

    fn clock(&self) -> u64 {
        clock::seconds()
    }
}

/// One line for `systemctl status`.
fn status(counters: &Counters) -> String {
    let words = |image: Image| {
        let state = counters.states.get(image.index())?.as_ref()?;
        let word = match state {
            State::NotLoaded => "not loaded",
            State::Good => "good",
            State::Stale { .. } => "stale",
            State::CannotTell { .. } => "cannot be told",
        };
        Some(format!("{image}: {word}"))
    };
    let states: Vec<String> = Image::ALL.into_iter().filter_map(words).collect();
    let loads: u64 = counters.loaded.iter().fold(0, |sum, count| sum.saturating_add(*count));
    format!("{}; {} events, {loads} loads", states.join(", "), counters.events.all())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_storm_is_published_once_a_second_and_a_look_at_once() {
        let path = std::env::temp_dir().join(format!("physmem-publish-{}.prom", std::process::id()));
        let mut out = Vec::new();
        let mut live = Live {
            begun: Instant::now(),
            listener: None,
            stop: Stop::default(),
            only: None,
            exec: None,
            metrics: Some(path.clone()),
            is_journal: false,
            out: &mut out,
            published: None,
            metrics_failed: false,
        };
        let mut counters = Counters::default();
        let mut published = |counters: &Counters| {
            live.publish(counters);
            std::fs::read_to_string(&path).unwrap() == counters.open_metrics()
        };
        assert!(published(&counters));
        counters.events.added = 1;
        assert!(!published(&counters));
        counters.looks = 1;
        assert!(published(&counters));
        counters.events.added = 2;
        assert!(!published(&counters));
        std::thread::sleep(BETWEEN_PUBLISHING);
        assert!(published(&counters));
        std::fs::remove_file(&path).unwrap();
    }
}
