//! V8: a presigned URL, by a client without credentials.

use firmhold_core::{Problem, Timestamp};

use super::anonymous::{self, Answer};
use super::finding::Finding;
use super::objects::Probe;
use crate::{Stores, Target, TicketRequest};

/// Seconds that the probe's URL asks for.
const SECONDS: u32 = 300;

/// What V8 found, and the store's time by its `Date` header with ours at that moment.
pub(super) struct Download {
    pub finding: Finding,
    pub clocks: Option<Clocks>,
}

/// Two clocks read at one time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clocks {
    pub store: Timestamp,
    pub ours: Timestamp,
}

pub(super) async fn check(stores: &Stores, target: &Target, probe: &Probe) -> Download {
    let mut clocks = None;
    let finding = match fetch(stores, target, probe, &mut clocks).await {
        Ok(()) => Finding::pass("a presigned URL works without credentials, whole and for one range"),
        Err(finding) => finding,
    };
    Download { finding, clocks }
}

async fn fetch(
    stores: &Stores,
    target: &Target,
    probe: &Probe,
    clocks: &mut Option<Clocks>,
) -> Result<(), Finding> {
    let request = TicketRequest::Get { key: probe.key.clone(), version: probe.version.clone() };
    let unanswered = |problem: Problem| Finding::fail(problem.detail()).aws(&problem);
    let ticket = stores.ticket(target, request, SECONDS).await.map_err(unanswered)?;
    let client = stores.anonymous_http_for(target);
    let whole = anonymous::get(client, &ticket.url, None).await.map_err(unanswered)?;
    *clocks = whole.date.map(|store| Clocks { store, ours: stores.clock().now() });
    expect(&whole, 200, &probe.body, "the whole object")?;
    let last = probe.body.len().saturating_sub(1).min(107);
    let first = last.min(100);
    let range = format!("bytes={first}-{last}");
    let part = anonymous::get(client, &ticket.url, Some(&range)).await.map_err(unanswered)?;
    expect(&part, 206, &probe.body[first..=last], "one range")
}

fn expect(answer: &Answer, status: u16, body: &[u8], what: &str) -> Result<(), Finding> {
    if answer.status.as_u16() != status {
        let code = answer.aws_code();
        let named = code.as_deref().map(|code| format!(" [{code}]")).unwrap_or_default();
        let mut finding = Finding::fail(format!("{what}: the store answered {}{named}", answer.status.as_u16())).fix(
            "Devices come from anywhere. Look for a Deny by aws:SourceIp, aws:SourceVpce, aws:PrincipalOrgID or s3:signatureAge in the bucket policy and in the organization's SCPs and RCPs, and exempt the role from it.",
        );
        finding.aws_error_code = code;
        return Err(finding);
    }
    if answer.body != body {
        return Err(Finding::fail(format!("{what}: the store answered other bytes than were put")));
    }
    Ok(())
}
