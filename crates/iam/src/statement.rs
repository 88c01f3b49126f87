//! One statement of a policy, and whether it applies to a request.

use std::sync::Arc;

use crate::arn::ArnPattern;
use crate::condition::Condition;
use crate::decision::{Fit, Place};
use crate::pattern::{Case, Unit, fits};
use crate::policy::Effect;
use crate::principals::{Closeness, Principals};
use crate::truth::Truth;
use crate::{Context, Principal};

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
    pub actions: Scope<Vec<Vec<Unit>>>,
    /// `None` in a trust policy, which speaks of its role.
    pub resources: Option<Scope<Vec<ArnPattern>>>,
    pub conditions: Vec<Condition>,
}

/// A request with all its keys, as the statements look at it.
pub struct Facts<'a> {
    pub principal: &'a Principal,
    pub action: &'a str,
    pub resource: &'a str,
    pub context: &'a Context,
    /// Whether a permissions boundary limits the caller.
    pub bounded: bool,
}

impl Statement {
    /// Whether it applies; if not, why not, and where the reason stands.
    pub fn fit(&self, facts: &Facts<'_>) -> (Fit, &Arc<Place>) {
        if !self.speaks_of_principal(facts) {
            return (Fit::OtherPrincipal, &self.place);
        }
        if !self.speaks_of_action(facts.action) {
            return (Fit::OtherAction, &self.place);
        }
        if !self.speaks_of_resource(facts) {
            return (Fit::OtherResource, &self.place);
        }
        let unmet = self.conditions.iter().find(|condition| !self.applies(condition.holds(facts.context)));
        match unmet {
            Some(condition) => (Fit::ConditionNotMet(Arc::clone(&condition.label)), &condition.place),
            None => (Fit::Applies, &self.place),
        }
    }

    /// How closely it names the caller; of a policy attached to the caller, as closely as can be.
    pub fn closeness(&self, facts: &Facts<'_>) -> Option<Closeness> {
        match &self.principals {
            None => Some(Closeness::Itself),
            Some(Scope::Only(principals)) => principals.closeness(facts.principal, facts.context),
            // A document that allows by NotPrincipal is refused: this denies, and has no closeness.
            Some(Scope::AllBut(_)) => None,
        }
    }

    /// INVARIANT: what is unknown denies, and never allows.
    fn applies(&self, truth: Truth) -> bool {
        match truth {
            Truth::True => true,
            Truth::False => false,
            Truth::Unknown => self.effect == Effect::Deny,
        }
    }

    fn speaks_of_principal(&self, facts: &Facts<'_>) -> bool {
        match &self.principals {
            None => true,
            Some(Scope::Only(principals)) => principals.closeness(facts.principal, facts.context).is_some(),
            // "The NotPrincipal element with a Deny effect will always deny any IAM principal that has a permissions
            // boundary policy attached, regardless of the values specified in the NotPrincipal element"
            // (https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html).
            Some(Scope::AllBut(principals)) => {
                facts.bounded || !principals.spares(facts.principal, facts.context)
            }
        }
    }

    fn speaks_of_action(&self, action: &str) -> bool {
        let listed =
            |actions: &[Vec<Unit>]| actions.iter().any(|units| fits(units, action, Case::Insensitive));
        match &self.actions {
            Scope::Only(actions) => listed(actions),
            Scope::AllBut(actions) => !listed(actions),
        }
    }

    fn speaks_of_resource(&self, facts: &Facts<'_>) -> bool {
        let listed =
            |resources: &[ArnPattern]| resources.iter().any(|own| own.fits(facts.resource, facts.context));
        match &self.resources {
            None => true,
            Some(Scope::Only(resources)) => listed(resources),
            Some(Scope::AllBut(resources)) => !listed(resources),
        }
    }
}
