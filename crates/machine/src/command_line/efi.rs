//! EFI: `efi=`, `add_efi_memmap`, `noefi`.

use crate::command_line::values::kstrto::has_word;
use crate::command_line::values::remark::Remarks;

const SOURCE: &str = "drivers/firmware/efi/efi.c:parse_efi_cmdline, libstub (6.12)";
const WORDS: [&str; 8] = [
    "debug",
    "runtime",
    "noruntime",
    "nosoftreserve",
    "disable_early_pci_dma",
    "no_disable_early_pci_dma",
    "nochunk",
    "novamap",
];

/// What the command line says about EFI. The words of all `efi=` parameters accumulate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a word of its own")]
pub struct Efi {
    /// `efi=debug`: the kernel prints the memory map.
    pub debug: bool,
    /// `efi=nosoftreserve`: special-purpose memory becomes ordinary RAM.
    pub nosoftreserve: bool,
    /// `efi=noruntime` or `noefi`: no runtime services. A later `efi=runtime` reverts it, even in the same list.
    pub noruntime: bool,
    /// `efi=disable_early_pci_dma`, handled by the EFI stub; the last one counts.
    pub disable_early_pci_dma: bool,
    /// x86: `add_efi_memmap`, with any value: EFI's map is added to the e820 map.
    pub add_efi_memmap: bool,
}

impl Efi {
    pub(super) fn words(&mut self, value: Option<&str>, remarks: &mut Remarks) {
        let Some(value) = value else {
            return remarks.say("refused: it needs a word", SOURCE);
        };
        self.debug |= has_word(value, "debug");
        self.nosoftreserve |= has_word(value, "nosoftreserve");
        self.noruntime |= has_word(value, "noruntime");
        self.noruntime &= !has_word(value, "runtime");
        for word in value.split(',') {
            match word {
                "disable_early_pci_dma" => self.disable_early_pci_dma = true,
                "no_disable_early_pci_dma" => self.disable_early_pci_dma = false,
                "old_map" => remarks.say("`old_map` is gone from 64-bit kernels: ignored in silence", SOURCE),
                word if WORDS.contains(&word) => {}
                word => remarks.say(format!("`{word}` is ignored in silence"), SOURCE),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_accumulate_and_unknown_words_are_harmless() {
        let (mut efi, mut remarks) = (Efi::default(), Remarks::default());
        efi.words(Some("debug,noruntime,old_map"), &mut remarks);
        efi.words(Some("nosoftreserve,disable_early_pci_dma,bogus"), &mut remarks);
        let all = Efi { add_efi_memmap: false, ..Efi { debug: true, ..Efi::default() } };
        let expected = Efi { nosoftreserve: true, noruntime: true, disable_early_pci_dma: true, ..all };
        assert_eq!((efi, remarks.list.len()), (expected, 2));
        efi.words(Some("runtime"), &mut remarks);
        assert!(!efi.noruntime);
        efi.words(None, &mut remarks);
        assert_eq!(remarks.list.len(), 3);
    }
}
