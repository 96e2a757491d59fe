//! What is to be said about a parameter that does not do what it seems to.

/// A value that the kernel refuses, misreads, or does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// The parameter as written, e.g. `mem=0`.
    pub parameter: String,
    /// How the kernel treats it, e.g. ``refused: `mem=` needs a size above 0``.
    pub what: String,
    /// The document, or kernel file and function with its release, that says so.
    pub source: &'static str,
    /// Whether the kernel does not come up with this on its command line.
    pub is_fatal: bool,
}

/// Collects remarks about the parameter at hand.
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

    /// The kernel dies of it.
    pub(crate) fn fatal(&mut self, what: impl Into<String>, source: &'static str) {
        self.push(what.into(), source, true);
    }

    fn push(&mut self, what: String, source: &'static str, is_fatal: bool) {
        self.list.push(Remark { parameter: self.current.clone(), what, source, is_fatal });
    }
}
