//! What a watcher has done, as OpenMetrics text for the textfile collector of node_exporter.

use std::fmt::Write;

use super::memory_event::Tally;
use super::watcher::{Image, State};

/// What a watcher has done since it began, and what it saw last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Events about memory blocks.
    pub events: Tally,
    /// How often the kernel had to drop events.
    pub overflows: u64,
    /// How often the machine was looked at.
    pub looks: u64,
    /// Loads that worked, for [`Image::ALL`].
    pub loaded: [u64; 2],
    /// Loads that failed, for [`Image::ALL`].
    pub failed: [u64; 2],
    /// When the last load worked, in seconds since 1970, for [`Image::ALL`].
    pub loaded_at: [Option<u64>; 2],
    /// What was seen last, for [`Image::ALL`].
    pub states: [Option<State>; 2],
}

impl Counters {
    /// The text of a metrics file.
    ///
    /// ```
    /// let text = act::watch::Counters::default().open_metrics();
    /// assert!(text.contains("physmem_watch_looks_total 0\n") && text.ends_with("# EOF\n"));
    /// ```
    pub fn open_metrics(&self) -> String {
        let mut text = String::new();
        let mut family = |name: &str, kind: &str, help: &str, samples: &[(String, u64)]| {
            // Writing to a string does not fail.
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
            let suffix = if kind == "counter" { "_total" } else { "" };
            for (labels, value) in samples {
                let _ = writeln!(text, "{name}{suffix}{labels} {value}");
            }
        };
        let Tally { added, removed, online, offline } = self.events;
        let events = [("add", added), ("remove", removed), ("online", online), ("offline", offline)];
        let events = events.map(|(action, count)| (format!("{{action=\"{action}\"}}"), count));
        family("physmem_watch_events", "counter", "Kernel events about memory blocks.", &events);
        let alone = |count| [(String::new(), count)];
        family(
            "physmem_watch_overflows",
            "counter",
            "Times the kernel dropped events because they were not read fast enough.",
            &alone(self.overflows),
        );
        family("physmem_watch_looks", "counter", "Times the machine was looked at.", &alone(self.looks));
        let mut reloads = Vec::new();
        for image in Image::ALL {
            let of = |counts: &[u64; 2]| counts.get(image.index()).copied().unwrap_or(0);
            for (result, count) in [("loaded", of(&self.loaded)), ("failed", of(&self.failed))] {
                reloads.push((format!("{{image=\"{image}\",result=\"{result}\"}}"), count));
            }
        }
        family("physmem_watch_reloads", "counter", "Loads that the watcher made or tried.", &reloads);
        let label = |image: Image| format!("{{image=\"{image}\"}}");
        let at: Vec<_> = Image::ALL
            .into_iter()
            .filter_map(|image| Some((label(image), (*self.loaded_at.get(image.index())?)?)))
            .collect();
        family("physmem_watch_reload_timestamp_seconds", "gauge", "When a load last worked.", &at);
        // A state that cannot be told has no sample: 0 would look healthy.
        let state = |is: fn(&State) -> Option<bool>| -> Vec<(String, u64)> {
            let of = |image: Image| {
                let state = self.states.get(image.index())?.as_ref()?;
                Some((label(image), u64::from(is(state)?)))
            };
            Image::ALL.into_iter().filter_map(of).collect()
        };
        let is_loaded = |state: &State| match state {
            State::NotLoaded => Some(false),
            State::Good | State::Stale { .. } => Some(true),
            State::CannotTell { .. } => None,
        };
        let is_stale = |state: &State| match state {
            State::NotLoaded | State::Good => Some(false),
            State::Stale { .. } => Some(true),
            State::CannotTell { .. } => None,
        };
        let is_untold = |state: &State| Some(matches!(state, State::CannotTell { .. }));
        let loaded = "Whether an image is loaded; no sample if that cannot be told.";
        family("physmem_image_loaded", "gauge", loaded, &state(is_loaded));
        let help =
            "Whether the loaded image no longer describes the machine; no sample if that cannot be told.";
        family("physmem_image_stale", "gauge", help, &state(is_stale));
        let untold = "Whether it cannot be told if the loaded image describes the machine.";
        family("physmem_image_untold", "gauge", untold, &state(is_untold));
        text.push_str("# EOF\n");
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_family_is_declared_before_its_samples_and_counters_end_in_total() {
        let counters = Counters {
            looks: 3,
            loaded: [0, 1],
            loaded_at: [None, Some(1_796_000_000)],
            states: [Some(State::NotLoaded), Some(State::Good)],
            ..Counters::default()
        };
        let text = counters.open_metrics();
        let mut declared = None;
        for line in text.lines().filter(|line| *line != "# EOF") {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                declared = rest.split_once(' ');
            } else if !line.starts_with('#') {
                let (name, kind) = declared.unwrap();
                let name = if kind == "counter" { format!("{name}_total") } else { name.to_owned() };
                assert!(line.starts_with(&name), "{line}");
            }
        }
        assert!(
            text.contains("physmem_watch_reloads_total{image=\"kdump\",result=\"loaded\"} 1\n"),
            "{text}"
        );
        assert!(text.contains("physmem_image_loaded{image=\"kexec\"} 0\n"), "{text}");
        assert!(
            text.contains("physmem_watch_reload_timestamp_seconds{image=\"kdump\"} 1796000000\n"),
            "{text}"
        );
    }
}
