//! The watcher itself.

use std::fmt;
use std::time::Duration;

use evidence::Purpose;

use super::backoff::Backoff;
use super::counters::Counters;
use super::listener::Heard;
use super::schedule::{Pace, Schedule};
use crate::error::Error;

/// Which of the kernels that can be loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Image {
    /// The one for a reboot.
    Kexec,
    /// The one for a crash.
    Kdump,
}

impl Image {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Kexec, Self::Kdump];

    /// What it is for.
    pub const fn purpose(self) -> Purpose {
        match self {
            Self::Kexec => Purpose::Reboot,
            Self::Kdump => Purpose::Crash,
        }
    }

    /// Its place in [`ALL`](Self::ALL).
    pub const fn index(self) -> usize {
        match self {
            Self::Kexec => 0,
            Self::Kdump => 1,
        }
    }
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kexec => "kexec",
            Self::Kdump => "kdump",
        })
    }
}

/// Whether a loaded image describes the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// None is loaded.
    NotLoaded,
    /// It does.
    Good,
    /// It does not.
    Stale {
        /// The rule that says so, e.g. `dump-header-stale`.
        rule: String,
        /// What is missing or too much. The same words mean the same state: a load that leaves them is not repeated.
        what: String,
    },
    /// Nothing shows it.
    CannotTell {
        /// Why.
        why: String,
    },
}

/// What a line of the log is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// The machine was looked at, and nothing has to be done.
    Good,
    /// It cannot be told whether something has to be done.
    CannotTell,
    /// An image is stale; with a dry run, nothing more is done.
    Stale,
    /// A load begins.
    Loads,
    /// It worked, and the image describes the machine.
    Loaded,
    /// It did not work; it is tried again.
    Failed,
    /// It worked, and the image is as stale as before: it is left so until something changes.
    LoadedInVain,
    /// Events were lost.
    Overflow,
}

impl Said {
    /// The word for logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::CannotTell => "cannot-tell",
            Self::Stale => "stale",
            Self::Loads => "loads",
            Self::Loaded => "loaded",
            Self::Failed => "failed",
            Self::LoadedInVain => "loaded-in-vain",
            Self::Overflow => "overflow",
        }
    }
}

/// A line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told<'a> {
    /// What it is about.
    pub said: Said,
    /// The image, if it is about one.
    pub image: Option<Image>,
    /// Why, in one sentence.
    pub reason: &'a str,
}

/// What a watcher works with.
pub trait World {
    /// The time since any one moment; it never goes back.
    fn now(&self) -> Duration;
    /// Waits for events, at most this long; also ends when something asks to stop.
    ///
    /// # Errors
    /// When nothing can be heard any more.
    fn wait(&mut self, limit: Duration) -> Result<Heard, Error>;
    /// Why to stop, if so.
    fn stop(&self) -> Option<&'static str>;
    /// Looks at the machine once, for [`Image::ALL`].
    fn look(&mut self) -> [State; 2];
    /// Loads it again, and says what was loaded, or why it was not.
    ///
    /// # Errors
    /// A sentence that says why.
    fn rearm(&mut self, image: Image) -> Result<String, String>;
    /// Writes a line of the log.
    fn tell(&mut self, told: &Told<'_>);
    /// Publishes what was done: metrics, and a sign of life. Called after every wait.
    fn publish(&mut self, counters: &Counters);
    /// Seconds since 1970.
    fn clock(&self) -> u64;
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// What was done.
    pub counters: Counters,
    /// Why it ended; `None` for a single look.
    pub stopped: Option<&'static str>,
}

impl Ended {
    /// Whether an image was left that does not describe the machine.
    pub fn is_stale(&self) -> bool {
        self.counters.states.iter().flatten().any(|state| matches!(state, State::Stale { .. }))
    }
}

/// Watches until something asks to stop.
///
/// `loads`: whether stale images are loaded again; otherwise they are only reported.
///
/// # Errors
/// When nothing can be heard any more.
pub fn run(world: &mut impl World, pace: Pace, loads: bool) -> Result<Ended, Error> {
    let mut watcher = Watcher::new(world, loads);
    let mut schedule = Schedule::new(pace, watcher.world.now());
    loop {
        let now = watcher.world.now();
        if let Some(stopped) = watcher.world.stop() {
            return Ok(Ended { counters: watcher.counters, stopped: Some(stopped) });
        }
        if now >= schedule.due() {
            schedule.looks(now);
            let left = watcher.look();
            let now = watcher.world.now();
            if let Some(wait) = left.failed {
                schedule.again_after(now, wait);
            }
            if left.has_changed {
                schedule.heard(now, true);
            }
            watcher.publish();
            continue;
        }
        let heard = watcher.world.wait(schedule.due().saturating_sub(now))?;
        watcher.count(heard);
        if heard.is_reason() {
            schedule.heard(watcher.world.now(), heard.is_removal());
        }
        watcher.publish();
    }
}

/// Looks once, and loads what is stale.
pub fn once(world: &mut impl World, loads: bool) -> Ended {
    let mut watcher = Watcher::new(world, loads);
    watcher.look();
    watcher.publish();
    Ended { counters: watcher.counters, stopped: None }
}

/// What a look left to be done.
#[derive(Clone, Copy, Debug, Default)]
struct Left {
    /// A load failed: how long to wait before the next attempt.
    failed: Option<Duration>,
    /// Memory changed during a load.
    has_changed: bool,
}

impl Left {
    const NOTHING: Self = Self { failed: None, has_changed: false };

    fn and(self, other: Self) -> Self {
        Self {
            failed: [self.failed, other.failed].into_iter().flatten().min(),
            has_changed: self.has_changed || other.has_changed,
        }
    }
}

struct Watcher<'a, W> {
    world: &'a mut W,
    loads: bool,
    counters: Counters,
    backoff: [Backoff; 2],
    /// What a load left as it was.
    in_vain: [Option<State>; 2],
}

impl<'a, W: World> Watcher<'a, W> {
    fn new(world: &'a mut W, loads: bool) -> Self {
        Self {
            world,
            loads,
            counters: Counters::default(),
            backoff: [Backoff::default(); 2],
            in_vain: [const { None }; 2],
        }
    }

    fn count(&mut self, heard: Heard) {
        self.counters.events.add(heard.events);
        if heard.overflowed {
            self.counters.overflows = self.counters.overflows.saturating_add(1);
            let reason = "the kernel dropped events because they were not read fast enough; the machine is looked at as \
                          if memory had been removed";
            self.world.tell(&Told { said: Said::Overflow, image: None, reason });
        }
    }

    fn publish(&mut self) {
        self.world.publish(&self.counters);
    }

    /// Looks at both images.
    fn look(&mut self) -> Left {
        self.counters.looks = self.counters.looks.saturating_add(1);
        let seen = Image::ALL.into_iter().zip(self.world.look());
        seen.map(|(image, state)| self.sees(image, &state)).fold(Left::NOTHING, Left::and)
    }

    fn sees(&mut self, image: Image, state: &State) -> Left {
        let is_new = self.saw(image, state);
        let (rule, what) = match state {
            State::NotLoaded => return Left::NOTHING,
            State::Good => {
                if is_new {
                    self.tell(Said::Good, image, "what is loaded describes the machine");
                }
                return Left::NOTHING;
            }
            State::CannotTell { why } => {
                if is_new {
                    self.tell(Said::CannotTell, image, why);
                }
                return Left::NOTHING;
            }
            State::Stale { rule, what } => (rule, what),
        };
        let reason = format!("{rule}: {what}");
        if !self.loads {
            if is_new {
                self.tell(Said::Stale, image, &reason);
            }
            return Left::NOTHING;
        }
        if self.in_vain.get(image.index()).is_some_and(|vain| vain.as_ref() == Some(state)) {
            return Left::NOTHING;
        }
        self.tell(Said::Loads, image, &reason);
        match self.world.rearm(image) {
            Ok(loaded) => self.loaded(image, state, &loaded),
            Err(why) => {
                add(&mut self.counters.failed, image);
                let wait = self.backoff.get_mut(image.index()).map(Backoff::failed).unwrap_or_default();
                self.tell(
                    Said::Failed,
                    image,
                    &format!("{why}; the next attempt is in {} s", wait.as_secs()),
                );
                Left { failed: Some(wait), ..Left::NOTHING }
            }
        }
    }

    fn loaded(&mut self, image: Image, before: &State, loaded: &str) -> Left {
        add(&mut self.counters.loaded, image);
        let clock = self.world.clock();
        if let Some(at) = self.counters.loaded_at.get_mut(image.index()) {
            *at = Some(clock);
        }
        if let Some(backoff) = self.backoff.get_mut(image.index()) {
            backoff.worked();
        }
        let [kexec, kdump] = self.world.look();
        let after = match image {
            Image::Kexec => kexec,
            Image::Kdump => kdump,
        };
        self.saw(image, &after);
        if after == *before {
            let reason = format!(
                "{loaded}, but it is as stale as before: it is not loaded again until something changes"
            );
            self.tell(Said::LoadedInVain, image, &reason);
            if let Some(vain) = self.in_vain.get_mut(image.index()) {
                *vain = Some(after);
            }
            return Left::NOTHING;
        }
        self.tell(Said::Loaded, image, loaded);
        // Memory may have changed during the load. It may change further: that waits for quiet, as after an event.
        Left { has_changed: matches!(after, State::Stale { .. }), ..Left::NOTHING }
    }

    /// Whether this is not what was seen last.
    fn saw(&mut self, image: Image, state: &State) -> bool {
        if let Some(vain) = self.in_vain.get_mut(image.index())
            && vain.as_ref() != Some(state)
        {
            *vain = None;
        }
        let Some(last) = self.counters.states.get_mut(image.index()) else { return false };
        let is_new = last.as_ref() != Some(state);
        *last = Some(state.clone());
        is_new
    }

    fn tell(&mut self, said: Said, image: Image, reason: &str) {
        self.world.tell(&Told { said, image: Some(image), reason });
    }
}

fn add(counts: &mut [u64; 2], image: Image) {
    if let Some(count) = counts.get_mut(image.index()) {
        *count = count.saturating_add(1);
    }
}
