//! The JSON of a check. `schema/check.schema.json` describes it; a change that could break a reader raises [`SCHEMA`].

use audit::{Checked as CheckedCode, Outcome};
use machine::Unknown;
use serde::Serialize;

use super::checked::{Checked, Summary};
use crate::output::finding::FindingRecord;

/// The version of the layout.
const SCHEMA: u32 = 1;

/// What `check -J` prints.
#[derive(Debug, Serialize)]
pub(crate) struct Document<'a> {
    schema: u32,
    origin: &'a str,
    findings: Vec<FindingRecord<'a>>,
    unknown: &'a [Unknown],
    summary: Summary,
    codes: Vec<CodeRecord<'a>>,
}

/// How one code ended.
#[derive(Debug, Serialize)]
struct CodeRecord<'a> {
    code: &'static str,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<&'a str>,
    /// For what cannot be told: whether this kernel offers what is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    offered: Option<bool>,
}

impl<'a> CodeRecord<'a> {
    fn of(checked: &'a CheckedCode) -> Self {
        let (outcome, why, remedy, offered) = match &checked.outcome {
            Outcome::Found(_) => ("found", None, None, None),
            Outcome::NotFound(why) => ("not found", Some(why.as_str()), None, None),
            Outcome::CannotTell(gap) => {
                ("cannot be told", Some(gap.why.as_str()), Some(gap.remedy.as_str()), Some(gap.is_offered))
            }
        };
        Self { code: checked.code.as_str(), outcome, why, remedy, offered }
    }
}

impl<'a> Document<'a> {
    pub(crate) fn of(checked: &'a Checked) -> Self {
        let Checked { origin, findings, codes, unknown } = checked;
        Self {
            schema: SCHEMA,
            origin,
            findings: findings.iter().map(FindingRecord::of).collect(),
            unknown,
            summary: checked.summary(),
            codes: codes.iter().map(CodeRecord::of).collect(),
        }
    }
}
