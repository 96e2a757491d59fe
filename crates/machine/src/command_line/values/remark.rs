//! Remarks on parameters that do not do what they seem to.

/// A value that the kernel refuses, misreads, or does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// The parameter as written, e.g. `mem=0`.
    pub parameter: String,
    /// How the kernel treats it, e.g. ``refused: `mem=` needs a size above 0``.
    pub what: String,
    /// The document, or the kernel file and function with its release, that supports the remark.
    pub source: &'static str,
    /// Whether the kernel fails to boot with this parameter.
    pub is_fatal: bool,
}

/// Collects remarks about the current parameter.
#[derive(Debug, Default)]
pub(crate) struct Remarks {
    /// The parameter being read, as written.
    pub(crate) current: String,
    pub(crate) list: Vec<Remark>,
}

impl Remarks {
    pub(crate) fn say(&mut self, what: impl Into<String>, source: &'static str) {
        self.push(what.into(), source, false);
    }

    /// A remark that the kernel does not survive the parameter.
    pub(crate) fn fatal(&mut self, what: impl Into<String>, source: &'static str) {
        self.push(what.into(), source, true);
    }

    fn push(&mut self, what: String, source: &'static str, is_fatal: bool) {
        self.list.push(Remark { parameter: self.current.clone(), what, source, is_fatal });
    }
}
