//! `physmem kexec plan` and `physmem kdump plan`.

pub(crate) mod diff;
mod json;
mod kernel_file;
mod picture;
pub(crate) mod ranges;
mod report;

use std::io::Write;
use std::path::PathBuf;

use audit::Finding;
use kexec::{E820Type, Entry, KernelImage, Plan, Purgatory, Purpose, Request, remedies};
use machine::command_line::edit;
use machine::releases::KexecTools;
use machine::{Machine, Unknown};
use rules::{Loader, Rules};

use crate::Done;
use crate::cli::{BesideArguments, PlanArguments};
use crate::failure::Failure;
use crate::input;
use crate::style::Style;

use self::json::Document;
use self::kernel_file::{KernelFile, size_of};

/// A load: what is loaded, the plan, and what it was made without.
#[derive(Debug)]
pub(crate) struct Load {
    origin: String,
    kernel: PathBuf,
    initrd: Option<PathBuf>,
    machine: Machine,
    plan: Plan,
    findings: Vec<Finding>,
    assumed: Vec<Unknown>,
}

pub(crate) fn run(
    arguments: &PlanArguments,
    purpose: Purpose,
    avoid_removable: bool,
    out: &mut impl Write,
) -> Result<Done, Failure> {
    if avoid_removable && arguments.loader == Loader::KexecFileLoad {
        return Err(Failure::KernelPlaces);
    }
    let kernel = KernelFile::read(&arguments.image.kernel)?;
    let beside = Beside::of(&arguments.image.beside)?;
    let machine = input::machine(&arguments.input)?;
    let mut assumed = Vec::new();
    if arguments.loader == Loader::KexecFileLoad {
        assumed.extend(kernel.check(&arguments.image.kernel, &machine)?);
    }
    let load = Loading { machine: &machine, purpose, tools: arguments.image.beside.tools() };
    let image = kernel.image(&arguments.image.kernel)?;
    let plan = load.plan(arguments.loader, image, &beside, avoid_removable)?;
    assumed.extend(plan.assumed.iter().cloned());
    let findings = audit::of_plan(&machine, &plan, &Rules::LINUX);
    let load = Load {
        origin: machine.evidence.origin.clone(),
        kernel: arguments.image.kernel.clone(),
        initrd: arguments.image.beside.initrd.clone(),
        machine,
        plan,
        findings,
        assumed,
    };
    if arguments.json {
        serde_json::to_writer_pretty(&mut *out, &Document::of(&load))?;
        writeln!(out)?;
    } else {
        report::print(&load, Style::of_stdout(), out)?;
    }
    Ok(Done::of(&load.findings))
}

/// What is loaded beside the kernel.
struct Beside<'a> {
    arguments: &'a BesideArguments,
    initrd: Option<u64>,
}

impl<'a> Beside<'a> {
    fn of(arguments: &'a BesideArguments) -> Result<Self, Failure> {
        const OPTION: &str = "--initrd";
        let initrd = arguments.initrd.as_deref().map(|path| size_of(OPTION, path)).transpose()?;
        // Linux 6.12.117 was seen to fail with EINVAL, and kexec-tools 2.0.25 to say that it cannot read it.
        if let (Some(0), Some(path)) = (initrd, &arguments.initrd) {
            return Err(Failure::EmptyFile { option: OPTION, path: path.clone() });
        }
        Ok(Self { arguments, initrd })
    }
}

/// Where a load is planned.
struct Loading<'a> {
    machine: &'a Machine,
    purpose: Purpose,
    tools: KexecTools,
}

impl Loading<'_> {
    /// What a plan would assume, also where there is none.
    fn assumed(&self, loader: Loader, kernel: KernelImage<'_>) -> Vec<Unknown> {
        let request = Request {
            purpose: self.purpose,
            loader,
            kernel,
            initrd: None,
            command_line: "",
            avoid_removable: false,
            purgatory: None,
            tools: self.tools,
        };
        kexec::assumed::of(self.machine, &request)
    }

    /// The plan, or the kernel's refusal and what would help.
    fn plan(
        &self,
        loader: Loader,
        kernel: KernelImage<'_>,
        beside: &Beside<'_>,
        avoid_removable: bool,
    ) -> Result<Plan, Failure> {
        let command_line = self.command_line(beside.arguments)?;
        let usual = kexec::purgatory(loader, &kernel);
        let purgatory = usual
            .zip(beside.arguments.purgatory_size)
            .map(|(usual, size)| Purgatory { loaded: usual.loaded.min(size), size });
        let request = Request {
            purpose: self.purpose,
            loader,
            kernel,
            initrd: beside.initrd,
            command_line: &command_line,
            avoid_removable,
            purgatory,
            tools: self.tools,
        };
        kexec::plan(self.machine, &request, &Rules::LINUX).map_err(|source| Failure::Plan {
            code: (self.purpose == Purpose::Crash)
                .then(|| audit::of_plan_error(&source).map(|finding| finding.code))
                .flatten(),
            origin: self.machine.evidence.origin.clone(),
            loader,
            remedies: remedies(self.machine, &request, &Rules::LINUX, &source),
            source,
        })
    }

    /// What the loader gives the kernel; kdump's is told where the dump's header lies besides.
    fn command_line(&self, arguments: &BesideArguments) -> Result<String, Failure> {
        if !arguments.reuse_cmdline {
            return Ok(arguments.append.clone().unwrap_or_default());
        }
        let line = self.machine.evidence.command_line.read();
        let line =
            line.ok_or_else(|| Failure::NoCommandLine { origin: self.machine.evidence.origin.clone() })?;
        let (line, _) = edit::remove(line, "BOOT_IMAGE");
        Ok(match self.purpose {
            Purpose::Reboot => line,
            Purpose::Crash => edit::remove(&line, "crashkernel").0,
        })
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
