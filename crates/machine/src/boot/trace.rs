//! The trace of a boot: what each step did, and why.

/// A step of the kernel's boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The kernel function, or a word for several.
    pub name: &'static str,
    /// Where the rule comes from: `file:function (release)`, or a document.
    pub source: &'static str,
}

/// One line of the trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceLine {
    /// The step it belongs to.
    pub step: Step,
    /// What was done, in the words of `memblock=debug` if it logs such an event.
    pub what: String,
    /// Why.
    pub why: String,
}

/// The trace of a boot, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Trace {
    lines: Vec<TraceLine>,
    step: Option<Step>,
}

/// What happens before the first step.
const BEFORE: Step = Step { name: "start_kernel", source: "init/main.c:start_kernel (6.12)" };

impl Trace {
    pub(crate) fn begin(&mut self, step: Step) {
        self.step = Some(step);
    }

    pub(crate) fn note(&mut self, what: impl Into<String>, why: impl Into<String>) {
        let line = TraceLine { step: self.step.unwrap_or(BEFORE), what: what.into(), why: why.into() };
        self.lines.push(line);
    }

    /// The lines, in execution order.
    pub(crate) fn lines(&self) -> &[TraceLine] {
        &self.lines
    }
}
