//! Planning one load, for `plan` and for both sides of `diff`.

use evidence::settings::Lockdown;
use kexec::{Caller, KernelImage, Plan, PlanError, Purgatory, Purpose, Request, remedies};
use machine::command_line::edit;
use machine::{Machine, Unknown};
use rules::{Loader, Rules};

use super::kernel_file::size_of;
use crate::cli::BesideArguments;
use crate::failure::Failure;

/// What to load along with the kernel.
pub(crate) struct Beside<'a> {
    arguments: &'a BesideArguments,
    initrd: Option<u64>,
}

impl<'a> Beside<'a> {
    pub(crate) fn of(arguments: &'a BesideArguments) -> Result<Self, Failure> {
        const OPTION: &str = "--initrd";
        let initrd = arguments.with.initrd.as_deref().map(|path| size_of(OPTION, path)).transpose()?;
        // Observed: Linux 6.12.117 fails with EINVAL, and kexec-tools 2.0.25 says that it cannot read the file.
        if let (Some(0), Some(path)) = (initrd, &arguments.with.initrd) {
            return Err(Failure::EmptyFile { option: OPTION, path: path.clone() });
        }
        Ok(Self { arguments, initrd })
    }
}

/// The machine a load is planned for.
pub(crate) struct Loading<'a> {
    pub(crate) machine: &'a Machine,
    pub(crate) purpose: Purpose,
    pub(crate) beside: &'a BesideArguments,
    /// Who calls kexec_load.
    pub(crate) by: Caller,
}

impl Loading<'_> {
    /// What a plan would assume, even if there is none.
    pub(crate) fn assumed(&self, loader: Loader, kernel: KernelImage<'_>) -> Vec<Unknown> {
        let request = Request {
            purpose: self.purpose,
            loader,
            kernel,
            initrd: None,
            command_line: "",
            avoid_removable: false,
            without_cma: self.beside.with.no_cma,
            purgatory: None,
            tools: self.beside.kexec_tools,
            caller: self.by,
        };
        kexec::assumed::of(self.machine, &request)
    }

    /// What this kernel refuses whatever is loaded.
    pub(crate) fn permitted(&self, loader: Loader) -> Result<(), Failure> {
        kexec::permitted(self.machine, self.purpose, loader).map_err(|source| self.refused(loader, source))
    }

    /// Whether a kernel that is locked down could take a file with these bytes.
    pub(crate) fn signed(&self, loader: Loader, kernel: &[u8]) -> Result<(), Failure> {
        let is_locked = matches!(
            self.machine.evidence.kexec.lockdown.read(),
            Some(Lockdown::Integrity | Lockdown::Confidentiality)
        );
        if !is_locked || loader == Loader::KexecLoad || images::signature::is_there(kernel) {
            return Ok(());
        }
        let why = "the kernel is locked down (/sys/kernel/security/lockdown), and the file has no signature: only a policy of \
                   IMA would let it in (--force asks the kernel)";
        Err(self.refused(loader, PlanError::NotPermitted { why: why.to_owned() }))
    }

    fn refused(&self, loader: Loader, source: PlanError) -> Failure {
        let origin = self.machine.evidence.origin.clone();
        Failure::Plan { code: None, origin, loader, by: self.by, remedies: Vec::new(), source }
    }

    /// The plan, or the refusal and what would help.
    pub(crate) fn plan(
        &self,
        loader: Loader,
        kernel: KernelImage<'_>,
        beside: &Beside<'_>,
        avoid_removable: bool,
    ) -> Result<Plan, Failure> {
        let command_line = self.command_line(beside.arguments)?;
        self.plan_of(&self.request(loader, kernel, beside, avoid_removable, &command_line))
    }

    /// The request, with this command line.
    pub(crate) fn request<'r>(
        &self,
        loader: Loader,
        kernel: KernelImage<'r>,
        beside: &Beside<'_>,
        avoid_removable: bool,
        command_line: &'r str,
    ) -> Request<'r> {
        let usual = kexec::purgatory(loader, &kernel);
        let purgatory = usual
            .zip(beside.arguments.purgatory_size)
            .map(|(usual, size)| Purgatory { loaded: usual.loaded.min(size), size });
        Request {
            purpose: self.purpose,
            loader,
            kernel,
            initrd: beside.initrd,
            command_line,
            avoid_removable,
            without_cma: self.beside.with.no_cma,
            purgatory,
            tools: self.beside.kexec_tools,
            caller: self.by,
        }
    }

    /// The plan of a request, or the refusal and what would help.
    pub(crate) fn plan_of(&self, request: &Request<'_>) -> Result<Plan, Failure> {
        kexec::plan(self.machine, request, &Rules::LINUX).map_err(|source| Failure::Plan {
            code: (self.purpose == Purpose::Crash)
                .then(|| audit::of_plan_error(&source).map(|finding| finding.code))
                .flatten(),
            origin: self.machine.evidence.origin.clone(),
            loader: request.loader,
            by: self.by,
            remedies: remedies(self.machine, request, &Rules::LINUX, &source),
            source,
        })
    }

    /// The command line from the user; for kdump, the plan adds the dump header's address.
    pub(crate) fn command_line(&self, arguments: &BesideArguments) -> Result<String, Failure> {
        if !arguments.with.reuse_cmdline {
            return Ok(arguments.with.append.clone().unwrap_or_default());
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
