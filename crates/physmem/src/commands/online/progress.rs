//! Progress on standard error: on a terminal one line that changes, elsewhere a line for each block.

use std::io::{self, IsTerminal, Write};

use act::{Armed, Block, Done, Outcome, Progress, state_word};

/// Tells about progress, or keeps quiet.
pub(super) struct Told {
    quiet: bool,
    on_terminal: bool,
    all: usize,
    begun: usize,
}

impl Told {
    pub(super) fn new(quiet: bool, all: usize) -> Self {
        Self { quiet, on_terminal: io::stderr().is_terminal(), all, begun: 0 }
    }

    /// What is loaded before anything is done.
    pub(super) fn armed(&self, armed: Armed) {
        if self.quiet {
            return;
        }
        let word = |loaded: Option<bool>| match loaded {
            Some(true) => "loaded",
            Some(false) => "not loaded",
            None => "cannot be told",
        };
        let keeps = match (armed.kdump, armed.crash_hotplug) {
            (Some(true), Some(true)) => ", its header is kept up to date by the kernel",
            (Some(true), _) => ", its header is not kept up to date",
            _ => "",
        };
        say(&format!("before: kexec {}, kdump {}{keeps}\n", word(armed.kexec), word(armed.kdump)));
    }

    pub(super) fn tell(&mut self, progress: Progress<'_>) {
        match progress {
            Progress::Begins(block) => {
                self.begun = self.begun.saturating_add(1);
                if self.on_terminal && !self.quiet {
                    say(&format!("\r\x1b[K[{}/{}] {block}: {} ...", self.begun, self.all, seen(Some(block))));
                }
            }
            Progress::Ends(_) if self.quiet => {}
            Progress::Ends(done) if self.on_terminal => {
                // What failed stays on the screen.
                say(&match &done.outcome {
                    Outcome::Refused(_) => format!("\r\x1b[K{}\n", line(done)),
                    _ => "\r\x1b[K".to_owned(),
                });
            }
            Progress::Ends(done) => say(&format!("{}\n", line(done))),
        }
    }
}

fn line(done: &Done) -> String {
    let now = seen(done.after.as_ref());
    let was = match &done.outcome {
        Outcome::Changed => format!("was {}", seen(Some(&done.before))),
        Outcome::Already => "by itself".to_owned(),
        Outcome::Refused(refusal) => match &refusal.errno {
            Some(errno) => format!("{errno} {}", refusal.rule),
            None => refusal.rule.to_owned(),
        },
        Outcome::NotBegun => "not begun".to_owned(),
    };
    format!("{}: {now} ({was})", done.before)
}

/// `online Movable`; of an offline block the zones that it can go to.
fn seen(block: Option<&Block>) -> String {
    let Some(block) = block else { return "gone".to_owned() };
    let state = state_word(block.state);
    if block.is_online() && !block.zones.is_empty() {
        return format!("{state} {}", block.zones.join(" "));
    }
    state.to_owned()
}

fn say(text: &str) {
    // Progress that nobody can read is no reason to end with blocks half done.
    let _ = io::stderr().write_all(text.as_bytes());
}
