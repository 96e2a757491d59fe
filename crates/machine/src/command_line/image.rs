//! Where the kernel and what it was given lie: `nokaslr`, `initrd=`, `initrdmem=`, `elfcorehdr=`.

use crate::command_line::values::memparse::memparse;
use crate::command_line::values::remark::Remarks;

const INITRD: &str = "init/do_mounts_initrd.c:early_initrdmem (6.12)";
const ELFCOREHDR: &str = "kernel/crash_dump.c:setup_elfcorehdr (6.12)";

/// What the command line says about the kernel's place and its companions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// `nokaslr`: the kernel lies where it was linked for.
    pub nokaslr: bool,
    /// `initrd=START,SIZE` or `initrdmem=`. A file's name, which is for the boot loader, is not kept.
    pub initrd: Option<Placed>,
    /// `elfcorehdr=[SIZE@]START`: the core header that a crash kernel was left; size 0 where none is given.
    pub elfcorehdr: Option<Placed>,
}

/// A piece of memory as a parameter names it. It may be empty or run past the last address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// First address.
    pub start: u64,
    /// Bytes.
    pub size: u64,
}

impl Image {
    pub(super) fn initrd(&mut self, value: Option<&str>, remarks: &mut Remarks) {
        let Some(value) = value else {
            // Seen on 6.12.117.
            return remarks.fatal("the kernel reads a value that is not there, and dies", INITRD);
        };
        let (start, rest) = memparse(value);
        if let Some(size) = rest.strip_prefix(',') {
            self.initrd = Some(Placed { start, size: memparse(size).0 });
        }
    }

    pub(super) fn elfcorehdr(&mut self, value: Option<&str>, remarks: &mut Remarks) {
        let value = value.unwrap_or_default();
        let (first, rest) = memparse(value);
        let place = match rest.strip_prefix('@') {
            Some(start) => Placed { start: memparse(start).0, size: first },
            None => Placed { start: first, size: 0 },
        };
        if rest.len() == value.len() && !rest.starts_with('@') {
            return remarks.say("refused: expected [SIZE@]START", ELFCOREHDR);
        }
        self.elfcorehdr = Some(place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_initrd_has_a_place_or_is_a_file() {
        let (mut image, mut remarks) = (Image::default(), Remarks::default());
        image.initrd(Some("\\boot\\initrd.img"), &mut remarks);
        assert_eq!((image.initrd, remarks.list.len()), (None, 0));
        image.initrd(Some("0x7000000,16M"), &mut remarks);
        assert_eq!(image.initrd, Some(Placed { start: 0x700_0000, size: 16 << 20 }));
        image.initrd(None, &mut remarks);
        assert!(remarks.list[0].is_fatal);
    }

    #[test]
    fn a_core_header_may_tell_its_size_first() {
        let (mut image, mut remarks) = (Image::default(), Remarks::default());
        image.elfcorehdr(Some("2014580K"), &mut remarks);
        assert_eq!(image.elfcorehdr, Some(Placed { start: 2_014_580 << 10, size: 0 }));
        image.elfcorehdr(Some("64K@0x6b000000"), &mut remarks);
        assert_eq!(image.elfcorehdr, Some(Placed { start: 0x6b00_0000, size: 64 << 10 }));
        image.elfcorehdr(Some("x"), &mut remarks);
        image.elfcorehdr(None, &mut remarks);
        assert_eq!(remarks.list.len(), 2);
    }
}
