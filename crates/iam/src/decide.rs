//! From a request and its policies to a decision.
//!
//! The rules are those of
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html>.

use std::sync::Arc;

use crate::facts::Facts;
use crate::policy::{Effect, PolicyKind};
use crate::principal::is_account;
use crate::principals::Closeness;
use crate::statement::Met;
use crate::tables;
use crate::{Arn, Decision, Fit, Outcome, Policies, Policy, Principal, Reason, Request, Step, Trace};

/// Decides a request.
///
/// A statement that denies wins over all. Then, where caller and resource are of one account, an identity-based
/// policy or the policy of the resource has to allow; where they are not, both. Permissions boundary and session
/// policy have to allow too, if there are any, except where the resource's policy names the user or the session
/// itself. A role's trust policy, and a key's policy, always have a say.
pub fn decide(request: &Request, policies: &Policies<'_>) -> Decision {
    let facts = Facts::new(request, policies.boundary.is_some());
    let mut steps = Vec::with_capacity(policies.statements());
    let verdict = Verdicts::collect(&facts, request, policies, &mut steps).settle(request);
    let (outcome, reason, deciding) = match verdict {
        Verdict::Denied(step) => (Outcome::ExplicitDeny, Reason::Statement, Some(step)),
        Verdict::Allowed(step) => (Outcome::Allow, Reason::Statement, Some(step)),
        Verdict::AllowedBy(reason) => (Outcome::Allow, reason, None),
        Verdict::NotAllowed(reason) => (Outcome::ImplicitDeny, reason, None),
    };
    let trace = Trace { action: request.action.clone(), reason, steps, deciding };
    Decision { outcome, trace }
}

/// How the owner of the resource stands to the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    /// One account.
    Same,
    /// Two accounts.
    Cross,
    /// The caller has no account, so there is nothing on its side that could allow.
    Outside,
    /// Nobody said whose the resource is.
    Unknown,
}

/// The account that the ARN of the resource names, if it names one.
fn named_account(request: &Request) -> Option<&str> {
    Arn::parse(&request.resource).map(|arn| arn.account).filter(|account| is_account(account))
}

fn relation(request: &Request) -> Relation {
    let named = named_account(request);
    let owner = match (request.resource_account.as_deref(), named) {
        // Two answers to one question: believe neither.
        (Some(given), Some(named)) if given != named => return Relation::Cross,
        (given, named) => given.or(named),
    };
    match (request.principal.account(), owner) {
        (None, _) => Relation::Outside,
        (Some(_), None) => Relation::Unknown,
        (Some(caller), Some(owner)) if caller == owner => Relation::Same,
        (Some(_), Some(_)) => Relation::Cross,
    }
}

/// What the statements of one policy say.
#[derive(Debug, Clone, Copy, Default)]
struct Voice {
    denies: Option<usize>,
    /// The first statement that allows, by closeness.
    allows: Option<(Closeness, usize)>,
}

impl Voice {
    /// INVARIANT: a policy of another kind than its place asks for can deny, and never allow. A document without
    /// principals in the place of a bucket policy would else grant to everybody.
    fn hear(policy: &Policy, kind: PolicyKind, facts: &Facts<'_>, steps: &mut Vec<Step>) -> Self {
        let mut voice = Self::default();
        for (index, statement) in policy.statements.iter().enumerate() {
            let Met { fit, place, closeness } = statement.meet(facts);
            if fit == Fit::Applies {
                match statement.effect {
                    Effect::Deny => voice.denies = voice.denies.or(Some(steps.len())),
                    Effect::Allow if policy.kind == kind => voice.allow(closeness, steps.len()),
                    Effect::Allow => {}
                }
            }
            steps.push(Step {
                kind: policy.kind,
                policy: Arc::clone(&policy.name),
                statement: index + 1,
                sid: statement.sid.clone(),
                effect: statement.effect,
                place: Arc::clone(place),
                fit,
            });
        }
        voice
    }

    fn allow(&mut self, closeness: Option<Closeness>, step: usize) {
        let Some(closeness) = closeness else { return };
        if self.allows.is_none_or(|(best, _)| closeness > best) {
            self.allows = Some((closeness, step));
        }
    }

    fn join(self, other: Self) -> Self {
        Self { denies: self.denies.or(other.denies), allows: self.allows.or(other.allows) }
    }
}

/// What all policies say.
struct Verdicts {
    identity: Voice,
    /// `None`: there is no such policy.
    resource: Option<Voice>,
    trust: Option<Voice>,
    boundary: Option<Voice>,
    session: Option<Voice>,
    /// One for each level of the organization.
    service_control: Vec<Voice>,
    resource_control: Voice,
}

enum Verdict {
    Denied(usize),
    Allowed(usize),
    AllowedBy(Reason),
    NotAllowed(Reason),
}

/// The actions that a role's trust policy, and not its permissions, must allow.
fn assumes_a_role(action: &str) -> bool {
    const ACTIONS: [&str; 5] = [
        "sts:AssumeRole",
        "sts:AssumeRoleWithSAML",
        "sts:AssumeRoleWithWebIdentity",
        "sts:TagSession",
        "sts:SetSourceIdentity",
    ];
    ACTIONS.iter().any(|known| known.eq_ignore_ascii_case(action))
}

/// A root user and an unsigned request cannot at all, and an identity of an external provider does so with the
/// provider's token (`AssumeRoleWithSAML`, `AssumeRoleWithWebIdentity`)
/// (<https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>).
fn can_assume(principal: &Principal, action: &str) -> bool {
    match principal {
        Principal::Root { .. } | Principal::Anonymous => false,
        Principal::Federated(_) => !action.eq_ignore_ascii_case("sts:AssumeRole"),
        _ => true,
    }
}

/// "To ensure that bucket owners don't inadvertently lock themselves out of their own buckets, the root principal in a
/// bucket owner's AWS account can perform the GetBucketPolicy, PutBucketPolicy, and DeleteBucketPolicy API actions,
/// even if their bucket policy explicitly denies the root principal's access"
/// (<https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketPolicy.html>). Control policies still can.
fn cannot_be_locked_out(request: &Request) -> bool {
    const ACTIONS: [&str; 3] = ["s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"];
    matches!(request.principal, Principal::Root { .. })
        && ACTIONS.iter().any(|own| own.eq_ignore_ascii_case(&request.action))
        && relation(request) == Relation::Same
}

impl Verdicts {
    fn collect(facts: &Facts<'_>, request: &Request, policies: &Policies<'_>, steps: &mut Vec<Step>) -> Self {
        let mut hear = |policy: &Policy, kind| Voice::hear(policy, kind, facts, steps);
        let mut identity = Voice::default();
        for policy in &policies.identity {
            identity = identity.join(hear(policy, PolicyKind::Identity));
        }
        let trust = policies.trust.filter(|_| assumes_a_role(&request.action));
        let mut resource = policies.resource.map(|policy| hear(policy, PolicyKind::Resource));
        if let Some(voice) = resource.as_mut().filter(|_| cannot_be_locked_out(request)) {
            voice.denies = None;
        }
        let mut verdicts = Self {
            identity,
            resource,
            trust: trust.map(|policy| hear(policy, PolicyKind::Trust)),
            boundary: policies.boundary.map(|policy| hear(policy, PolicyKind::Boundary)),
            session: policies.session.map(|policy| hear(policy, PolicyKind::Session)),
            service_control: Vec::new(),
            resource_control: Voice::default(),
        };
        if binds_caller(request, policies) {
            for level in &policies.service_control {
                let voices = level.iter().map(|policy| hear(policy, PolicyKind::ServiceControl));
                verdicts.service_control.push(voices.fold(Voice::default(), Voice::join));
            }
        }
        if binds_resource(request, policies) {
            let voices =
                policies.resource_control.iter().map(|policy| hear(policy, PolicyKind::ResourceControl));
            verdicts.resource_control = voices.fold(Voice::default(), Voice::join);
        }
        verdicts
    }

    /// The first statement that denies.
    fn denies(&self) -> Option<usize> {
        let attached = [Some(self.identity), self.resource, self.trust, self.boundary, self.session];
        let control = self.service_control.iter().chain([&self.resource_control]);
        attached.iter().flatten().chain(control).find_map(|voice| voice.denies)
    }

    fn settle(&self, request: &Request) -> Verdict {
        let principal = &request.principal;
        // "No permissions are required to perform this operation", and no policy can take it away
        // (https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html).
        if request.action.eq_ignore_ascii_case("sts:GetCallerIdentity") && *principal != Principal::Anonymous
        {
            return Verdict::AllowedBy(Reason::NeedsNoPermission);
        }
        if let Some(step) = self.denies() {
            return Verdict::Denied(step);
        }
        if self.service_control.iter().any(|level| level.allows.is_none()) {
            return Verdict::NotAllowed(Reason::NoServiceControlAllow);
        }
        let assumes = assumes_a_role(&request.action);
        if assumes && !can_assume(principal, &request.action) {
            return Verdict::NotAllowed(Reason::CannotAssumeRoles);
        }
        if *principal == Principal::Anonymous && has_service(&request.action, "kms") {
            return Verdict::NotAllowed(Reason::NotSigned);
        }
        let (owner, silent) = match assumes {
            true => (self.trust, Reason::NoTrustAllow),
            false => (self.resource, Reason::NoResourceAllow),
        };
        let granted = owner.and_then(|voice| voice.allows);
        let key_policy = self.resource.is_some() && has_service(&request.action, "kms");
        match relation(request) {
            Relation::Outside => {
                granted.map_or(Verdict::NotAllowed(silent), |(_, step)| Verdict::Allowed(step))
            }
            Relation::Same if assumes || key_policy => match granted {
                Some(granted) => self.within_account(principal, Some(granted)),
                None => Verdict::NotAllowed(silent),
            },
            Relation::Same => self.within_account(principal, granted),
            Relation::Unknown if owner.is_none() && !assumes => self.within_account(principal, None),
            Relation::Cross | Relation::Unknown => match self.callers_side(principal, None) {
                Verdict::NotAllowed(reason) => Verdict::NotAllowed(reason),
                _ => granted.map_or(Verdict::NotAllowed(silent), |(_, step)| Verdict::Allowed(step)),
            },
        }
    }

    /// Caller and resource are of one account: either side's grant will do.
    fn within_account(&self, principal: &Principal, granted: Option<(Closeness, usize)>) -> Verdict {
        match granted {
            // Named itself: no implicit deny of its boundary or session policy limits that.
            Some((Closeness::Itself, step)) => Verdict::Allowed(step),
            Some((Closeness::Role, step)) => self.callers_side(principal, Some(step)),
            // Named by its account: that leaves the choice to the account's own policies.
            Some((Closeness::Account, _)) | None => self.callers_side(principal, None),
        }
    }

    /// Whether what is attached to the caller lets it: a grant (its own, or `granted` by the resource), and
    /// whatever limits it.
    fn callers_side(&self, principal: &Principal, granted: Option<usize>) -> Verdict {
        let own = self.identity.allows.map(|(_, step)| step);
        let verdict = match (own.or(granted), principal) {
            (Some(step), _) => Verdict::Allowed(step),
            (None, Principal::Root { .. }) => Verdict::AllowedBy(Reason::RootUser),
            (None, _) => return Verdict::NotAllowed(Reason::NoIdentityAllow),
        };
        let silent = |voice: Option<Voice>| voice.is_some_and(|voice| voice.allows.is_none());
        if silent(self.boundary) {
            return Verdict::NotAllowed(Reason::NoBoundaryAllow);
        }
        if silent(self.session) {
            return Verdict::NotAllowed(Reason::NoSessionAllow);
        }
        verdict
    }
}

/// Whether service control policies have a say: not for who has no account, not in the management account, and not for
/// service-linked roles
/// (<https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_scps.html#scp-effects-on-permissions>).
fn binds_caller(request: &Request, policies: &Policies<'_>) -> bool {
    let account = request.principal.account();
    account.is_some() && account != policies.management_account && !request.principal.is_service_linked_role()
}

/// Whether resource control policies have a say: not over the resources of the management account, not for
/// service-linked roles, and only in the services that know them
/// (<https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps.html#rcp-effects-on-permissions>).
fn binds_resource(request: &Request, policies: &Policies<'_>) -> bool {
    if policies.resource_control.is_empty() || request.principal.is_service_linked_role() {
        return false;
    }
    let owner = request.resource_account.as_deref().or(named_account(request));
    let managed = policies.management_account.is_some() && owner == policies.management_account;
    let service = request.action.split(':').next().unwrap_or_default();
    !managed && tables::knows_resource_control(service)
}

fn has_service(action: &str, service: &str) -> bool {
    action.split_once(':').is_some_and(|(own, _)| own.eq_ignore_ascii_case(service))
}
