//! The JSON of a check. `schema/check.schema.json` describes it; a change that could break a reader raises [`SCHEMA`].

use audit::Finding;
use machine::Unknown;
use serde::Serialize;

use super::Checked;

/// The version of the layout.
const SCHEMA: u32 = 1;

/// What `check -J` prints.
#[derive(Debug, Serialize)]
pub(crate) struct Document<'a> {
    schema: u32,
    origin: &'a str,
    findings: Vec<FindingRecord<'a>>,
    unknown: &'a [Unknown],
}

/// A finding, as every command prints it.
#[derive(Debug, Serialize)]
pub(crate) struct FindingRecord<'a> {
    code: &'static str,
    severity: &'static str,
    what: &'a str,
    evidence: &'a [String],
    remedy: &'a str,
}

impl<'a> Document<'a> {
    pub(crate) fn of(checked: &'a Checked) -> Self {
        let Checked { origin, findings, unknown } = checked;
        Self { schema: SCHEMA, origin, findings: findings.iter().map(FindingRecord::of).collect(), unknown }
    }
}

impl<'a> FindingRecord<'a> {
    pub(crate) fn of(finding: &'a Finding) -> Self {
        Self {
            code: finding.code.as_str(),
            severity: finding.severity.as_str(),
            what: &finding.what,
            evidence: &finding.evidence,
            remedy: &finding.remedy,
        }
    }
}
