//! Loads what was ordered: every check first, then the call, then a look at what is loaded.

use std::ffi::{CStr, CString};
use std::path::Path;

use act::kexec::{Earlier, Image, LoadRefusal, Piece, Records, Tried};
use audit::Finding;
use evidence::record::RecordedRange;
use evidence::settings::KexecSettings;
use evidence::{Record, Source};
use kexec::{Caller, Contents, Plan, Purpose};
use machine::{Kho, Machine, Unknown};
use memblock::PhysRange;
use rules::{Loader, Rules};

use super::files::{Files, Opened};
use super::order::Order;
use super::record;
use crate::cli::HowArguments;
use crate::commands::load::loading::{Beside, Loading};
use crate::failure::Failure;

/// What was loaded, or would be.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) record: Record,
    /// `None` where too little of the machine is known to say where the kernel places an image.
    pub(crate) plan: Option<Plan>,
    pub(crate) findings: Vec<Finding>,
    pub(crate) assumed: Vec<Unknown>,
    /// What else is to be said, as sentences.
    pub(crate) notes: Vec<String>,
    /// What the header of the loaded dump lists, where that can be read.
    pub(crate) armed: Option<Vec<PhysRange>>,
}

/// Loads. A crash kernel that the call has freed without loading another is loaded again, if its record tells how.
pub(crate) fn carry_out(order: &Order, how: HowArguments) -> Result<Loaded, Failure> {
    if !how.dry_run && !act::kexec::may_boot() {
        // Before anything is read, written or waited for.
        let tried = Tried {
            loader: record::loader(order.loader),
            purpose: order.purpose,
            settings: &KexecSettings::default(),
            handover: false,
            size: 0,
            may_boot: false,
        };
        let refusal = LoadRefusal::of(act::Errno::PERM, &tried);
        return Err(Failure::Load {
            purpose: order.purpose,
            loader: order.loader,
            refusal,
            notes: Vec::new(),
        });
    }
    let records = if how.dry_run || how.no_record { None } else { Some(Records::lock(Path::new("/"))?) };
    carry_out_with(order, how, records.as_ref())
}

fn carry_out_with(order: &Order, how: HowArguments, records: Option<&Records>) -> Result<Loaded, Failure> {
    if order.avoid_removable && order.loader == Loader::KexecFileLoad {
        return Err(Failure::KernelPlaces);
    }
    let files = Files::open(order)?;
    let machine = live()?;
    let beside = Beside::of(&order.beside)?;
    let (purpose, by) = (order.purpose, Caller::Physmem);
    let loading = Loading { machine: &machine, purpose, beside: &order.beside, by };
    let mut notes = Vec::new();
    let mut expected = |result: Result<(), Failure>| match result {
        Err(failure) if how.force && failure.exit_code() == 3 => {
            notes.push(format!("forced: {failure}"));
            Ok(())
        }
        result => result,
    };
    expected(loading.permitted(order.loader))?;
    expected(loading.signed(order.loader, &files.kernel.bytes))?;
    let image = files.image.image(&order.kernel)?;
    let mut assumed = Vec::new();
    match order.loader {
        Loader::KexecFileLoad => assumed.extend(files.image.check(&order.kernel, &machine)?),
        Loader::KexecLoad => files.image.check_entry(&order.kernel, &machine)?,
    }
    let line = loading.command_line(&order.beside)?;
    let request = loading.request(order.loader, image, &beside, order.avoid_removable, &line);
    let plan = match loading.plan_of(&request) {
        Ok(plan) => Some(plan),
        // The kernel places, and knows what this does not.
        Err(Failure::Plan { source, .. })
            if order.loader == Loader::KexecFileLoad && source.errno().is_none() =>
        {
            notes.push(format!("where the kernel places the image is not known: {source}"));
            None
        }
        // Without a plan, there is nothing to load by kexec_load.
        Err(failure) if order.loader == Loader::KexecLoad => return Err(failure),
        Err(failure) => {
            expected(Err(failure))?;
            None
        }
    };
    let findings =
        plan.as_ref().map(|plan| audit::of_plan(&machine, plan, &Rules::LINUX)).unwrap_or_default();
    assumed.extend(plan.iter().flat_map(|plan| plan.assumed.iter().cloned()));
    let contents = match &plan {
        Some(plan) if order.loader == Loader::KexecLoad => {
            let running = host::running(order.purpose)?;
            Some(Contents::of(&machine, &request, plan, &files.bytes(), &running)?)
        }
        _ => None,
    };
    let what = What { order, files: &files, machine: &machine, line: &line, contents: contents.as_ref() };
    let record = record::of(order, &files, &machine, &line, plan.as_ref());
    let mut loaded = Loaded { record, plan, findings, assumed, notes, armed: None };
    if !how.dry_run {
        call(what, records, &mut loaded)?;
    }
    Ok(loaded)
}

/// What is loaded.
#[derive(Clone, Copy)]
struct What<'a> {
    order: &'a Order,
    files: &'a Files,
    machine: &'a Machine,
    line: &'a str,
    /// Where physmem places it.
    contents: Option<&'a Contents<'a>>,
}

impl What<'_> {
    fn load(self, line: &CStr) -> Result<(), act::Errno> {
        let purpose = self.order.purpose;
        let Some(contents) = self.contents else {
            let initrd = self.files.initrd.as_ref().map(Opened::descriptor);
            let (kernel, no_cma) = (self.files.kernel.descriptor(), self.order.beside.with.no_cma);
            return act::kexec::load(purpose, Image::Files { kernel, initrd, command_line: line, no_cma });
        };
        let pieces =
            contents.segments.iter().map(|segment| Piece { range: segment.range, bytes: &segment.bytes });
        let pieces: Vec<Piece<'_>> = pieces.collect();
        let header_may_change = self.machine.evidence.kexec.crash_elfcorehdr_size.read().is_some();
        act::kexec::load(purpose, Image::Pieces { entry: contents.entry, pieces: &pieces, header_may_change })
    }
}

/// Makes the call, and keeps the record.
fn call(what: What<'_>, records: Option<&Records>, loaded: &mut Loaded) -> Result<(), Failure> {
    let What { order, files, machine, line, .. } = what;
    let line = CString::new(line).map_err(|_| Failure::NulInCommandLine)?;
    // From here to the end of this function, a signal must not end the process: it would leave an image without its
    // record.
    act::Stop::default().at_signals()?;
    let pending = records.map(|records| records.prepare(&loaded.record)).transpose()?;
    let result = what.load(&line);
    let after = live();
    let is_loaded = |machine: &Machine| is_loaded(machine, order.purpose);
    if let Err(errno) = result {
        let was_loaded = is_loaded(machine) == Some(true);
        let holds = after.as_ref().ok().and_then(is_loaded);
        let earlier = match holds {
            Some(false) if was_loaded => Earlier::Lost,
            Some(false) => Earlier::Nothing,
            Some(true) | None => Earlier::Holds,
        };
        let mut notes = Vec::new();
        if let Some(pending) = pending {
            pending.give_up(earlier)?;
        }
        if was_loaded {
            notes.push(match earlier {
                Earlier::Holds => "what was loaded before is still loaded".to_owned(),
                Earlier::Lost | Earlier::Nothing => again(order, machine, records),
            });
        }
        return Err(refused(machine, order, files, errno, notes));
    }
    match after {
        Ok(after) => {
            if is_loaded(&after) == Some(false) {
                return Err(Failure::NotLoaded { purpose: order.purpose });
            }
            if let Source::Read(armed) = &after.evidence.crash_image
                && order.purpose == Purpose::Crash
            {
                loaded.record.dump = armed.loads.iter().copied().map(RecordedRange).collect();
                loaded.armed = Some(armed.loads.clone());
            }
        }
        Err(failure) => loaded.notes.push(format!("the machine could not be read after the load: {failure}")),
    }
    match pending.map(|pending| pending.keep(&loaded.record)) {
        Some(Err(error)) => Err(Failure::LoadedWithoutRecord(error)),
        Some(Ok(())) | None => Ok(()),
    }
}

/// Loads the earlier crash kernel again, which the call has freed. Says how that went.
fn again(order: &Order, machine: &Machine, records: Option<&Records>) -> String {
    let lost = "the call has freed the crash kernel that was loaded before";
    let record = match &machine.evidence.kdump_record {
        Source::Read(record) if machine.evidence.boot_id.read() == Some(&record.boot_id) => record,
        _ => {
            return format!(
                "{lost}, and no record of this boot tells how it was loaded: NO CRASH KERNEL IS LOADED NOW"
            );
        }
    };
    let earlier = Order::of_record(record);
    if earlier.kernel == order.kernel && earlier.beside.with.initrd == order.beside.with.initrd {
        return format!("{lost}, which was of the same files: NO CRASH KERNEL IS LOADED NOW");
    }
    match carry_out_with(&earlier, HowArguments::default(), records) {
        Ok(_) => format!("{lost}; it was loaded again from its record: {}", record.kernel.path),
        Err(failure) => {
            format!("{lost}, and it cannot be loaded again ({failure}): NO CRASH KERNEL IS LOADED NOW")
        }
    }
}

fn refused(
    machine: &Machine,
    order: &Order,
    files: &Files,
    errno: act::Errno,
    notes: Vec<String>,
) -> Failure {
    let tried = Tried {
        loader: record::loader(order.loader),
        purpose: order.purpose,
        settings: &machine.evidence.kexec,
        handover: matches!(machine.state.kho, Kho::On(_)),
        size: files.size(),
        may_boot: act::kexec::may_boot(),
    };
    Failure::Load {
        purpose: order.purpose,
        loader: order.loader,
        refusal: LoadRefusal::of(errno, &tried),
        notes,
    }
}

/// This machine, as it is now.
pub(crate) fn live() -> Result<Machine, Failure> {
    let snapshot = host::read_live()?;
    let origin = snapshot.origin.clone();
    Machine::of(snapshot).map_err(|source| Failure::Machine { origin, source })
}

/// Whether an image is loaded; `None` where nothing shows it.
pub(super) fn is_loaded(machine: &Machine, purpose: Purpose) -> Option<bool> {
    let kexec = &machine.evidence.kexec;
    match purpose {
        Purpose::Reboot => kexec.loaded.read().copied(),
        Purpose::Crash => kexec.crash_loaded.read().copied(),
    }
}
