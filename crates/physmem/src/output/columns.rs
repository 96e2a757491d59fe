//! The columns of `physmem show`: names, order and content.

use std::fmt::Write;

use machine::{Machine, MemoryRange, Provider, State};
use rules::{Class, Loader, Rules, Use};

use crate::failure::Failure;
use crate::output::json::flag_names;
use crate::output::size;

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    Range,
    Size,
    Node,
    Provider,
    Class,
    State,
    Blocks,
    Zone,
    Early,
    KexecImage,
    NextKernel,
    Vmcore,
    Start,
    End,
    Resource,
    Flags,
    Listed,
    ImageLoad,
    ImageFile,
    ToldLoad,
    ToldFile,
    Unplug,
    Evidence,
}

use Column as C;

/// The default columns, then the others: name, and meaning for the help text.
const ALL: [(Column, &str, &str); 23] = [
    (C::Range, "RANGE", "first and last address, as in /proc/iomem"),
    (C::Size, "SIZE", "bytes in the range"),
    (C::Node, "NODE", "NUMA node"),
    (C::Provider, "PROVIDER", "who gave it: e820, EFI, device tree, an ACPI device, or a driver/device"),
    (C::Class, "CLASS", "boot, boot-hotpluggable, hot-added or driver-managed"),
    (C::State, "STATE", "online, offline or mixed"),
    (C::Blocks, "BLOCKS", "numbers of the memory blocks"),
    (C::Zone, "ZONE", "zones of the online part"),
    (C::Early, "EARLY", "may the early allocator use it?"),
    (
        C::KexecImage,
        "KEXEC-IMAGE",
        "may a kexec image go there? yes, no, or the only loader that may: load, file",
    ),
    (
        C::NextKernel,
        "NEXT-KERNEL",
        "is the next kernel told about it? yes, no, or only by this loader: load, file",
    ),
    (C::Vmcore, "VMCORE", "does a crash dump contain it? yes, no, or only with this loader: load, file"),
    (C::Start, "START", "first byte"),
    (C::End, "END", "first byte after it"),
    (C::Resource, "RESOURCE", "its name in /proc/iomem"),
    (C::Flags, "FLAGS", "its memblock flags, if the kernel shows memblock"),
    (C::Listed, "LISTED", "does the firmware's boot memory map list it as RAM?"),
    (C::ImageLoad, "IMAGE-LOAD", "KEXEC-IMAGE for kexec_load"),
    (C::ImageFile, "IMAGE-FILE", "KEXEC-IMAGE for kexec_file_load"),
    (C::ToldLoad, "TOLD-LOAD", "NEXT-KERNEL for kexec_load"),
    (C::ToldFile, "TOLD-FILE", "NEXT-KERNEL for kexec_file_load"),
    (C::Unplug, "UNPLUG", "can it be unplugged?"),
    (C::Evidence, "EVIDENCE", "what shows the class"),
];
const DEFAULT: usize = 12;

/// What the columns mean, for the help text.
pub(crate) fn help() -> String {
    let mut text = String::from("Columns (the first twelve are the default):\n");
    for (_, name, meaning) in ALL {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  {name:<12} {meaning}");
    }
    text
}

/// The columns that `--output` and `--output-all` ask for.
pub(crate) fn chosen(output: Option<&str>, all: bool) -> Result<Vec<Column>, Failure> {
    let default = || ALL.iter().take(DEFAULT).map(|&(column, ..)| column).collect::<Vec<_>>();
    if all {
        return Ok(ALL.iter().map(|&(column, ..)| column).collect());
    }
    let Some(output) = output else { return Ok(default()) };
    let (mut columns, list) = match output.strip_prefix('+') {
        Some(added) => (default(), added),
        None => (Vec::new(), output),
    };
    for name in list.split(',') {
        let found = ALL.iter().find(|(_, known, _)| known.eq_ignore_ascii_case(name.trim()));
        let &(column, ..) = found.ok_or_else(|| Failure::Column {
            column: name.to_owned(),
            known: ALL.map(|(_, name, _)| name).join(" "),
        })?;
        columns.push(column);
    }
    Ok(columns)
}

impl Column {
    pub(crate) fn name(self) -> &'static str {
        ALL.iter().find(|(column, ..)| *column == self).map_or("", |(_, name, _)| name)
    }

    /// Whether the column is aligned right.
    pub(crate) fn is_number(self) -> bool {
        matches!(self, C::Size | C::Node | C::Start | C::End)
    }

    /// Whether the column holds a verdict, shown in color.
    pub(crate) fn is_verdict(self) -> bool {
        use Column::{
            Early, ImageFile, ImageLoad, KexecImage, NextKernel, ToldFile, ToldLoad, Unplug, Vmcore,
        };
        matches!(
            self,
            Early | KexecImage | NextKernel | Vmcore | ImageLoad | ImageFile | ToldLoad | ToldFile | Unplug
        )
    }

    /// The cell for this range; empty if unknown.
    pub(crate) fn cell(self, memory: &MemoryRange, machine: &Machine, in_bytes: bool) -> String {
        let verdict = |of| memory.verdict(&Rules::LINUX, of, &machine.kernel).map(|v| v.allowed);
        match self {
            C::Range => memory.range.to_string(),
            C::Size if in_bytes => memory.range.size().to_string(),
            C::Size => size::human(memory.range.size()),
            C::Node => memory.node.map_or_else(String::new, |node| node.to_string()),
            C::Provider => short_provider(&memory.provider),
            C::Class => memory.class.map_or("unknown", Class::as_str).to_owned(),
            C::State => memory.state.map_or("unknown", State::as_str).to_owned(),
            C::Blocks => runs(&memory.blocks),
            C::Zone => memory.zones.join(","),
            C::Early => one(verdict(Use::EarlyAllocation)),
            C::KexecImage => both(Loader::ALL.map(|loader| verdict(Use::KexecImage(loader)))),
            C::NextKernel => both(Loader::ALL.map(|loader| verdict(Use::NextKernel(loader)))),
            C::Vmcore => both(Loader::ALL.map(|loader| verdict(Use::Vmcore(loader)))),
            C::Start => format!("{:#x}", memory.range.start()),
            C::End => format!("{:#x}", memory.range.end()),
            C::Resource => {
                memory.resource.as_ref().map_or_else(String::new, |resource| resource.name.clone())
            }
            C::Flags => match memory.flags {
                None => String::new(),
                Some(flags) if flags.is_empty() => "NONE".to_owned(),
                Some(flags) => flag_names(flags).join("|"),
            },
            C::Listed => one(Some(memory.listed_by_firmware)),
            C::ImageLoad => one(verdict(Use::KexecImage(Loader::KexecLoad))),
            C::ImageFile => one(verdict(Use::KexecImage(Loader::KexecFileLoad))),
            C::ToldLoad => one(verdict(Use::NextKernel(Loader::KexecLoad))),
            C::ToldFile => one(verdict(Use::NextKernel(Loader::KexecFileLoad))),
            C::Unplug => one(verdict(Use::AfterUnplug)),
            C::Evidence => memory.evidence.clone(),
        }
    }
}

fn one(allowed: Option<bool>) -> String {
    match allowed {
        Some(true) => "yes",
        Some(false) => "no",
        None => "?",
    }
    .to_owned()
}

/// The verdicts of both loaders in one word: `load` or `file` if only that loader says yes.
fn both([load, file]: [Option<bool>; 2]) -> String {
    match (load, file) {
        (Some(true), Some(false)) => "load".to_owned(),
        (Some(false), Some(true)) => "file".to_owned(),
        (load, _) => one(load),
    }
}

/// The shortest name of the provider: `e820`, `ACPI PNP0C80:00`, `kmem/dax0.0`.
fn short_provider(provider: &Provider) -> String {
    match provider {
        Provider::Firmware(None) => "firmware".to_owned(),
        Provider::Firmware(Some(kind)) => kind.as_str().to_owned(),
        Provider::CommandLine => "memmap=".to_owned(),
        Provider::KernelImage => "kernel".to_owned(),
        Provider::AcpiHotAdd(None) => "ACPI?".to_owned(),
        Provider::AcpiHotAdd(Some(device)) => format!("ACPI {device}"),
        Provider::Driver { driver, over } => {
            over.first().map_or_else(|| driver.clone(), |device| format!("{driver}/{device}"))
        }
        Provider::Unknown => "unknown".to_owned(),
    }
}

/// Block numbers as runs: `0-15,32`.
pub(crate) fn runs(numbers: &[u64]) -> String {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for &number in numbers {
        match runs.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(number) => *last = number,
            _ => runs.push((number, number)),
        }
    }
    let words: Vec<String> = runs
        .iter()
        .map(|(first, last)| if first == last { first.to_string() } else { format!("{first}-{last}") })
        .collect();
    words.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plus_adds_to_the_default_columns() {
        let columns = chosen(Some("+FLAGS,evidence"), false).unwrap();
        assert_eq!(columns.len(), DEFAULT + 2);
        assert_eq!(columns.last(), Some(&Column::Evidence));
        assert_eq!(chosen(Some("size"), false).unwrap(), [Column::Size]);
    }

    #[test]
    fn an_error_about_an_unknown_column_lists_the_known_ones() {
        let error = chosen(Some("RANGE,COLOUR"), false).unwrap_err().to_string();
        assert!(error.contains("\"COLOUR\"") && error.contains("NEXT-KERNEL"), "{error}");
    }

    #[test]
    fn loaders_that_disagree_are_named() {
        assert_eq!(both([Some(true), Some(false)]), "load");
        assert_eq!(both([Some(false), Some(true)]), "file");
        assert_eq!(both([Some(true), Some(true)]), "yes");
        assert_eq!(both([None, None]), "?");
    }

    #[test]
    fn blocks_are_shown_as_runs() {
        assert_eq!(runs(&[0, 1, 2, 5, 7, 8]), "0-2,5,7-8");
        assert_eq!(runs(&[]), "");
    }
}
