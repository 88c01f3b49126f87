//! V12: how long a store's URL can live (rules L1 to L3, L9).

use std::time::Duration;

use super::download::Clocks;
use super::finding::Finding;
use crate::ticket::LONGEST_URL;
use crate::{Identity, RoleSession};

/// What tickets ask for (rule L1): a store that cannot give that is of little use to devices.
const LEAST_SECONDS: u32 = 900;
/// What two clocks may differ by (rule L9). A `Date` header is in whole seconds.
const MOST_SKEW: Duration = Duration::from_secs(60);

/// V12 with its figure. `clocks` is what V8 saw.
pub(super) fn check(
    session: &RoleSession,
    identity: Option<&Identity>,
    clocks: Option<Clocks>,
) -> (Finding, Option<u32>) {
    let ceiling = session.ticket_ceiling();
    if let Some(finding) = wrong_clock(clocks) {
        return (finding, Some(ceiling));
    }
    let why = match identity {
        Some(identity) if identity.chained => "roles chain, which caps a session at an hour",
        _ => "a session lasts an hour",
    };
    let reason = format!("a URL can live {ceiling} s: {why}, less 60 s for clocks that differ");
    if ceiling < LEAST_SECONDS {
        let finding = Finding::fail(format!("{reason}; links need {LEAST_SECONDS} s"))
            .fix("Sessions of the role end too soon. Look for a limit at the store's STS.");
        return (finding, Some(ceiling));
    }
    let clocks = if clocks.is_none() { "; the clocks were not compared, for want of V8" } else { "" };
    (Finding::pass(format!("{reason}{clocks}")), Some(ceiling))
}

/// V12 of a key pair: only the protocol limits its URLs.
pub(super) fn check_keys(clocks: Option<Clocks>) -> (Finding, Option<u32>) {
    if let Some(finding) = wrong_clock(clocks) {
        return (finding, Some(LONGEST_URL));
    }
    let compared = if clocks.is_none() { "; the clocks were not compared, for want of V8" } else { "" };
    let reason =
        format!("a URL can live {LONGEST_URL} s, the most that a signature allows: a key pair has no end");
    (Finding::pass(format!("{reason}{compared}")), Some(LONGEST_URL))
}

/// Links that are signed by a wrong clock end early.
fn wrong_clock(clocks: Option<Clocks>) -> Option<Finding> {
    let skew = clocks.map(skew).filter(|skew| *skew > MOST_SKEW)?;
    let text = format!("the platform's clock is {} s off the store's, so links end early", skew.as_secs());
    Some(Finding::fail(text).fix("Set the clock of the server's machine (NTP)."))
}

fn skew(clocks: Clocks) -> Duration {
    clocks.store.since(clocks.ours).max(clocks.ours.since(clocks.store))
}
