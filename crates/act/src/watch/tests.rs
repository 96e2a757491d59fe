//! The watcher on a machine of memory blocks whose time does not pass by itself.

use std::collections::VecDeque;

use super::*;
use crate::error::Error;
use std::time::Duration;

/// Blocks 0 to 63; a crash header lists those that were there when it was loaded.
#[derive(Default)]
struct Machine {
    now: Duration,
    /// What will happen, and when.
    script: VecDeque<(Duration, Happening)>,
    blocks: u64,
    header: u64,
    is_loaded: bool,
    /// Whether the kernel itself rebuilds the header when a block goes online or offline.
    follows: bool,
    /// Blocks whose removal has been told, and whose resource is still there.
    leaving: Vec<(Duration, u64)>,
    loads: Vec<u64>,
    told: Vec<Said>,
    /// What is there when a load begins is in its header.
    load_takes: Duration,
    /// How many of the next loads fail.
    failing: u32,
    /// Whether what is loaded always lists too much.
    is_hopeless: bool,
    end: Duration,
}

#[derive(Clone, Copy, Debug)]
enum Happening {
    Event(MemoryEvent, u64),
    Overflow(u64),
}

impl Machine {
    fn happen(&mut self, what: Happening, heard: &mut Heard) {
        match what {
            Happening::Event(event, block) => {
                heard.events.count(event);
                match event {
                    MemoryEvent::Added => self.blocks |= 1 << block,
                    MemoryEvent::Removed => {
                        self.leaving.push((self.now + Duration::from_millis(1500), block));
                    }
                    MemoryEvent::Online | MemoryEvent::Offline if self.follows => self.header = self.blocks,
                    MemoryEvent::Online | MemoryEvent::Offline => {}
                }
            }
            Happening::Overflow(block) => {
                heard.overflowed = true;
                self.blocks &= !(1 << block);
            }
        }
    }

    fn pass_to(&mut self, now: Duration) {
        self.now = now;
        let (gone, leaving) = self.leaving.iter().partition(|(at, _)| *at <= now);
        self.leaving = leaving;
        let gone: Vec<(Duration, u64)> = gone;
        for (_, block) in gone {
            self.blocks &= !(1 << block);
        }
    }
}

impl World for Machine {
    fn now(&self) -> Duration {
        self.now
    }

    fn wait(&mut self, limit: Duration) -> Result<Heard, Error> {
        let mut heard = Heard::default();
        let until = self.now + limit;
        match self.script.front() {
            Some((at, _)) if *at <= until => {
                let at = (*at).max(self.now);
                self.pass_to(at);
                while let Some((_, what)) = self.script.pop_front_if(|(next, _)| *next <= at) {
                    self.happen(what, &mut heard);
                }
            }
            _ => self.pass_to(until.min(self.end)),
        }
        Ok(heard)
    }

    fn stop(&self) -> Option<&'static str> {
        (self.now >= self.end).then_some("the end")
    }

    fn look(&mut self) -> [State; 2] {
        let kdump = if !self.is_loaded {
            State::NotLoaded
        } else if self.header == self.blocks && !self.is_hopeless {
            State::Good
        } else {
            let what = format!("lists {:#x}, there is {:#x}", self.header, self.blocks);
            State::Stale { rule: "dump-header-stale".into(), what }
        };
        [State::NotLoaded, kdump]
    }

    fn rearm(&mut self, _: Image) -> Result<String, String> {
        if self.failing > 0 {
            self.failing -= 1;
            return Err("no".into());
        }
        self.header = self.blocks;
        self.loads.push(self.header);
        self.pass_to(self.now + self.load_takes);
        Ok("loaded".into())
    }

    fn tell(&mut self, told: &Told<'_>) {
        self.told.push(told.said);
    }

    fn publish(&mut self, _: &Counters) {}

    fn clock(&self) -> u64 {
        self.now.as_secs()
    }
}

fn armed(blocks: u64) -> Machine {
    Machine { blocks, header: blocks, is_loaded: true, end: Duration::from_secs(100), ..Machine::default() }
}

/// These events, a millisecond apart, from one second on.
fn storm(events: impl IntoIterator<Item = (MemoryEvent, u64)>) -> VecDeque<(Duration, Happening)> {
    let at = |n: usize| Duration::from_millis(1000 + n as u64);
    events
        .into_iter()
        .enumerate()
        .map(|(n, (event, block))| (at(n), Happening::Event(event, block)))
        .collect()
}

const PACE: Pace =
    Pace { settle: Duration::from_secs(1), longest: Duration::from_secs(10), idle: Duration::from_mins(10) };

#[test]
fn a_storm_that_changes_the_memory_is_followed_by_one_load() {
    let events = (8..64).flat_map(|block| [(MemoryEvent::Added, block), (MemoryEvent::Online, block)]);
    let mut machine = Machine { script: storm(events), ..armed(0xff) };
    let ended = run(&mut machine, PACE, true).unwrap();
    assert_eq!(machine.loads, [u64::MAX]);
    assert_eq!(ended.counters.events.all(), 112);
    assert!(!ended.is_stale());
}

#[test]
fn a_storm_after_which_the_kernel_has_helped_itself_or_nothing_has_changed_is_followed_by_none() {
    let events = || (8..64).flat_map(|block| [(MemoryEvent::Added, block), (MemoryEvent::Online, block)]);
    let mut follows = Machine { script: storm(events()), follows: true, ..armed(0xff) };
    run(&mut follows, PACE, true).unwrap();
    assert_eq!(follows.loads, [0; 0]);
    let toggles = (0..8).flat_map(|block| [(MemoryEvent::Offline, block), (MemoryEvent::Online, block)]);
    let mut same = Machine { script: storm(toggles), ..armed(0xff) };
    run(&mut same, PACE, true).unwrap();
    assert_eq!(same.loads, [0; 0]);
}

#[test]
fn a_watcher_that_begins_in_the_middle_of_a_storm_loads_once_too() {
    let storm = storm((8..64).map(|block| (MemoryEvent::Added, block)));
    let begin = Duration::from_secs(1);
    let mut machine = Machine { now: begin, script: storm, ..armed(0xff) };
    // What it did not hear has made the header stale already.
    machine.header = 0xf;
    run(&mut machine, PACE, true).unwrap();
    assert_eq!(machine.loads, [u64::MAX]);
}

#[test]
fn memory_that_leaves_after_its_event_is_noticed_although_the_kernel_followed_its_going_offline() {
    let unplug = (4..8).map(|block| (MemoryEvent::Offline, block));
    let unplug = unplug.chain((4..8).map(|block| (MemoryEvent::Removed, block)));
    let mut machine = Machine { script: storm(unplug), follows: true, ..armed(0xff) };
    run(&mut machine, PACE, true).unwrap();
    // One load, with what was left at the end; none while it was half gone.
    assert_eq!(machine.loads, [0xf]);
}

#[test]
fn a_long_storm_of_removals_is_followed_by_one_load_in_the_longest_delay() {
    // One block each 0.9 s: it never settles in 54 s.
    let at = |n: u64| Duration::from_millis(1000 + 900 * n);
    let script =
        (4..64).map(|block| (at(block - 4), Happening::Event(MemoryEvent::Removed, block))).collect();
    let mut machine = Machine { script, ..armed(u64::MAX) };
    let ended = run(&mut machine, PACE, true).unwrap();
    assert_eq!(machine.loads.last(), Some(&0xf));
    assert!((5..=7).contains(&machine.loads.len()), "{} loads", machine.loads.len());
    assert!(!ended.is_stale());
}

#[test]
fn memory_that_changes_during_a_load_is_waited_for_as_for_any_event() {
    let at = |n: u64| Duration::from_millis(1000 + 50 * n);
    let script =
        (8..64).map(|block| (at(block - 8), Happening::Event(MemoryEvent::Removed, block))).collect();
    let mut machine = Machine { script, load_takes: Duration::from_millis(100), ..armed(u64::MAX) };
    let pace = Pace { longest: Duration::from_secs(2), ..PACE };
    run(&mut machine, pace, true).unwrap();
    assert_eq!(machine.loads.last(), Some(&0xff));
    assert!(machine.loads.len() <= 3, "{} loads", machine.loads.len());
}

#[test]
fn lost_events_count_as_a_removal() {
    let script = [(Duration::from_secs(2), Happening::Overflow(3))].into();
    let mut machine = Machine { script, ..armed(0xff) };
    let ended = run(&mut machine, PACE, true).unwrap();
    assert_eq!((machine.loads.as_slice(), ended.counters.overflows), (&[0xf7][..], 1));
    assert!(machine.told.contains(&Said::Overflow));
}

#[test]
fn a_load_that_fails_is_tried_again_later_and_later() {
    let mut machine = Machine { blocks: 1, failing: 3, ..armed(0) };
    machine.header = 0;
    let ended = run(&mut machine, PACE, true).unwrap();
    assert_eq!(machine.loads, [1]);
    assert_eq!((ended.counters.failed, ended.counters.loaded), ([0, 3], [0, 1]));
    // A second after it began, and then after 1, 2 and 4 seconds.
    assert_eq!(ended.counters.loaded_at[1], Some(8));
}

#[test]
fn a_load_that_does_not_help_is_not_repeated() {
    let mut machine = Machine { is_hopeless: true, ..armed(1) };
    let ended = run(&mut machine, Pace { idle: Duration::from_secs(5), ..PACE }, true).unwrap();
    assert_eq!(machine.loads, [1]);
    assert!(ended.is_stale() && machine.told.contains(&Said::LoadedInVain));
}

#[test]
fn a_dry_run_loads_nothing_and_says_so_once() {
    let mut machine = Machine { blocks: 3, ..armed(1) };
    machine.header = 1;
    machine.blocks = 3;
    let ended = run(&mut machine, Pace { idle: Duration::from_secs(5), ..PACE }, false).unwrap();
    assert!(machine.loads.is_empty() && ended.is_stale());
    assert_eq!(machine.told.iter().filter(|said| **said == Said::Stale).count(), 1);
    assert!(once(&mut machine, false).is_stale());
    assert!(!once(&mut machine, true).is_stale());
}

#[test]
fn nothing_is_missed_of_100_000_events_and_each_settled_change_is_loaded_once() {
    // A hundred bursts of a thousand events, ten seconds apart: blocks come and go at random.
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut script = VecDeque::new();
    let mut blocks = 1_u64;
    let mut changes = 0;
    let mut after = blocks;
    for burst in 0..100_u64 {
        for n in 0..1000_u64 {
            let at = Duration::from_millis(10_000 + burst * 10_000 + n);
            let block = 1 + random() % 63;
            let event = if blocks & (1 << block) == 0 { MemoryEvent::Added } else { MemoryEvent::Online };
            blocks |= 1 << block;
            script.push_back((at, Happening::Event(event, block)));
        }
        if burst % 2 == 1 {
            let at = Duration::from_millis(10_000 + burst * 10_000 + 1000);
            let block = 1 + random() % 63;
            blocks &= !(1 << block);
            script.push_back((at, Happening::Overflow(block)));
        }
        changes += u64::from(blocks != after);
        after = blocks;
    }
    let mut machine = Machine { script, ..armed(1) };
    machine.end = Duration::from_secs(2000);
    let ended = run(&mut machine, PACE, true).unwrap();
    assert_eq!(ended.counters.events.all(), 100_000);
    assert_eq!(machine.loads.len() as u64, changes);
    assert_eq!(machine.loads.last(), Some(&after));
    assert!(!ended.is_stale());
}
