//! The addresses of the kernel and its inputs: `nokaslr`, `initrd=`, `initrdmem=`, `elfcorehdr=`.

use crate::command_line::values::memparse::memparse;
use crate::command_line::values::remark::Remarks;

const INITRD: &str = "init/do_mounts_initrd.c:early_initrdmem (6.12)";
const ELFCOREHDR: &str = "kernel/crash_dump.c:setup_elfcorehdr (6.12)";

/// What the command line says about the addresses of the kernel and its inputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// `nokaslr`: the kernel stays at its link address.
    pub nokaslr: bool,
    /// `initrd=START,SIZE` or `initrdmem=`. A file name, which is for the boot loader, is not kept.
    pub initrd: Option<Placed>,
    /// `elfcorehdr=[SIZE@]START`: the ELF core header for a crash kernel; size 0 if not given.
    pub elfcorehdr: Option<Placed>,
}

/// A memory area named by a parameter. It may be empty or run past the last address.
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
            // Observed on 6.12.117.
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
    fn an_initrd_has_an_address_or_is_a_file() {
        let (mut image, mut remarks) = (Image::default(), Remarks::default());
        image.initrd(Some("\\boot\\initrd.img"), &mut remarks);
        assert_eq!((image.initrd, remarks.list.len()), (None, 0));
        image.initrd(Some("0x7000000,16M"), &mut remarks);
        assert_eq!(image.initrd, Some(Placed { start: 0x700_0000, size: 16 << 20 }));
        image.initrd(None, &mut remarks);
        assert!(remarks.list[0].is_fatal);
    }

    #[test]
    fn a_core_header_may_start_with_its_size() {
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
