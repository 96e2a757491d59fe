//! What the kernel says about memory blocks.
//!
//! Source: lib/kobject_uevent.c:kobject_uevent_env, drivers/base/memory.c (6.12).

use kobject_uevent::{ActionType, UEvent};

/// What happened to one memory block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MemoryEvent {
    /// It was added, offline.
    Added,
    /// It was removed. The resource in /proc/iomem goes a moment later.
    Removed,
    /// It went online.
    Online,
    /// It went offline. The resource is still there.
    Offline,
}

impl MemoryEvent {
    /// Reads a packet of the kernel; `None` for what is not about a memory block.
    ///
    /// ```
    /// use act::watch::MemoryEvent;
    ///
    /// let packet = b"remove@/devices/system/memory/memory40\0ACTION=remove\0\
    ///                DEVPATH=/devices/system/memory/memory40\0SUBSYSTEM=memory\0SEQNUM=821\0";
    /// assert_eq!(MemoryEvent::of(packet), Some(MemoryEvent::Removed));
    /// ```
    pub fn of(packet: &[u8]) -> Option<Self> {
        // Most events of a machine are about something else: they are not taken apart.
        const SUBSYSTEM: &[u8] = b"\0SUBSYSTEM=memory\0";
        if !packet.windows(SUBSYSTEM.len()).any(|part| part == SUBSYSTEM) {
            return None;
        }
        let event = UEvent::from_netlink_packet(packet).ok()?;
        match event.action {
            ActionType::Add => Some(Self::Added),
            ActionType::Remove => Some(Self::Removed),
            ActionType::Online => Some(Self::Online),
            ActionType::Offline => Some(Self::Offline),
            ActionType::Change | ActionType::Move | ActionType::Bind | ActionType::Unbind => None,
        }
    }
}

/// How many of each kind came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Blocks that were added.
    pub added: u64,
    /// Blocks that were removed.
    pub removed: u64,
    /// Blocks that went online.
    pub online: u64,
    /// Blocks that went offline.
    pub offline: u64,
}

impl Tally {
    /// Counts one more.
    pub fn count(&mut self, event: MemoryEvent) {
        let of = match event {
            MemoryEvent::Added => &mut self.added,
            MemoryEvent::Removed => &mut self.removed,
            MemoryEvent::Online => &mut self.online,
            MemoryEvent::Offline => &mut self.offline,
        };
        *of = of.saturating_add(1);
    }

    /// Adds what another counted.
    pub fn add(&mut self, other: Self) {
        self.added = self.added.saturating_add(other.added);
        self.removed = self.removed.saturating_add(other.removed);
        self.online = self.online.saturating_add(other.online);
        self.offline = self.offline.saturating_add(other.offline);
    }

    /// All of them.
    pub fn all(self) -> u64 {
        [self.added, self.removed, self.online, self.offline].into_iter().fold(0, u64::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(action: &str, subsystem: &str) -> Vec<u8> {
        let path = "/devices/system/memory/memory40";
        format!("{action}@{path}\0ACTION={action}\0DEVPATH={path}\0SUBSYSTEM={subsystem}\0SEQNUM=7\0")
            .into_bytes()
    }

    #[test]
    fn only_what_happens_to_memory_blocks_counts() {
        assert_eq!(MemoryEvent::of(&packet("add", "memory")), Some(MemoryEvent::Added));
        assert_eq!(MemoryEvent::of(&packet("offline", "memory")), Some(MemoryEvent::Offline));
        assert_eq!(MemoryEvent::of(&packet("change", "memory")), None);
        assert_eq!(MemoryEvent::of(&packet("add", "cpu")), None);
        assert_eq!(MemoryEvent::of(&packet("add", "memory_tiering")), None);
    }

    #[test]
    fn what_the_kernel_does_not_send_is_no_event() {
        let whole = packet("remove", "memory");
        for end in 0..whole.len() {
            // Cut anywhere it may be read or not, but never panics.
            let _ = MemoryEvent::of(&whole[..end]);
        }
        assert_eq!(MemoryEvent::of(b"libudev\0\xfe\xed\xca\xfe\0SUBSYSTEM=memory\0"), None);
        assert_eq!(MemoryEvent::of(&[0xff; 64]), None);
    }
}
