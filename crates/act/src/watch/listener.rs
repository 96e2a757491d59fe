//! Listens to the kernel.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::netlink::{KOBJECT_UEVENT, SocketAddrNetlink};
use rustix::net::{self, AddressFamily, RecvFlags, SocketFlags, SocketType};

use super::memory_event::{MemoryEvent, Tally};

/// The group to which the kernel itself sends; udev sends to another.
const KERNEL: u32 = 1;
/// Room for the events of some thousand blocks while a load is under way. The kernel frees what is read.
const ROOM: usize = 16 << 20;
/// The kernel's own limit for one event (lib/kobject_uevent.c:UEVENT_BUFFER_SIZE, 6.12), with its head.
const LONGEST_EVENT: usize = 8192;
/// How many events are read before the time is looked at again.
const AT_ONCE: u32 = 4096;

/// What was heard in one wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// Events about memory blocks.
    pub events: Tally,
    /// Whether the kernel had to drop some, which may have been about memory.
    pub overflowed: bool,
}

impl Heard {
    /// Whether there is a reason to look.
    pub fn is_reason(self) -> bool {
        self.overflowed || self.events.all() > 0
    }

    /// Whether memory may have been removed.
    pub const fn is_removal(self) -> bool {
        self.overflowed || self.events.removed > 0
    }
}

/// A socket for the kernel's events. Needs no privilege.
#[derive(Debug)]
pub struct Listener {
    socket: OwnedFd,
}

impl Listener {
    /// Listens from now on.
    ///
    /// # Errors
    /// Those of socket(2) and bind(2): in a user namespace or a container without the host's network the kernel sends
    /// nothing, which no error shows.
    pub fn new() -> Result<Self, Errno> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket =
            net::socket_with(AddressFamily::NETLINK, SocketType::DGRAM, flags, Some(KOBJECT_UEVENT))?;
        // Root may have more than the system's limit; others have what that allows.
        if net::sockopt::set_socket_recv_buffer_size_force(&socket, ROOM).is_err() {
            net::sockopt::set_socket_recv_buffer_size(&socket, ROOM)?;
        }
        net::bind(&socket, &SocketAddrNetlink::new(0, KERNEL))?;
        Ok(Self { socket })
    }

    /// Waits until something is heard about memory, a signal comes, or the time is over. Events that wait already are
    /// all taken.
    ///
    /// # Errors
    /// Those of poll(2) and recvfrom(2), but for [`Errno::INTR`].
    pub fn wait(&self, limit: Duration) -> Result<Heard, Errno> {
        let mut fds = [PollFd::from_borrowed_fd(self.socket.as_fd(), PollFlags::IN)];
        let limit = Timespec::try_from(limit).unwrap_or(Timespec { tv_sec: i64::from(i32::MAX), tv_nsec: 0 });
        match poll(&mut fds, Some(&limit)) {
            Ok(_) | Err(Errno::INTR) => drain(self.socket.as_fd()),
            Err(error) => Err(error),
        }
    }
}

/// Takes what waits.
fn drain(socket: BorrowedFd<'_>) -> Result<Heard, Errno> {
    let mut heard = Heard::default();
    let mut packet = [0; LONGEST_EVENT];
    for _ in 0..AT_ONCE {
        match net::recvfrom(socket, &mut packet[..], RecvFlags::empty()) {
            Ok((_, length, from)) => {
                let sender = from.and_then(|from| SocketAddrNetlink::try_from(from).ok());
                // Only the kernel has the number 0: a program may send to the group, too.
                if sender.is_some_and(|sender| sender.pid() == 0)
                    && let Some(event) = packet.get(..length).and_then(MemoryEvent::of)
                {
                    heard.events.count(event);
                }
            }
            Err(Errno::AGAIN) => break,
            Err(Errno::NOBUFS) => heard.overflowed = true,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(heard)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_wait_without_events_ends_when_the_time_is_over() {
        let listener = Listener::new().unwrap();
        let begin = Instant::now();
        let heard = listener.wait(Duration::from_millis(50)).unwrap();
        assert!(heard.is_reason() || begin.elapsed() >= Duration::from_millis(50));
    }
}
