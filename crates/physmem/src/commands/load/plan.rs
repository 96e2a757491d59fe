//! Runs `physmem kexec plan` and `physmem kdump plan`.

use std::io::Write;

use kexec::{Caller, Purpose};
use rules::{Loader, Rules};

use super::json::Document;
use super::kernel_file::KernelFile;
use super::loading::{Beside, Loading};
use super::planned::Load;
use super::{refusal, report};
use crate::cli::PlanArguments;
use crate::done::Done;
use crate::failure::Failure;
use crate::input;
use crate::output::style::Style;

pub(crate) fn run(
    arguments: &PlanArguments,
    purpose: Purpose,
    avoid_removable: bool,
    out: &mut impl Write,
) -> Result<Done, Failure> {
    if avoid_removable && arguments.loader == Loader::KexecFileLoad {
        return Err(Failure::KernelPlaces);
    }
    if arguments.by == Caller::Physmem && arguments.loader == Loader::KexecFileLoad {
        return Err(Failure::NoProgramPlaces);
    }
    let kernel = KernelFile::read(&arguments.image.kernel)?;
    let beside = Beside::of(&arguments.image.beside)?;
    let machine = input::machine(&arguments.input)?;
    let mut assumed = Vec::new();
    if arguments.loader == Loader::KexecFileLoad {
        assumed.extend(kernel.check(&arguments.image.kernel, &machine)?);
    }
    if arguments.loader == Loader::KexecLoad && arguments.by == Caller::Physmem {
        kernel.check_entry(&arguments.image.kernel, &machine)?;
    }
    let load = Loading { machine: &machine, purpose, beside: &arguments.image.beside, by: arguments.by };
    let image = kernel.image(&arguments.image.kernel)?;
    let permitted = load.permitted(arguments.loader);
    let plan = match permitted.and_then(|()| load.plan(arguments.loader, image, &beside, avoid_removable)) {
        Ok(plan) => plan,
        Err(failure) => {
            if arguments.json {
                refusal::print(&failure, purpose, out)?;
            }
            return Err(failure);
        }
    };
    assumed.extend(plan.assumed.iter().cloned());
    let findings = audit::of_plan(&machine, &plan, &Rules::LINUX);
    let load = Load {
        origin: machine.evidence.origin.clone(),
        kernel: arguments.image.kernel.clone(),
        initrd: arguments.image.beside.with.initrd.clone(),
        machine,
        plan,
        by: arguments.by,
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
