//! The run.

use firmhold_core::{Code, Problem};

use crate::access::Clients;
use crate::{OwnerAccess, Spec, StepReport, bucket, bucket_policy, refusal, role};

/// Brings the owner's account to what `spec` says, step by step, and reports each step as it is done. It may be run
/// again at any time: it goes on where it stopped, and changes nothing when all is there.
///
/// # Errors
/// [`Code::Usage`] for a spec that must not be applied ([`Spec::check`]) or credentials of another account;
/// [`Code::StoreDenied`] when the owner may not do what is needed, or the bucket is somebody else's;
/// [`Code::Duplicate`] when a role of that name exists that is not ours; [`Code::StateForbids`] for what is there and
/// should not be overwritten; [`Code::StoreFailed`] when AWS fails. Steps before the failed one stay done.
pub async fn apply(
    spec: &Spec,
    access: &OwnerAccess,
    mut on_step: impl FnMut(&StepReport),
) -> Result<Vec<StepReport>, Problem> {
    spec.check()?;
    let clients = Clients::open(access).await?;
    ask_account(&clients, spec).await?;
    let mut reports = Vec::new();
    let mut done = |report: StepReport| {
        on_step(&report);
        reports.push(report);
    };
    done(bucket::apply(&clients, spec).await?);
    done(bucket_policy::apply(&clients, spec).await?);
    done(role::apply_role(&clients, spec).await?);
    done(role::apply_inline_policy(&clients, spec).await?);
    Ok(reports)
}

/// INVARIANT: nothing is written with credentials of another account than the spec's.
async fn ask_account(clients: &Clients, spec: &Spec) -> Result<(), Problem> {
    let answer = clients.sts.get_caller_identity().send().await;
    let identity = answer.map_err(|error| refusal::problem("sts:GetCallerIdentity", "the caller", error))?;
    let account = identity.account().unwrap_or_default();
    if account != spec.account {
        return Err(Problem::new(
            Code::Usage,
            format!("these credentials are of account {account}, and the bucket's owner is {}", spec.account),
        )
        .with_hint("Use a profile of the bucket owner's account (`--profile`)."));
    }
    Ok(())
}
