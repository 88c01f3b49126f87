//! One statement of a policy, and whether it applies to a request.

use std::sync::Arc;

use crate::action::ActionPattern;
use crate::arn::ArnPattern;
use crate::condition::Condition;
use crate::decision::{Fit, Place};
use crate::facts::Facts;
use crate::policy::Effect;
use crate::principals::{Closeness, Principals};
use crate::truth::Truth;

/// A list of things that a statement speaks of, or of all that it does not.
#[derive(Debug, Clone)]
pub enum Scope<T> {
    /// `Action`, `Resource`, `Principal`.
    Only(T),
    /// `NotAction`, `NotResource`, `NotPrincipal`.
    AllBut(T),
}

/// A statement of a policy.
#[derive(Debug, Clone)]
pub struct Statement {
    pub sid: Option<Arc<str>>,
    pub effect: Effect,
    pub place: Arc<Place>,
    /// `None` where the policy is attached to the caller.
    pub principals: Option<Scope<Principals>>,
    pub actions: Scope<Vec<ActionPattern>>,
    /// `None` in a trust policy, which speaks of its role.
    pub resources: Option<Scope<Vec<ArnPattern>>>,
    pub conditions: Vec<Condition>,
}

/// How a statement met a request.
pub struct Met<'s> {
    pub fit: Fit,
    /// Where the statement stands, or the condition that is not met.
    pub place: &'s Arc<Place>,
    /// How closely it names the caller; of a policy attached to the caller, as closely as can be.
    pub closeness: Option<Closeness>,
}

impl Statement {
    /// Whether it applies; if not, why not.
    pub fn meet(&self, facts: &Facts<'_>) -> Met<'_> {
        let (speaks, closeness) = self.speaks_of_principal(facts);
        let mut met = Met { fit: Fit::Applies, place: &self.place, closeness };
        if !self.applies(speaks) {
            met.fit = Fit::OtherPrincipal;
        } else if !self.speaks_of_action(facts.action()) {
            met.fit = Fit::OtherAction;
        } else if !self.speaks_of_resource(facts) {
            met.fit = Fit::OtherResource;
        } else if let Some(unmet) =
            self.conditions.iter().find(|condition| !self.applies(condition.holds(facts)))
        {
            met.fit = Fit::ConditionNotMet(Arc::clone(&unmet.label));
            met.place = &unmet.place;
        }
        met
    }

    /// INVARIANT: what is unknown denies, and never allows.
    fn applies(&self, truth: Truth) -> bool {
        match truth {
            Truth::True => true,
            Truth::False => false,
            Truth::Unknown => self.effect == Effect::Deny,
        }
    }

    fn speaks_of_principal(&self, facts: &Facts<'_>) -> (Truth, Option<Closeness>) {
        match &self.principals {
            None => (Truth::True, Some(Closeness::Itself)),
            Some(Scope::Only(principals)) => match principals.closeness(facts) {
                Some(closeness) => (Truth::True, Some(closeness)),
                None if principals.may_name(facts) => (Truth::Unknown, None),
                None => (Truth::False, None),
            },
            // "The NotPrincipal element with a Deny effect will always deny any IAM principal that has a permissions
            // boundary policy attached, regardless of the values specified in the NotPrincipal element"
            // (https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html). A document that
            // allows by NotPrincipal is refused: this denies, and has no closeness.
            Some(Scope::AllBut(principals)) => ((facts.bounded || !principals.spares(facts)).into(), None),
        }
    }

    fn speaks_of_action(&self, action: (&str, &str)) -> bool {
        let listed = |actions: &[ActionPattern]| actions.iter().any(|own| own.covers(action));
        match &self.actions {
            Scope::Only(actions) => listed(actions),
            Scope::AllBut(actions) => !listed(actions),
        }
    }

    fn speaks_of_resource(&self, facts: &Facts<'_>) -> bool {
        // An action without a resource, as ListAllMyBuckets, is about everything of its service: AWS's examples
        // write it as `*`, and as `arn:aws:s3:::*`
        // (https://docs.aws.amazon.com/AmazonS3/latest/userguide/example-policies-s3.html).
        let of_service = |own: &ArnPattern| facts.resource.text == "*" && own.is_all_of(facts.action().0);
        let listed = |resources: &[ArnPattern]| {
            resources.iter().any(|own| own.fits(&facts.resource, facts) || of_service(own))
        };
        match &self.resources {
            None => true,
            Some(Scope::Only(resources)) => listed(resources),
            Some(Scope::AllBut(resources)) => !listed(resources),
        }
    }
}
