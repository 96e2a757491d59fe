//! `physmem kexec plan` and `physmem kdump plan`.

mod json;
mod report;

use std::io::Write;
use std::path::{Path, PathBuf};

use kexec::image::bz_image::{Paging, Unloadable};
use kexec::image::{BzImage, Image};
use kexec::{E820Type, Entry, Facts, KernelImage, Plan, Purpose, Request, SetupHeader};
use machine::boot::{BootInput, Platform};
use machine::command_line::edit;
use machine::{Machine, Release, Snapshot, Unknown};
use memblock::rules::Rules;

use crate::boot_input::CHECKED;
use crate::cli::{Loader, PlanArguments};
use crate::failure::Failure;
use crate::input;
use crate::style::Style;

use self::json::Document;

/// A load: what is loaded, the plan, and what it was made without.
#[derive(Debug)]
pub(crate) struct Load {
    origin: String,
    loader: Loader,
    kernel: PathBuf,
    initrd: Option<PathBuf>,
    plan: Plan,
    assumed: Vec<Unknown>,
    unknown: Vec<Unknown>,
}

pub(crate) fn run(arguments: &PlanArguments, purpose: Purpose, out: &mut impl Write) -> Result<(), Failure> {
    let image = bz_image(&arguments.kernel)?;
    let initrd = arguments.initrd.as_deref().map(|path| size_of("--initrd", path)).transpose()?;
    let snapshot = input::snapshot(&arguments.input)?;
    let machine = input::machine(&snapshot)?;
    let boot = BootInput::of(&snapshot).ok();
    let mut assumed = Vec::new();
    check(&image, &arguments.kernel, paging(&snapshot, boot.as_ref(), &image, &mut assumed))?;
    assume(&machine, boot.as_ref(), &mut assumed);
    let request = Request {
        purpose,
        loader: memblock::rules::Loader::KexecFileLoad,
        kernel: SetupHeader::of(&image).map(KernelImage::BzImage).ok_or_else(|| Failure::Unloadable {
            path: arguments.kernel.clone(),
            source: Unloadable::ProtocolTooOld { version: image.version },
        })?,
        initrd,
        command_line: &command_line(arguments, purpose, &snapshot)?,
        avoid_removable: false,
        purgatory: None,
    };
    let plan = kexec::plan(&machine, &Facts::of(&snapshot), &request, &Rules::LINUX)
        .map_err(|source| Failure::Plan { origin: snapshot.origin.clone(), source })?;
    let load = Load {
        origin: snapshot.origin,
        loader: arguments.loader,
        kernel: arguments.kernel.clone(),
        initrd: arguments.initrd.clone(),
        plan,
        assumed,
        unknown: machine.unknown,
    };
    if arguments.json {
        serde_json::to_writer_pretty(&mut *out, &Document::of(&load))?;
        writeln!(out)?;
        return Ok(());
    }
    report::print(&load, Style::of_stdout(), out)
}

/// The header of the kernel in a file.
fn bz_image(path: &Path) -> Result<BzImage, Failure> {
    let option = "--kernel";
    size_of(option, path)?;
    let bytes =
        std::fs::read(path).map_err(|source| Failure::Given { option, path: path.to_owned(), source })?;
    match Image::new(&bytes) {
        Ok(Image::BzImage(image)) => Ok(image),
        Ok(other) => Err(Failure::ImageKind { path: path.to_owned(), kind: other.to_string() }),
        Err(source) => Err(Failure::Image { path: path.to_owned(), source }),
    }
}

fn check(image: &BzImage, path: &Path, paging: Paging) -> Result<(), Failure> {
    image
        .check_kexec_file_load(paging)
        .map_err(|source| Failure::Unloadable { path: path.to_owned(), source })
}

/// Bytes of the file that an option names.
fn size_of(option: &'static str, path: &Path) -> Result<u64, Failure> {
    let metadata =
        std::fs::metadata(path).map_err(|source| Failure::Given { option, path: path.to_owned(), source })?;
    // Others have no size, and some no end.
    if metadata.is_file() {
        Ok(metadata.len())
    } else {
        Err(Failure::NoFile { option, path: path.to_owned() })
    }
}

/// What the loader gives the kernel; kdump's is told where the dump's header lies besides.
fn command_line(arguments: &PlanArguments, purpose: Purpose, snapshot: &Snapshot) -> Result<String, Failure> {
    if !arguments.reuse_cmdline {
        return Ok(arguments.append.clone().unwrap_or_default());
    }
    let origin = || snapshot.origin.clone();
    let line = snapshot.command_line.read().ok_or_else(|| Failure::NoCommandLine { origin: origin() })?;
    let (line, _) = edit::remove(line, "BOOT_IMAGE");
    Ok(match purpose {
        Purpose::Reboot => line,
        Purpose::Crash => edit::remove(&line, "crashkernel").0,
    })
}

/// The page tables of the running kernel, as far as its log tells them.
fn paging(
    snapshot: &Snapshot,
    boot: Option<&BootInput>,
    image: &BzImage,
    assumed: &mut Vec<Unknown>,
) -> Paging {
    let log = snapshot.kernel_log.read().map_or("", String::as_str);
    match boot.filter(|_| log.contains("max_arch_pfn = ")) {
        Some(boot) if boot.build.page_table_levels == 5 => Paging::FiveLevel,
        Some(_) => Paging::FourLevel,
        None => {
            // Only a kernel that cannot be entered under five levels asks for more than a guess.
            if image.check_kexec_file_load(Paging::FiveLevel)
                != image.check_kexec_file_load(Paging::FourLevel)
            {
                assumed.push(Unknown::new(
                    "how many levels the running kernel's page tables have",
                    "the kernel log does not show max_arch_pfn",
                    "taken as four: under five, this kernel cannot be loaded (XLF_5LEVEL is not set)",
                ));
            }
            Paging::FourLevel
        }
    }
}

/// What the plan goes by that nothing shows.
fn assume(machine: &Machine, boot: Option<&BootInput>, assumed: &mut Vec<Unknown>) {
    let release = machine.kernel.release.as_deref();
    let version =
        release.and_then(|release| release.parse::<Release>().ok()).map(|release| release.version());
    if version != Some(CHECKED) {
        let which =
            release.map_or_else(|| "this release of Linux".to_owned(), |release| format!("Linux {release}"));
        assumed.push(Unknown::new(
            &format!("what {which} does differently"),
            "plans were compared with loads of Linux 6.12",
            "the size of purgatory, which no file shows, and all else is as in 6.12",
        ));
    }
    let is_efi = boot.map(|boot| matches!(&boot.platform, Platform::X86(x86) if x86.is_efi));
    if is_efi != Some(false) {
        let why = match is_efi {
            Some(_) => "the machine booted by EFI, and nothing that was read shows it",
            None => "nothing tells whether the machine booted by EFI",
        };
        assumed.push(Unknown::new(
            "the size of EFI's runtime map, which is handed on in the boot parameters",
            why,
            "taken as 0: the boot parameters may be larger, and what is placed after them may lie lower",
        ));
    }
}

/// The type of an entry as the JSON words it.
fn type_of(entry: &Entry) -> String {
    match entry.kind {
        E820Type::Ram => "ram",
        E820Type::Reserved => "reserved",
        E820Type::Acpi => "acpi",
        E820Type::Nvs => "nvs",
        E820Type::Unusable => "unusable",
        E820Type::Pmem => "pmem",
        E820Type::Pram => "pram",
        E820Type::SoftReserved => "soft-reserved",
        E820Type::Other(number) => return format!("type-{number}"),
    }
    .to_owned()
}
