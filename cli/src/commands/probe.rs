//! `probe`: finds out whether an API loses updates.

use ifmatch::{ProbeReport, Verdict};
use serde::Serialize;

use crate::args::Probe;
use crate::connect::Context;
use crate::exit::{Failure, LOSES};
use crate::interrupt;
use crate::output::confirmed;
use crate::target::Target;

/// A report for programs.
#[derive(Serialize)]
struct Report<'r> {
    path: &'r str,
    enforces_preconditions: bool,
    findings: Vec<Finding<'r>>,
    stopped: Option<&'r str>,
    left_behind: Option<&'r str>,
    requests: u32,
}

#[derive(Serialize)]
struct Finding<'r> {
    check: String,
    verdict: &'static str,
    guards_updates: bool,
    seen: &'r str,
}

pub(crate) async fn run(context: &Context, arguments: &Probe) -> Result<(), Failure> {
    let target = Target::parse(&arguments.url)?;
    let url = target.url();
    let plan = format!(
        "The probe creates a resource with a random name in {url}, reads it, writes it about forty times, also several \
         times at once, and removes it. It touches nothing else."
    );
    if url.query().is_some() {
        return Err(Failure::usage(
            "the address of a collection to probe has no query",
        ));
    }
    if context.global.dry_run {
        let told = serde_json::json!({"outcome": "dry_run", "url": url.as_str(), "plan": plan});
        return context.output.result(&told, &format!("{plan}\n"));
    }
    context.output.note(&plan);
    if !arguments.yes && !confirmed("Go on?")? {
        return Err(Failure::new(
            crate::exit::LOCAL,
            "given_up",
            "the probe was not started",
        ));
    }
    let client = context.client(&target.origin(), None)?;
    let mut probing = client.probe(url.as_str()).timeout(context.global.timeout);
    if let Some(suffix) = &arguments.suffix {
        probing = probing.suffix(suffix);
    }
    let mut probing = std::pin::pin!(context.progress.during(probing));
    let report = match interrupt::or(&mut probing).await {
        Ok(report) => report?,
        Err(interrupted) => {
            let why = "The probe ends by itself, so that its resource is removed.";
            context.output.note(why);
            context
                .output
                .note("Press Ctrl-C again to leave it behind.");
            interrupt::or(&mut probing).await??;
            return Err(interrupted);
        }
    };
    context
        .output
        .result(&shown(&report), &format!("{report}\n"))?;
    if report.enforces_preconditions() {
        return Ok(());
    }
    let loses = report.failed().any(|found| found.check.guards_updates());
    let why = if loses {
        "the API loses updates"
    } else {
        "it is not known whether the API loses updates"
    };
    Err(Failure::new(LOSES, "loses_updates", why))
}

fn shown(report: &ProbeReport) -> Report<'_> {
    let findings = report.findings.iter().map(|found| Finding {
        check: format!("{:?}", found.check),
        verdict: match found.verdict {
            Verdict::Holds => "holds",
            Verdict::Fails => "fails",
            Verdict::Unknown => "unknown",
        },
        guards_updates: found.check.guards_updates(),
        seen: &found.seen,
    });
    Report {
        path: &report.path,
        enforces_preconditions: report.enforces_preconditions(),
        findings: findings.collect(),
        stopped: report.stopped.as_deref(),
        left_behind: report.left_behind.as_deref(),
        requests: report.requests,
    }
}
