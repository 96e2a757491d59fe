//! How a check ends.

use evidence::Source;

use crate::finding::{Code, Finding};

/// How the checks of one code end on a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Something is wrong. Not empty.
    Found(Vec<Finding>),
    /// Nothing is wrong: what shows it.
    NotFound(String),
    /// It cannot be told.
    CannotTell(Gap),
}

/// What a check would have needed and did not get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// What is missing, as a sentence.
    pub why: String,
    /// What would tell.
    pub remedy: String,
    /// Whether this kernel offers it: a file or a privilege is missing. False for what no kernel shows.
    pub is_offered: bool,
}

/// The outcome for one code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// Which finding was looked for.
    pub code: Code,
    /// How it ended.
    pub outcome: Outcome,
}

/// Why a check reports no finding; checks pass it on by `?`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Nothing {
    /// This shows that nothing is wrong.
    Shown(String),
    /// It cannot be told.
    Untold(Gap),
}

/// What a check returns.
pub(crate) type Answer = Result<Finding, Nothing>;

/// Nothing is wrong, as this shows.
pub(crate) fn not_found(shown_by: impl Into<String>) -> Nothing {
    Nothing::Shown(shown_by.into())
}

/// A file or a privilege is missing that this kernel offers.
pub(crate) fn missing(why: impl Into<String>, remedy: impl Into<String>) -> Nothing {
    Nothing::Untold(Gap { why: why.into(), remedy: remedy.into(), is_offered: true })
}

/// No kernel shows this.
pub(crate) fn hidden(why: impl Into<String>, remedy: impl Into<String>) -> Nothing {
    Nothing::Untold(Gap { why: why.into(), remedy: remedy.into(), is_offered: false })
}

/// A file that every such kernel offers was not read.
pub(crate) fn unread<T>(path: &str, source: &Source<T>) -> Nothing {
    match source {
        Source::Unreadable { why, for_lack_of_privilege: true } => missing(why.as_str(), "run as root"),
        Source::Unreadable { why, .. } => missing(why.as_str(), format!("a {path} that can be read")),
        _ => missing(format!("{path} is not there"), format!("capture {path}")),
    }
}

/// The outcome of a code from the answers of its checks: findings first, then what cannot be told.
pub(crate) fn outcome(answers: impl IntoIterator<Item = Answer>) -> Outcome {
    let (mut found, mut shown, mut gaps) = (Vec::new(), Vec::<String>::new(), Vec::<Gap>::new());
    for answer in answers {
        match answer {
            Ok(finding) => found.push(finding),
            Err(Nothing::Shown(why)) if !shown.contains(&why) => shown.push(why),
            Err(Nothing::Untold(gap)) if !gaps.contains(&gap) => gaps.push(gap),
            Err(_) => {}
        }
    }
    if !found.is_empty() {
        return Outcome::Found(found);
    }
    if gaps.is_empty() && !shown.is_empty() {
        return Outcome::NotFound(shown.join("; "));
    }
    // Silence is never health.
    if gaps.is_empty() {
        let why = "no check looks for it on a machine like this".to_owned();
        return Outcome::CannotTell(Gap { why, remedy: "a plan".to_owned(), is_offered: false });
    }
    let join = |of: fn(&Gap) -> &String| {
        let mut words: Vec<&str> = gaps.iter().map(|gap| of(gap).as_str()).collect();
        words.dedup();
        words.join("; ")
    };
    Outcome::CannotTell(Gap {
        why: join(|gap| &gap.why),
        remedy: join(|gap| &gap.remedy),
        is_offered: gaps.iter().any(|gap| gap.is_offered),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_check_cannot_tell_is_not_covered_by_what_another_shows() {
        let answers = || [Err(not_found("clean")), Err(hidden("no kernel shows it", "nothing"))];
        let Outcome::CannotTell(gap) = outcome(answers()) else { panic!("{:?}", outcome(answers())) };
        assert_eq!((gap.why.as_str(), gap.is_offered), ("no kernel shows it", false));
        let more = answers().into_iter().chain([Err(missing("/proc/iomem is not there", "capture it"))]);
        assert!(matches!(outcome(more), Outcome::CannotTell(gap) if gap.is_offered));
        assert_eq!(outcome([Err(not_found("clean"))]), Outcome::NotFound("clean".into()));
        assert!(matches!(outcome([]), Outcome::CannotTell(gap) if !gap.is_offered));
    }
}
