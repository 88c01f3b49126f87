//! Which role each permission policy of a plan belongs to.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use serde_json::Value;

use super::references::{Configuration, Instances, referred};
use super::resource::Resource;
use crate::lint::document::{Document, DocumentKind, Holder, Missing};

/// Roles of one name; of more nobody can say which is meant.
const MAX_SAME_NAME: usize = 32;

/// The holders of the policies of a plan.
pub struct Holders<'p> {
    by_address: HashMap<&'p str, Holder>,
    elsewhere: HashMap<&'p str, Vec<Document>>,
}

impl<'p> Holders<'p> {
    pub fn of(resources: &[Resource<'p>], configuration: &Configuration<'p>) -> Self {
        let instances = Instances::of(resources, configuration);
        let mut by_name: HashMap<&'p str, Vec<usize>> = HashMap::new();
        let mut by_arn = HashMap::new();
        for (index, resource) in resources.iter().enumerate() {
            match resource.kind {
                "aws_iam_role" => {
                    if let Some(name) = resource.text("name") {
                        by_name.entry(name).or_default().push(index);
                    }
                }
                "aws_iam_policy" => by_arn.extend(resource.text("arn").map(|arn| (arn, index))),
                _ => {}
            }
        }
        // Shared: a policy that many roles hold has the address of each.
        let ids = resources.iter().map(|resource| Arc::from(resource.address)).collect();
        let plan = Plan { resources, configuration, instances, by_name, by_arn, ids };
        let mut attached = Attached::default();
        for (index, resource) in resources.iter().enumerate() {
            plan.read(index, resource, &mut attached);
        }
        let mut by_address = HashMap::new();
        for (index, memberships) in attached.policies {
            let address = resources.get(index).map(|policy| policy.address);
            by_address.extend(address.map(|address| (address, plan.holder(memberships))));
        }
        by_address.extend(attached.own);
        Self { by_address, elsewhere: attached.elsewhere }
    }

    /// Whose the policies in a resource are.
    pub fn holder(&self, resource: &Resource<'_>) -> Holder {
        match resource.kind {
            "aws_iam_role" => Holder::Roles(vec![Arc::from(resource.address)]),
            "aws_iam_user_policy" | "aws_iam_group_policy" => Holder::NoRole,
            _ => self.by_address.get(resource.address).cloned().unwrap_or_default(),
        }
    }

    /// The policies that a resource attaches to roles, and that are not in the plan.
    pub fn elsewhere(&mut self, resource: &Resource<'_>) -> Vec<Document> {
        self.elsewhere.remove(resource.address).unwrap_or_default()
    }
}

/// A role, as something in the plan names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Role<'p> {
    /// The number of an `aws_iam_role`.
    Planned(usize),
    /// The name of one that is not in the plan.
    Named(&'p str),
}

/// Who holds a managed policy.
#[derive(Default)]
struct Memberships<'p> {
    roles: BTreeSet<Role<'p>>,
    users: bool,
    /// Whether it may be attached to any role.
    open: bool,
}

#[derive(Default)]
struct Attached<'p> {
    /// By the number of the `aws_iam_policy`.
    policies: HashMap<usize, Memberships<'p>>,
    /// Of inline policies, by address.
    own: Vec<(&'p str, Holder)>,
    elsewhere: HashMap<&'p str, Vec<Document>>,
    /// What of that was said.
    seen: HashSet<(Vec<Role<'p>>, &'p str)>,
}

struct Plan<'r, 'p> {
    resources: &'r [Resource<'p>],
    configuration: &'r Configuration<'p>,
    instances: Instances<'p>,
    by_name: HashMap<&'p str, Vec<usize>>,
    by_arn: HashMap<&'p str, usize>,
    /// The addresses of all resources.
    ids: Vec<Arc<str>>,
}

impl<'p> Plan<'_, 'p> {
    /// What a resource says of who holds which policy.
    fn read(&self, index: usize, resource: &Resource<'p>, into: &mut Attached<'p>) {
        match resource.kind {
            "aws_iam_role_policy" => {
                if let Some(roles) = self.roles(resource, "role") {
                    into.own.push((resource.address, self.held_by(roles)));
                }
            }
            "aws_iam_role_policy_attachment" => {
                let roles = self.roles(resource, "role");
                self.attach(resource, "policy_arn", roles.as_deref(), into);
            }
            "aws_iam_role" if resource.has("managed_policy_arns") => {
                self.attach(resource, "managed_policy_arns", Some(&[Role::Planned(index)]), into);
            }
            "aws_iam_policy_attachment" => {
                if resource.has("users") || resource.has("groups") {
                    self.attach(resource, "policy_arn", Some(&[]), into);
                }
                if resource.has("roles") {
                    let roles = self.roles(resource, "roles");
                    self.attach(resource, "policy_arn", roles.as_deref(), into);
                }
            }
            "aws_iam_user_policy_attachment" | "aws_iam_group_policy_attachment" => {
                self.attach(resource, "policy_arn", Some(&[]), into);
            }
            _ => {}
        }
    }

    /// Attaches the policies that an argument names to roles; to users where there are none, to any where nobody
    /// knows which.
    fn attach(
        &self,
        resource: &Resource<'p>,
        argument: &str,
        roles: Option<&[Role<'p>]>,
        into: &mut Attached<'p>,
    ) {
        let (planned, elsewhere) = self.policies(resource, argument);
        for policy in planned {
            let own = into.policies.entry(policy).or_default();
            match roles {
                None => own.open = true,
                Some([]) => own.users = true,
                Some(roles) => own.roles.extend(roles),
            }
        }
        let Some(roles) = roles.filter(|roles| !roles.is_empty()) else { return };
        for arn in elsewhere {
            // A state says it twice: in the attachment, and in the role.
            if arn.is_none_or(|arn| into.seen.insert((roles.to_vec(), arn))) {
                let name = format!("{}.{argument}", resource.address);
                let missing = Missing::Elsewhere(arn.map(str::to_owned));
                let document = Document::missing(name, DocumentKind::Identity, missing);
                let document = document.held_by(self.held_by(roles.to_vec()));
                into.elsewhere.entry(resource.address).or_default().push(document);
            }
        }
    }

    /// The policies that an argument names: the numbers of those in the plan, and the ARNs of others; nothing for
    /// one of which nobody knows which it is.
    fn policies(&self, resource: &Resource<'p>, argument: &str) -> (BTreeSet<usize>, Vec<Option<&'p str>>) {
        let (mut arns, complete) = said(resource, argument);
        // INVARIANT: one list at a time, of roles or of policies; two would be a product.
        if argument == "policy_arn" {
            arns.truncate(1);
        }
        let mut planned = BTreeSet::new();
        let mut elsewhere = Vec::new();
        for arn in arns {
            match self.by_arn.get(arn) {
                Some(own) => drop(planned.insert(*own)),
                None => elsewhere.push(Some(arn)),
            }
        }
        if !complete {
            match self.referred(resource, argument, "aws_iam_policy") {
                Some(found) => planned.extend(found),
                None => elsewhere.push(None),
            }
        }
        (planned, elsewhere)
    }

    /// The roles that an argument names, each once. `None` where nobody knows.
    fn roles(&self, resource: &Resource<'p>, argument: &str) -> Option<Vec<Role<'p>>> {
        let (names, complete) = said(resource, argument);
        let mut roles = BTreeSet::new();
        for name in names {
            match self.by_name.get(name).map(Vec::as_slice) {
                None => drop(roles.insert(Role::Named(name))),
                Some([one]) => drop(roles.insert(Role::Planned(*one))),
                Some(many) => {
                    // Of several accounts: the expression may say of which.
                    let referred = self.referred(resource, argument, "aws_iam_role").unwrap_or_default();
                    let meant: Vec<usize> =
                        referred.into_iter().filter(|index| self.is_named(*index, name)).collect();
                    let meant = if meant.is_empty() { many } else { &meant };
                    if meant.len() > MAX_SAME_NAME {
                        return None;
                    }
                    roles.extend(meant.iter().copied().map(Role::Planned));
                }
            }
        }
        if !complete {
            roles.extend(self.referred(resource, argument, "aws_iam_role")?.into_iter().map(Role::Planned));
        }
        (!roles.is_empty()).then(|| roles.into_iter().collect())
    }

    fn referred(
        &self,
        resource: &Resource<'p>,
        argument: &str,
        kind: &'static str,
    ) -> Option<BTreeSet<usize>> {
        referred(resource, argument, kind, self.configuration, &self.instances)
    }

    fn is_named(&self, index: usize, name: &str) -> bool {
        self.resources.get(index).and_then(|role| role.text("name")) == Some(name)
    }

    fn holder(&self, memberships: Memberships<'p>) -> Holder {
        match (memberships.open, memberships.roles.is_empty()) {
            (false, false) => self.held_by(memberships.roles),
            (false, true) if memberships.users => Holder::NoRole,
            _ => Holder::Anybody,
        }
    }

    /// Roles by their addresses, and by name those that are not in the plan.
    fn held_by(&self, roles: impl IntoIterator<Item = Role<'p>>) -> Holder {
        let id = |role: Role<'p>| match role {
            Role::Planned(index) => self.ids.get(index).cloned(),
            Role::Named(name) => Some(Arc::from(name)),
        };
        Holder::Roles(roles.into_iter().filter_map(id).collect())
    }
}

/// The texts of an argument that is one or a list, and whether that is all of them.
fn said<'p>(resource: &Resource<'p>, argument: &str) -> (Vec<&'p str>, bool) {
    match resource.values.get(argument) {
        Some(Value::String(text)) => (vec![text.as_str()], true),
        Some(Value::Array(items)) => {
            let texts: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            let complete = texts.len() == items.len() && !resource.is_partly_unknown(argument);
            (texts, complete)
        }
        _ => (Vec::new(), false),
    }
}
