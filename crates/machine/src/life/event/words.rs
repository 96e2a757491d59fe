//! Events read from words.

use std::str::FromStr;

use evidence::settings::AutoOnline;
use memblock::PhysRange;

use super::{
    Added, AddedBy, Event, ImageFor, LoadedBy, Loading, OnlineAs, PolicyChange, Selected, Target,
    VIRTIO_MEM_UNIT,
};
use crate::command_line::hotplug::OnlinePolicy;

/// Why words are no event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{event}`: expected {expected}, found {found}")]
pub struct EventError {
    /// The words.
    pub event: String,
    /// What was expected.
    pub expected: String,
    /// What stands there.
    pub found: String,
}

impl FromStr for Event {
    type Err = EventError;

    fn from_str(text: &str) -> Result<Self, EventError> {
        Words::of(text).event()
    }
}

/// The words of an event that are not read yet.
struct Words<'a> {
    text: &'a str,
    rest: std::collections::VecDeque<String>,
}

const EVENTS: &str = "an event: add, resize, online, offline, remove, policy, pin, unpin, load or unload";
const DEVICES: &str = "a device: dimm, virtio-mem, kmem, hv-balloon or xen";

const KEYS: &str = "state=, online_policy=, ratio= or numa_aware=";

impl<'a> Words<'a> {
    /// Splits at white space outside quotes; `add-dimm` becomes two words, and so does `node=1` outside `policy`.
    fn of(text: &'a str) -> Self {
        // What stands in quotes is one word, whatever it looks like.
        let mut words = Vec::new();
        let mut left = text;
        while let Some(at) = left.find(['\'', '"']) {
            let (before, quoted) = left.split_at(at);
            words.extend(before.split_whitespace().map(|word| (word, false)));
            let mut inside = quoted.chars();
            let quote = inside.next().unwrap_or('"');
            let inside = inside.as_str();
            let (word, after) = inside.split_once(quote).unwrap_or((inside, ""));
            words.push((word, true));
            left = after;
        }
        words.extend(left.split_whitespace().map(|word| (word, false)));
        let is_policy = words.first().is_some_and(|(word, _)| *word == "policy");
        let mut rest = std::collections::VecDeque::new();
        for (index, (word, is_quoted)) in words.into_iter().enumerate() {
            let keys = ["at", "node", "as", "in", "by", "to", "over"];
            let pair = word.split_once('=').filter(|(key, _)| !is_quoted && !is_policy && keys.contains(key));
            if let Some(device) = word.strip_prefix("add-").filter(|_| index == 0) {
                rest.extend(["add".to_owned(), device.to_owned()]);
            } else if let Some((key, value)) = pair {
                rest.extend([key.to_owned(), value.to_owned()]);
            } else {
                rest.push_back(word.to_owned());
            }
        }
        Self { text, rest }
    }

    fn event(mut self) -> Result<Event, EventError> {
        let event = match self.next(EVENTS)?.as_str() {
            "add" => Event::Add(self.added()?),
            "resize" => {
                let target = self.target()?;
                self.word("to")?;
                Event::Resize(target, self.size()?)
            }
            "online" => {
                let blocks = self.selected()?;
                let how = match self.rest.pop_front().as_deref() {
                    None => OnlineAs::Policy,
                    Some("kernel") => OnlineAs::Kernel,
                    Some("movable") => OnlineAs::Movable,
                    Some(other) => return Err(self.error("kernel or movable", other)),
                };
                Event::Online(blocks, how)
            }
            "offline" => Event::Offline(self.selected()?),
            "remove" => Event::Remove(self.target()?),
            "policy" => Event::Policy(self.policy()?),
            "pin" => Event::Pin(self.selected()?),
            "unpin" => Event::Unpin(self.selected()?),
            "load" => Event::Load(self.loading()?),
            "unload" => Event::Unload(self.image()?),
            other => return Err(self.error(EVENTS, other)),
        };
        match self.rest.front() {
            Some(word) => Err(self.error("the end of the event", word)),
            None => Ok(event),
        }
    }

    fn added(&mut self) -> Result<Added, EventError> {
        let kind = self.next(DEVICES)?;
        let mut name = None;
        let by = match kind.as_str() {
            "dimm" => AddedBy::Dimm {
                size: self.size()?,
                at: self.is_next("at").then(|| self.address()).transpose()?,
            },
            "virtio-mem" => {
                let size = self.size()?;
                self.word("at")?;
                AddedBy::VirtioMem { size, at: self.address()?, up_to: None, unit: VIRTIO_MEM_UNIT }
            }
            "kmem" => {
                let is_size = self.rest.front().is_some_and(|word| size(word).is_some());
                name = (!is_size).then(|| self.next("the name of a dax device")).transpose()?;
                let mut ranges = vec![self.range()?];
                while self.is_next("and") {
                    ranges.push(self.range()?);
                }
                ranges.sort_unstable();
                let overlap = ranges.iter().zip(ranges.iter().skip(1)).find(|(a, b)| a.overlaps(**b));
                if let Some((_, second)) = overlap {
                    return Err(self.error("ranges that do not overlap", &format!("{second}")));
                }
                AddedBy::Kmem { ranges, over: None, online: None }
            }
            "hv-balloon" => AddedBy::HvBalloon(self.range()?),
            "xen" => AddedBy::Xen(self.range()?),
            other => return Err(self.error(DEVICES, other)),
        };
        let mut added = Added { by, name, node: None };
        while let Some(word) = self.rest.pop_front() {
            self.option(&word, &mut added)?;
        }
        Ok(added)
    }

    /// What may follow a device's size and place, in any order.
    fn option(&mut self, word: &str, added: &mut Added) -> Result<(), EventError> {
        match (word, &mut added.by) {
            ("node", _) => added.node = Some(self.number("a node's number")?),
            ("as", _) => {
                let name = self.next("a name")?;
                if address(&name).or_else(|| size(&name)).is_some() {
                    return Err(self.error("a name that is no address and no size", &name));
                }
                added.name = Some(name);
            }
            ("up", AddedBy::VirtioMem { up_to, .. }) => {
                self.word("to")?;
                *up_to = Some(self.size()?);
            }
            ("in", AddedBy::VirtioMem { unit, .. }) => {
                let given = self.size()?;
                if !given.is_power_of_two() {
                    return Err(self.error("a device block that is a power of two", &given.to_string()));
                }
                *unit = given;
            }
            ("over", AddedBy::Kmem { over, .. }) => *over = Some(self.next("the name of a resource")?),
            ("online", AddedBy::Kmem { online, .. }) => *online = Some(self.auto_online()?),
            (other, _) => {
                let expected = match added.by {
                    AddedBy::VirtioMem { .. } => "node, as, up to or in",
                    AddedBy::Kmem { .. } => "node, and, as, over or online",
                    _ => "at, node or as",
                };
                return Err(self.error(expected, other));
            }
        }
        Ok(())
    }

    fn policy(&mut self) -> Result<PolicyChange, EventError> {
        let mut change = PolicyChange::default();
        if self.rest.is_empty() {
            return Err(self.error(KEYS, "nothing"));
        }
        while let Some(word) = self.rest.pop_front() {
            let Some((key, value)) = word.split_once('=') else { return Err(self.error(KEYS, &word)) };
            match key {
                "state" | "auto_online_blocks" => change.state = Some(self.state_of(value)?),
                "online_policy" => {
                    let policy = OnlinePolicy::from_word(value);
                    change.online_policy =
                        Some(policy.ok_or_else(|| self.error("contig-zones or auto-movable", value))?);
                }
                "ratio" | "auto_movable_ratio" => {
                    let ratio = value.parse::<u32>().map_err(|_| self.error("a number of percent", value))?;
                    change.ratio = Some(u64::from(ratio));
                }
                "numa_aware" | "auto_movable_numa_aware" => {
                    change.numa_aware = Some(match value {
                        "Y" | "y" | "1" => true,
                        "N" | "n" | "0" => false,
                        _ => return Err(self.error("Y or N", value)),
                    });
                }
                _ => return Err(self.error(KEYS, &word)),
            }
        }
        Ok(change)
    }

    fn loading(&mut self) -> Result<Loading, EventError> {
        let image = self.image()?;
        self.word("by")?;
        let by = match self.next("file or load")?.as_str() {
            "file" => LoadedBy::File,
            "load" => LoadedBy::Load,
            other => return Err(self.error("file or load", other)),
        };
        let mut at = Vec::new();
        if self.is_next("at") {
            while let Some(word) = self.rest.pop_front() {
                let range = word.split_once('-').and_then(|(start, last)| {
                    PhysRange::from_inclusive(address(start)?, address(last)?).ok()
                });
                at.push(range.ok_or_else(|| self.error("a range such as 0x100000000-0x13fffffff", &word))?);
            }
        }
        Ok(Loading { image, by, at })
    }

    fn image(&mut self) -> Result<ImageFor, EventError> {
        match self.next("kexec or kdump")?.as_str() {
            "kexec" => Ok(ImageFor::Kexec),
            "kdump" => Ok(ImageFor::Kdump),
            other => Err(self.error("kexec or kdump", other)),
        }
    }

    fn selected(&mut self) -> Result<Selected, EventError> {
        const EXPECTED: &str = "memory blocks (memory40, memory40-memory43) or a node (node1)";
        let word = self.next(EXPECTED)?;
        if let Some(node) = word.strip_prefix("node").and_then(|digits| digits.parse().ok()) {
            return Ok(Selected::Node(node));
        }
        let number = |word: &str| word.strip_prefix("memory")?.parse::<u64>().ok();
        let (first, last) = word.split_once('-').unwrap_or((&word, &word));
        match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => Ok(Selected::Blocks { first, last }),
            _ => Err(self.error(EXPECTED, &word)),
        }
    }

    fn target(&mut self) -> Result<Target, EventError> {
        let word = self.next("a device's name or an address of its memory")?;
        Ok(address(&word).map_or(Target::Name(word), Target::Address))
    }

    fn range(&mut self) -> Result<PhysRange, EventError> {
        let size = self.size()?;
        self.word("at")?;
        let start = self.address()?;
        PhysRange::from_size(start, size).map_err(|_| {
            self.error("a range inside the address space", &format!("{size} bytes at {start:#x}"))
        })
    }

    fn auto_online(&mut self) -> Result<AutoOnline, EventError> {
        let word = self.next("offline, online, online_kernel or online_movable")?;
        self.state_of(&word)
    }

    fn state_of(&self, word: &str) -> Result<AutoOnline, EventError> {
        match word {
            "offline" => Ok(AutoOnline::Offline),
            "online" => Ok(AutoOnline::Online),
            "online_kernel" => Ok(AutoOnline::OnlineKernel),
            "online_movable" => Ok(AutoOnline::OnlineMovable),
            other => Err(self.error("offline, online, online_kernel or online_movable", other)),
        }
    }

    fn size(&mut self) -> Result<u64, EventError> {
        let word = self.next("a size such as 512M")?;
        size(&word).ok_or_else(|| self.error("a size such as 512M", &word))
    }

    fn address(&mut self) -> Result<u64, EventError> {
        let word = self.next("an address such as 0x100000000")?;
        address(&word).ok_or_else(|| self.error("an address such as 0x100000000", &word))
    }

    fn number(&mut self, expected: &str) -> Result<u32, EventError> {
        let word = self.next(expected)?;
        word.parse().map_err(|_| self.error(expected, &word))
    }

    fn is_next(&mut self, word: &str) -> bool {
        let is = self.rest.front().is_some_and(|next| next == word);
        if is {
            self.rest.pop_front();
        }
        is
    }

    fn word(&mut self, word: &str) -> Result<(), EventError> {
        let found = self.next(word)?;
        if found == word { Ok(()) } else { Err(self.error(&format!("`{word}`"), &found)) }
    }

    fn next(&mut self, expected: &str) -> Result<String, EventError> {
        self.rest.pop_front().ok_or_else(|| self.error(expected, "nothing"))
    }

    fn error(&self, expected: &str, found: &str) -> EventError {
        let found = if found == "nothing" { found.to_owned() } else { format!("`{found}`") };
        EventError { event: self.text.to_owned(), expected: expected.to_owned(), found }
    }
}

/// `512M`, `1G`, `0x8000000`, `4096`.
fn size(word: &str) -> Option<u64> {
    let (digits, shift) = match word.as_bytes().last()? {
        b'K' | b'k' => (&word[..word.len() - 1], 10),
        b'M' | b'm' => (&word[..word.len() - 1], 20),
        b'G' | b'g' => (&word[..word.len() - 1], 30),
        b'T' | b't' => (&word[..word.len() - 1], 40),
        _ => (word, 0),
    };
    let number = match digits.strip_prefix("0x") {
        Some(hexadecimal) => u64::from_str_radix(hexadecimal, 16).ok()?,
        None => digits.parse().ok()?,
    };
    number.checked_mul(1 << shift)
}

/// `0x100000000`, or `4G`.
fn address(word: &str) -> Option<u64> {
    match word.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => size(word).filter(|_| word.ends_with(['K', 'M', 'G', 'T', 'k', 'm', 'g', 't'])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_event_prints_is_read_as_the_same_event() {
        for text in [
            "add dimm 1G",
            "add dimm 1G at 0x100000000 node 1 as dimm0",
            "add virtio-mem 512M at 0x180000000 node 1 up to 2G in 4M as virtio2",
            "add virtio-mem 0 at 0x180000000",
            "add kmem dax0.0 2G at 0x100000000 and 1G at 0x200000000 node 2 over 'Soft Reserved' online online_movable",
            "add hv-balloon 128M at 0x100000000",
            "add xen 128M at 0x100000000 node 0",
            "resize virtio2 to 544M",
            "resize 0x100000000 to 0",
            "resize 'virtio-mem at 0x180000000' to 0",
            "remove \"the guest's\"",
            "add kmem 'dax = 0' 1G at 0x100000000",
            "add dimm 1G as 'at=1'",
            "add dimm 1G as ''",
            "online memory40 movable",
            "online memory40-memory43 kernel",
            "online node1",
            "offline memory40",
            "remove dimm0",
            "remove 0x100000000",
            "policy state=online_movable online_policy=auto-movable ratio=301 numa_aware=N",
            "pin memory40-memory41",
            "unpin node1",
            "load kexec by file at 0x100000000-0x100ffffff 0x13c800000-0x13fffffff",
            "load kdump by load",
            "unload kdump",
        ] {
            let event: Event = text.parse().unwrap();
            assert_eq!(event.to_string(), text);
        }
    }

    #[test]
    fn an_error_says_what_was_expected_and_what_stands_there() {
        let error = |text: &str| text.parse::<Event>().unwrap_err().to_string();
        assert_eq!(error("add dimm big"), "`add dimm big`: expected a size such as 512M, found `big`");
        assert_eq!(error("resize vm0 512M"), "`resize vm0 512M`: expected `to`, found `512M`");
        assert_eq!(
            error("online memory40 both"),
            "`online memory40 both`: expected kernel or movable, found `both`"
        );
        assert_eq!(
            error("add dimm 1G near 4G"),
            "`add dimm 1G near 4G`: expected at, node or as, found `near`"
        );
        for text in [
            "",
            "plug",
            "add",
            "add dimm",
            "offline",
            "offline 40",
            "offline memory43-memory40",
            "policy",
            "policy ratio=-1",
            "add kmem dax0.0 2G at 0x0 and 2G at 1G",
            "add xen 1G at 0xffffffffffffffff",
            "add dimm 18446744073709551615T",
            "load kexec",
            "remove",
            "add dimm 1G node",
            "unload",
            "offline memory1 now",
            "add dimm 1G as 0x100000000",
            "add kmem 1G at 0x100000000 as 4G",
        ] {
            assert!(text.parse::<Event>().is_err(), "{text}");
        }
    }
}
