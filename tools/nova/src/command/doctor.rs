//! `nova doctor`: what keeps a GPU from being driven, and the command that changes it.

use nova_vfio_glue::doctor::{self, Finding, Places, Severity, Subject};
use serde::Serialize;

use super::Context;
use crate::device::address;
use crate::error::{Code, Error, Result};
use crate::output::{SCHEMA_VERSION, Tone};

/// What to look at.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A GPU, by its PCI address; only the system if not said.
    #[arg(value_name = "ADDRESS")]
    address: Option<String>,
}

#[derive(Serialize)]
struct Report {
    schema_version: u32,
    ready: bool,
    findings: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    severity: String,
    /// In one word, for programs.
    subject: String,
    what: String,
    why: &'static str,
    /// The command that changes it; null where no command can.
    fix: Option<String>,
}

/// Looks, and tells; a problem is an error, as it is for whatever would be tried next.
pub(super) fn run(args: &Args, cx: &mut Context) -> Result<()> {
    let device = args.address.as_deref().map(address).transpose()?;
    let findings = doctor::examine(&Places::default(), device);
    let ready = doctor::is_ready(&findings);
    if cx.out.is_text() {
        print(&findings, cx);
    } else {
        let findings = findings.iter().map(row).collect();
        cx.out.object(&Report { schema_version: SCHEMA_VERSION, ready, findings })?;
    }
    // What was found is shown although the command fails.
    cx.out.flush()?;
    let mut problems = findings.iter().filter(|finding| finding.severity == Severity::Problem);
    let count = problems.clone().count();
    let Some(first) = problems.next() else { return Ok(()) };
    let error =
        Error::new(Code::Refused, format!("{count} of these keep a GPU from being driven by a process"));
    // The first thing first: what mends another one does not help where, say, there is no IOMMU.
    Err(match (&first.fix, first.subject) {
        (Some(fix), _) => error.next(fix.clone()),
        (None, Subject::Device) => error.next("nova -d sim:ga102 info"),
        (None, Subject::Iommu) => error.next("the firmware's setup, then nova doctor"),
        (None, _) => error,
    })
}

fn print(findings: &[Finding], cx: &mut Context) {
    if findings.is_empty() {
        let well = cx.out.paint(Tone::Good, "nothing is in the way");
        cx.out.line(well);
    }
    for finding in findings {
        let tone = match finding.severity {
            Severity::Problem => Tone::Bad,
            Severity::Warning | Severity::Note => Tone::Dim,
        };
        let severity = cx.out.paint(tone, format!("{:7}", finding.severity));
        cx.out.line(format_args!("{severity}  {}", finding.what));
        cx.out.line(format_args!("         {}", finding.why));
        if let Some(fix) = &finding.fix {
            cx.out.line(format_args!("         $ {fix}"));
        }
    }
}

fn row(finding: &Finding) -> Row {
    Row {
        severity: finding.severity.to_string(),
        subject: format!("{:?}", finding.subject).to_ascii_lowercase(),
        what: finding.what.clone(),
        why: finding.why,
        fix: finding.fix.clone(),
    }
}
