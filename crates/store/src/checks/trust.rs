//! V2 to V4: whom the role lets in.

use std::time::Duration;

use firmhold_core::{Code, Problem, Secret};
use tokio::time::{Instant, sleep};

use super::finding::Finding;
use super::open_role::Intrusion;
use super::{fix, identity};
use crate::{ExternalId, RoleAccess, RoleSession, Stores, Target};

/// How the role answered to the right external IDs.
pub(super) struct Accepted {
    pub finding: Finding,
    /// Which of the target's IDs work, by place.
    pub working: Vec<usize>,
    /// A session by the first of them.
    pub session: Option<RoleSession>,
}

/// V2. IAM is eventually consistent, so a refusal is asked again for as long as `patience`.
pub(super) async fn accepts(
    stores: &Stores,
    target: &Target,
    role: &RoleAccess,
    patience: Duration,
) -> Accepted {
    let until = Instant::now() + patience;
    let mut pause = Duration::from_millis(500);
    loop {
        let accepted = ask_all(stores, target, role).await;
        match accepted {
            Ok(accepted) => return accepted,
            Err(problem) if problem.code() == Code::AssumeDenied && Instant::now() + pause < until => {
                sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(8));
            }
            Err(problem) => {
                return Accepted {
                    finding: refused(stores, target, role, &problem),
                    working: Vec::new(),
                    session: None,
                };
            }
        }
    }
}

async fn ask_all(stores: &Stores, target: &Target, role: &RoleAccess) -> Result<Accepted, Problem> {
    let (mut working, mut session, mut refusal) = (Vec::new(), None, None);
    for number in 0..role.external_ids.len() {
        match stores.assume(target, ExternalId::Right(number)).await {
            Ok(granted) => {
                working.push(number);
                session.get_or_insert(granted);
            }
            Err(problem) => refusal = Some(problem),
        }
    }
    match (session, refusal) {
        (Some(session), _) => {
            let finding = Finding::pass(accepted_ids(role, &working));
            Ok(Accepted { finding, working, session: Some(session) })
        }
        (None, Some(problem)) => Err(problem),
        (None, None) => {
            Ok(Accepted { finding: Finding::skipped("no external id issued yet"), working, session: None })
        }
    }
}

fn accepted_ids(role: &RoleAccess, working: &[usize]) -> String {
    let names = |wanted: bool| {
        let all = role.external_ids.iter().enumerate();
        let chosen = all.filter(|(number, _)| working.contains(number) == wanted);
        chosen.map(|(_, id)| short(id)).collect::<Vec<_>>().join(", ")
    };
    match names(false) {
        refused if refused.is_empty() => format!("the role lets us in with {}", names(true)),
        refused => format!("the role lets us in with {}, not with {refused}", names(true)),
    }
}

/// Enough of an external id to know it by.
fn short(id: &str) -> String {
    let start: String = id.chars().take(10).collect();
    if start.len() < id.len() { format!("{start}…") } else { start }
}

fn refused(stores: &Stores, target: &Target, role: &RoleAccess, problem: &Problem) -> Finding {
    match problem.code() {
        Code::AssumeDenied => Finding::fail(format!(
            "{} does not let us in with its external id: the role is missing, or its trust policy does not name {} with this id",
            role.role_arn,
            stores.config().platform_role_arn
        ))
        .aws(problem)
        .fix(fix::trust(stores, target, role)),
        Code::PlatformIdentity => Finding::skipped("needs V1: the platform has no identity to ask with").aws(problem),
        _ => Finding::fail(problem.detail()).aws(problem),
    }
}

/// What came of a call that should be refused.
pub(super) enum Answer {
    LetIn,
    Refused(Problem),
    Unclear(Problem),
}

/// Tries to get in.
pub(super) async fn intrude(stores: &Stores, target: &Target, how: Intrusion) -> Answer {
    let external_id = match how {
        Intrusion::WithoutExternalId => ExternalId::Missing,
        Intrusion::RandomExternalId => match Secret::random::<32>("fh-") {
            Ok(id) => ExternalId::Other(id.expose().to_owned()),
            Err(error) => return Answer::Unclear(Problem::internal(error.to_string())),
        },
    };
    match stores.assume(target, external_id).await {
        Ok(_) => Answer::LetIn,
        Err(problem) if problem.code() == Code::AssumeDenied => Answer::Refused(problem),
        Err(problem) => Answer::Unclear(problem),
    }
}

/// V3 or V4 from its answer. `control` is whether the right way in worked before and after: without that, a refusal
/// says nothing (design D5), while a success says all.
pub(super) fn judge(
    stores: &Stores,
    target: &Target,
    role: &RoleAccess,
    how: Intrusion,
    answer: &Answer,
    control: Result<(), &str>,
) -> Finding {
    match (answer, control) {
        (Answer::LetIn, _) => open(stores, target, role, how),
        (Answer::Refused(problem), Ok(())) => {
            Finding::pass(format!("AssumeRole {how} is refused")).aws(problem)
        }
        (Answer::Refused(problem), Err(why)) => {
            Finding::skipped(format!("AssumeRole {how} is refused, but that proves nothing: {why}"))
                .aws(problem)
        }
        (Answer::Unclear(problem), _) => {
            Finding::skipped(format!("no clear answer to AssumeRole {how}: {}", problem.detail()))
                .aws(problem)
        }
    }
}

/// The role lets strangers in.
pub(super) fn open(stores: &Stores, target: &Target, role: &RoleAccess, how: Intrusion) -> Finding {
    Finding::fail(format!(
        "AssumeRole {how} got in: {} can be used through us by anybody who knows its ARN",
        role.role_arn
    ))
    .fix(fix::trust(stores, target, role))
}

/// V2 once more, by the same identity, after the refusals.
pub(super) async fn still_accepts(
    stores: &Stores,
    target: &Target,
    working: &[usize],
    before: &Result<crate::Identity, Problem>,
) -> Result<(), &'static str> {
    let Some(first) = working.first() else {
        return Err("the right external id is refused too (V2)");
    };
    if stores.assume(target, ExternalId::Right(*first)).await.is_err() {
        return Err("the right external id is refused now as well");
    }
    match (before, stores.identity().await) {
        (Ok(before), Ok(after)) if identity::same(before, &after) => Ok(()),
        _ => Err("the platform's identity changed meanwhile"),
    }
}
