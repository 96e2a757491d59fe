//! When to look: once events have settled, and not later than some time after the first of them.

use std::time::Duration;

/// How soon to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Events have settled when none came for this long.
    pub settle: Duration,
    /// After this long a look is due although events still come.
    pub longest: Duration,
    /// Without any event a look is due this often; some changes have none.
    pub idle: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            settle: Duration::from_secs(1),
            longest: Duration::from_secs(15),
            idle: Duration::from_mins(10),
        }
    }
}

/// When the next look is due. Times count from any one moment.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    pace: Pace,
    /// The first and the last event since the last look.
    heard: Option<(Duration, Duration)>,
    /// Whether one of them was a removal.
    is_removal: bool,
    /// The last look, or the beginning.
    looked: Duration,
    /// The second look after a removal.
    second: Option<Duration>,
    /// The next attempt after one that failed.
    again: Option<Duration>,
}

impl Schedule {
    /// The first look waits for quiet, too: a watcher that is started again may come into the middle of a storm, and
    /// nothing tells it of what came before, which may have been a removal.
    pub const fn new(pace: Pace, now: Duration) -> Self {
        Self { pace, heard: Some((now, now)), is_removal: true, looked: now, second: None, again: None }
    }

    /// Events came. After a removal there are two looks: the kernel tells of it before the memory leaves /proc/iomem
    /// (mm/memory_hotplug.c:try_remove_memory, 6.12).
    pub fn heard(&mut self, now: Duration, is_removal: bool) {
        let first = self.heard.map_or(now, |(first, _)| first);
        self.heard = Some((first, now));
        // A second look that is still due waits for quiet with the others.
        let is_left = self.second.take().is_some();
        self.is_removal |= is_removal || is_left;
    }

    /// When the next look is due.
    pub fn due(&self) -> Duration {
        let settled = self.heard.map(|(first, last)| {
            last.saturating_add(self.pace.settle).min(first.saturating_add(self.pace.longest))
        });
        let idle = self.looked.saturating_add(self.pace.idle);
        [settled, self.second, self.again].into_iter().flatten().fold(idle, Duration::min)
    }

    /// A look begins now.
    pub fn looks(&mut self, now: Duration) {
        let second = self.pace.settle.saturating_mul(2);
        self.second = self.is_removal.then(|| now.saturating_add(second));
        self.again = None;
        self.heard = None;
        self.is_removal = false;
        self.looked = now;
    }

    /// A load failed: look again after this long.
    pub fn again_after(&mut self, now: Duration, wait: Duration) {
        self.again = Some(now.saturating_add(wait));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace {
        settle: Duration::from_secs(1),
        longest: Duration::from_secs(10),
        idle: Duration::from_mins(10),
    };

    fn at(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    fn looked_at_0() -> Schedule {
        let mut schedule = Schedule::new(PACE, at(0));
        schedule.looks(at(0));
        schedule.looks(at(0));
        schedule
    }

    #[test]
    fn the_first_look_waits_for_quiet_too_and_a_second_follows() {
        let mut schedule = Schedule::new(PACE, at(500));
        assert_eq!(schedule.due(), at(1500));
        schedule.heard(at(1400), false);
        assert_eq!(schedule.due(), at(2400));
        schedule.heard(at(10_400), false);
        assert_eq!(schedule.due(), at(10_500));
        schedule.looks(at(10_500));
        assert_eq!(schedule.due(), at(12_500));
    }

    #[test]
    fn a_look_waits_for_quiet_but_not_for_ever() {
        let mut schedule = looked_at_0();
        assert_eq!(schedule.due(), at(600_000));
        schedule.heard(at(5000), false);
        assert_eq!(schedule.due(), at(6000));
        for now in (5100..20_000).step_by(100) {
            schedule.heard(at(now), false);
        }
        assert_eq!(schedule.due(), at(15_000));
        schedule.looks(at(15_000));
        assert_eq!(schedule.due(), at(615_000));
    }

    #[test]
    fn a_removal_is_looked_at_twice() {
        let mut schedule = looked_at_0();
        schedule.heard(at(1000), true);
        schedule.looks(at(2000));
        assert_eq!(schedule.due(), at(4000));
        schedule.looks(at(4000));
        assert_eq!(schedule.due(), at(604_000));
    }

    #[test]
    fn the_second_look_after_a_removal_waits_for_quiet_if_more_is_heard() {
        let mut schedule = looked_at_0();
        schedule.heard(at(1000), true);
        schedule.looks(at(2000));
        for (at_ms, is_removal) in [(3800, true), (3900, false)] {
            schedule.heard(at(at_ms), is_removal);
        }
        assert_eq!(schedule.due(), at(4900));
        schedule.looks(at(4900));
        assert_eq!(schedule.due(), at(6900));
    }

    #[test]
    fn a_failure_is_tried_again_and_an_event_does_not_put_that_off() {
        let mut schedule = looked_at_0();
        schedule.again_after(at(0), at(3000));
        schedule.heard(at(2900), false);
        assert_eq!(schedule.due(), at(3000));
    }
}
