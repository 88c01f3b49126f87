//! One request with the policies that have a say in it, for our engine and for the simulator.

use std::collections::BTreeMap;

use firmhold_iam::{Decision, Policies, Policy, PolicyKind, Principal, Request, decide};
use serde_json::{Map, Value, json};

use crate::support;

#[derive(Debug, Clone)]
pub struct Case {
    pub principal: Principal,
    pub action: String,
    pub resource: String,
    pub owner: String,
    /// Strings, and lists of strings for keys of several values.
    pub context: Context,
    pub identity: Vec<Value>,
    /// The policy of the resource: a bucket's, a key's, or the trust policy of a role.
    pub resource_policy: Option<Value>,
    pub session: Option<Value>,
    pub boundary: Option<Value>,
    /// By level.
    pub service_control: Vec<Vec<Value>>,
    pub resource_control: Vec<Value>,
}

impl Case {
    pub fn assumes(&self) -> bool {
        matches!(self.action.to_ascii_lowercase().as_str(), "sts:assumerole" | "sts:tagsession")
    }

    pub fn request(&self) -> Request {
        Request {
            principal: self.principal.clone(),
            action: self.action.clone(),
            resource: self.resource.clone(),
            resource_account: Some(self.owner.clone()),
            context: support::context(&json!(self.context)),
        }
    }

    pub fn decide(&self) -> Decision {
        let parse = |kind, document: &Value| support::policy(kind, document);
        let all = |kind, documents: &[Value]| -> Vec<Policy> {
            documents.iter().map(|document| parse(kind, document)).collect()
        };
        let one = |kind, document: &Option<Value>| document.as_ref().map(|document| parse(kind, document));
        let identity = all(PolicyKind::Identity, &self.identity);
        let kind = if self.assumes() { PolicyKind::Trust } else { PolicyKind::Resource };
        let resource = one(kind, &self.resource_policy);
        let session = one(PolicyKind::Session, &self.session);
        let boundary = one(PolicyKind::Boundary, &self.boundary);
        let levels: Vec<Vec<Policy>> =
            self.service_control.iter().map(|level| all(PolicyKind::ServiceControl, level)).collect();
        let resource_control = all(PolicyKind::ResourceControl, &self.resource_control);
        let policies = Policies {
            identity: identity.iter().collect(),
            resource: resource.as_ref().filter(|_| !self.assumes()),
            trust: resource.as_ref().filter(|_| self.assumes()),
            boundary: boundary.as_ref(),
            session: session.as_ref(),
            service_control: levels.iter().map(|level| level.iter().collect()).collect(),
            resource_control: resource_control.iter().collect(),
            management_account: None,
        };
        decide(&self.request(), &policies)
    }

    /// What the script beside this test reads.
    pub fn for_simulator(&self) -> Value {
        let principal = match &self.principal {
            Principal::Anonymous => Value::Null,
            other => json!(other.to_string()),
        };
        json!({
            "principal": principal,
            "action": self.action,
            "resource": self.resource,
            "owner": self.owner,
            "context": self.context,
            "identity": self.identity,
            "resourcePolicy": self.resource_policy,
            "session": self.session,
            "boundary": self.boundary,
            "scps": self.service_control,
            "rcps": self.resource_control,
        })
    }

    /// Every document of the case.
    pub fn documents_mut(&mut self) -> impl Iterator<Item = &mut Value> {
        let one = [&mut self.resource_policy, &mut self.session, &mut self.boundary].into_iter().flatten();
        let control = self.service_control.iter_mut().flatten().chain(&mut self.resource_control);
        self.identity.iter_mut().chain(one).chain(control)
    }

    /// Changes every statement; one for which the answer is no is put out of action.
    pub fn each_statement(&mut self, change: impl Fn(&mut Map<String, Value>, &Context) -> bool) {
        let context = self.context.clone();
        for document in self.documents_mut() {
            for statement in document["Statement"].as_array_mut().into_iter().flatten() {
                let Some(members) = statement.as_object_mut() else { continue };
                if !change(members, &context) {
                    members.remove("NotAction");
                    members.insert("Action".to_owned(), json!("sqs:Nothing"));
                }
            }
        }
    }

    /// Looks at every condition (operator, key, values); a statement with one that never holds is put out of action.
    pub fn each_condition(&mut self, may_hold: impl Fn(&str, &str, &Value, &Context) -> bool) {
        self.each_statement(|statement, context| {
            let operators = statement.get("Condition").and_then(Value::as_object).into_iter().flatten();
            let mut all = operators.flat_map(|(operator, keys)| {
                keys.as_object().into_iter().flatten().map(move |(key, values)| (operator, key, values))
            });
            all.all(|(operator, key, values)| may_hold(operator, key, values, context))
        });
    }

    /// Changes every value of every condition (operator, key, value).
    pub fn each_value(&mut self, change: impl Fn(&str, &str, &mut String)) {
        self.each_statement(|statement, _| {
            let operators =
                statement.get_mut("Condition").and_then(Value::as_object_mut).into_iter().flatten();
            for (operator, keys) in operators {
                for (key, values) in keys.as_object_mut().into_iter().flatten() {
                    match values {
                        Value::String(value) => change(operator, key, value),
                        Value::Array(many) => {
                            for value in many {
                                if let Value::String(value) = value {
                                    change(operator, key, value);
                                }
                            }
                        }
                        _ => {}
                    }
                }
            }
            true
        });
    }
}

/// The keys of a request.
pub type Context = BTreeMap<String, Value>;
