//! Cases from a seed.

use std::collections::BTreeMap;

use firmhold_iam::{Principal, tables};
use serde_json::{Map, Value, json};

use super::case::Case;
use super::random::Random;
use super::vocabulary::{ACTIONS, DERIVED, KEYS, Key, OBJECT_KEYS, OWNER, PLATFORM, STRANGER, Works};
use crate::support;

/// So many cases, the same for the same seed.
pub fn cases(seed: u64, count: usize) -> Vec<Case> {
    let mut random = Random::of(seed);
    (0..count).map(|_| Maker::new(&mut random).case()).collect()
}

/// Which place in the world a document is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum For {
    Caller,
    Limit,
    Resource,
    Trust,
    ServiceControl,
    ResourceControl,
}

struct Maker<'r> {
    random: &'r mut Random,
    partition: &'static str,
    principal: Principal,
    action: &'static str,
    works: Works,
    resource: String,
    context: BTreeMap<String, Value>,
    /// Whether the document that is being made knows variables.
    variables: bool,
}

impl<'r> Maker<'r> {
    fn new(random: &'r mut Random) -> Self {
        let partition = *random.pick(&["aws", "aws", "aws", "aws", "aws-cn", "aws-us-gov"]);
        let (action, works) = *random.pick(&ACTIONS);
        let mut maker = Self {
            random,
            partition,
            principal: Principal::Anonymous,
            action,
            works,
            resource: String::new(),
            context: BTreeMap::new(),
            variables: true,
        };
        maker.principal = maker.caller();
        maker.resource = maker.resource();
        maker.context = maker.context();
        maker
    }

    fn arn(&self, rest: &str) -> String {
        format!("arn:{}:{rest}", self.partition)
    }

    fn caller(&mut self) -> Principal {
        let account = *self.random.pick(&[OWNER, OWNER, STRANGER, PLATFORM]);
        let session = *self.random.pick(&["s1", "s2"]);
        let arn = match self.random.below(20) {
            0 => return Principal::Anonymous,
            1 => return Principal::Service("cloudfront.amazonaws.com".to_owned()),
            2 => self.arn(&format!("iam::{account}:root")),
            3..=5 => self.arn(&format!("iam::{account}:user/alice")),
            6 => self.arn(&format!("iam::{account}:user/team/bob")),
            7 => self.arn(&format!("iam::{account}:role/R")),
            8..=16 => self.arn(&format!("sts::{account}:assumed-role/R/{session}")),
            _ => self.arn(&format!("sts::{account}:assumed-role/firmhold-platform/{session}")),
        };
        support::principal(&arn)
    }

    fn resource(&mut self) -> String {
        let bucket = *self.random.pick(&["acme-fw", "acme-fw", "acme-fw-other"]);
        match self.works {
            Works::Object => {
                let key = *self.random.pick(&OBJECT_KEYS);
                self.arn(&format!("s3:::{bucket}/{key}"))
            }
            Works::Bucket => self.arn(&format!("s3:::{bucket}")),
            Works::Key => {
                let key = *self.random.pick(&["k1", "k2"]);
                self.arn(&format!("kms:us-west-2:{OWNER}:key/{key}"))
            }
            Works::Role => self.arn(&format!("iam::{OWNER}:role/Backend")),
            Works::Nothing => "*".to_owned(),
        }
    }

    /// Keys that the action takes, each there or not, and those that follow from the caller.
    fn context(&mut self) -> BTreeMap<String, Value> {
        let entry = tables::action(self.action).expect("an action of the tables");
        let mut context = BTreeMap::new();
        for key in KEYS.iter().filter(|key| entry.takes(key.name)) {
            if self.random.percent(40) {
                context.insert(key.name.to_owned(), self.given(key));
            }
        }
        for (name, value) in self.keys_of_caller() {
            context.entry(name.to_owned()).or_insert_with(|| json!(value));
        }
        context
    }

    /// What AWS puts into the keys that follow from the caller, by its page and not by our engine: the simulator would
    /// else be told what it is to check
    /// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html>).
    fn keys_of_caller(&self) -> Vec<(&'static str, String)> {
        let text = str::to_owned;
        let mut keys = vec![("aws:ResourceAccount", text(OWNER))];
        let (kind, account, arn) = match &self.principal {
            Principal::Anonymous => {
                keys.push(("aws:userid", text("anonymous")));
                ("Anonymous", Some(text("anonymous")), None)
            }
            Principal::Service(name) => {
                keys.push(("aws:PrincipalServiceName", name.clone()));
                ("Service", None, None)
            }
            Principal::Root { account, .. } => {
                keys.push(("aws:userid", account.clone()));
                ("Account", Some(account.clone()), Some(format!("iam::{account}:root")))
            }
            Principal::User { account, path, name, .. } => {
                keys.push(("aws:username", name.clone()));
                ("User", Some(account.clone()), Some(format!("iam::{account}:user{path}{name}")))
            }
            Principal::Role { account, name, .. } | Principal::RoleSession { account, role: name, .. } => {
                ("AssumedRole", Some(account.clone()), Some(format!("iam::{account}:role/{name}")))
            }
            Principal::Federated(_) => unreachable!("no case has such a caller"),
        };
        keys.push(("aws:PrincipalType", text(kind)));
        keys.extend(account.map(|account| ("aws:PrincipalAccount", account)));
        keys.extend(arn.map(|arn| ("aws:PrincipalArn", self.arn(&arn))));
        if self.principal != Principal::Anonymous {
            let service = matches!(self.principal, Principal::Service(_));
            keys.push(("aws:PrincipalIsAWSService", service.to_string()));
        }
        keys
    }

    fn given(&mut self, key: &Key) -> Value {
        let values: Vec<String> = key.given.iter().map(|value| self.local(value)).collect();
        match key.multivalued() {
            true => json!(self.random.some(&values, 3)),
            false => json!(self.random.pick(&values)),
        }
    }

    /// The vocabulary is of one partition; a case may be of another.
    fn local(&self, text: &str) -> String {
        text.replace("arn:aws:", &format!("arn:{}:", self.partition))
    }

    fn case(mut self) -> Case {
        let anonymous = self.principal == Principal::Anonymous;
        let service = matches!(self.principal, Principal::Service(_));
        let session = matches!(self.principal, Principal::RoleSession { .. });
        let person = !anonymous && !service;
        // A root user can have none.
        let bounded = person && !matches!(self.principal, Principal::Root { .. });
        let identity =
            (0..if person { self.random.below(3) } else { 0 }).map(|_| self.document(For::Caller)).collect();
        let boundary = (bounded && self.random.percent(20)).then(|| self.document(For::Limit));
        let session = (session && self.random.percent(25)).then(|| self.document(For::Limit));
        let resource_policy = match self.works {
            Works::Role => Some(self.document(For::Trust)),
            Works::Key => Some(self.document(For::Resource)),
            Works::Nothing => None,
            _ => self.random.percent(65).then(|| self.document(For::Resource)),
        };
        let levels = if person && self.random.percent(25) { 1 + self.random.below(3) } else { 0 };
        let service_control = (0..levels).map(|_| self.level()).collect();
        let resource_control =
            if self.random.percent(20) { vec![self.document(For::ResourceControl)] } else { Vec::new() };
        let mut action = self.action.to_owned();
        if self.random.percent(5) {
            action = action.replace("Object", "oBJECT");
        }
        Case {
            principal: self.principal,
            action,
            resource: self.resource,
            owner: OWNER.to_owned(),
            context: self.context,
            identity,
            resource_policy,
            session,
            boundary,
            service_control,
            resource_control,
        }
    }

    /// What an organization attaches to one of its levels: mostly everything, and something that denies.
    fn level(&mut self) -> Vec<Value> {
        let full = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": "*", "Resource": "*" }] });
        match self.random.below(4) {
            0 => vec![full],
            1 => vec![self.document(For::ServiceControl)],
            _ => vec![full, self.document(For::ServiceControl)],
        }
    }

    fn document(&mut self, place: For) -> Value {
        let count = 1 + self.random.below(3);
        let version = match place {
            For::ServiceControl | For::ResourceControl => Some("2012-10-17"),
            _ => *self.random.pick(&[
                Some("2012-10-17"),
                Some("2012-10-17"),
                Some("2012-10-17"),
                Some("2012-10-17"),
                Some("2012-10-17"),
                Some("2012-10-17"),
                Some("2008-10-17"),
                None,
            ]),
        };
        self.variables = version == Some("2012-10-17");
        let statements: Vec<Value> = (0..count).map(|index| self.statement(place, index)).collect();
        let mut document = Map::new();
        if let Some(version) = version {
            document.insert("Version".to_owned(), json!(version));
        }
        document.insert("Statement".to_owned(), json!(statements));
        Value::Object(document)
    }

    fn statement(&mut self, place: For, index: usize) -> Value {
        let mut statement = Map::new();
        let denies = match place {
            For::ResourceControl => true,
            For::ServiceControl => self.random.percent(60),
            _ => self.random.percent(25),
        };
        if self.random.percent(40) {
            statement.insert("Sid".to_owned(), json!(format!("S{index}")));
        }
        statement.insert("Effect".to_owned(), json!(if denies { "Deny" } else { "Allow" }));
        match place {
            For::Resource | For::Trust => {
                let not = place == For::Resource && denies && self.random.percent(25);
                let element = if not { "NotPrincipal" } else { "Principal" };
                let principal = if not { self.not_principal() } else { self.principal_element() };
                statement.insert(element.to_owned(), principal);
            }
            For::ResourceControl => {
                statement.insert("Principal".to_owned(), json!("*"));
            }
            _ => {}
        }
        let not_action = !matches!(place, For::ResourceControl | For::Trust) && self.random.percent(12);
        let actions = self.actions(place, not_action);
        statement.insert(if not_action { "NotAction" } else { "Action" }.to_owned(), actions);
        if place != For::Trust {
            let not_resource = self.works != Works::Key && self.random.percent(12);
            let resources = self.resources(not_resource);
            statement.insert(if not_resource { "NotResource" } else { "Resource" }.to_owned(), resources);
        }
        let conditions = self.conditions();
        if !conditions.is_empty() {
            statement.insert("Condition".to_owned(), Value::Object(conditions));
        }
        Value::Object(statement)
    }

    fn actions(&mut self, place: For, not: bool) -> Value {
        let (service, name) = self.action.split_once(':').expect("service:Action");
        let stem: String = name.chars().take(if name.starts_with("Get") { 3 } else { 6 }).collect();
        let other = self.random.pick(&ACTIONS).0;
        let mut pool = vec![
            self.action.to_owned(),
            format!("{service}:*"),
            format!("{service}:{stem}*"),
            self.action.to_ascii_uppercase().replace(&service.to_ascii_uppercase(), service),
            other.to_owned(),
        ];
        if !not {
            pool.extend([self.action.to_owned(), format!("{service}:*")]);
        }
        if place == For::Trust {
            pool.retain(|action| action.starts_with("sts:"));
        } else if place != For::ResourceControl && !not {
            pool.push("*".to_owned());
        }
        self.one_or_some(pool, 2)
    }

    fn resources(&mut self, not: bool) -> Value {
        let mut pool = vec![self.resource.clone()];
        match self.works {
            Works::Nothing => pool.push(self.arn("s3:::acme-fw/*")),
            Works::Key => pool.extend([
                "*".to_owned(),
                self.arn(&format!("kms:*:{OWNER}:key/*")),
                self.arn(&format!("kms:us-west-2:{STRANGER}:key/*")),
            ]),
            Works::Role => pool.extend([
                self.arn("iam::*:role/*"),
                self.arn(&format!("iam::{OWNER}:role/Other")),
                self.arn(&format!("iam::{OWNER}:role/${{aws:PrincipalTag/team}}")),
            ]),
            Works::Object | Works::Bucket => pool.extend([
                self.arn("s3:::acme-fw"),
                self.arn("s3:::acme-fw/*"),
                self.arn("s3:::acme-fw*"),
                self.arn("s3:::acme-fw/firmhold/*"),
                self.arn("s3:::acme-??/firmhold/a.bin"),
                self.arn("s3:::acme-fw/home/${aws:username}/*"),
                self.arn("s3:::acme-fw/home/${aws:username, 'alice'}/*"),
                self.arn("s3:::acme-fw/firmhold/q${?}"),
                "arn:*:s3:::*/firmhold/*".to_owned(),
            ]),
        }
        if !not {
            pool.extend(["*".to_owned(), "*".to_owned(), self.resource.clone()]);
        } else {
            pool.retain(|resource| resource != "*");
            if pool.is_empty() {
                pool.push(self.arn("s3:::acme-fw/*"));
            }
        }
        self.one_or_some(pool, 2)
    }

    /// Names of the caller, of others, of everybody.
    fn principal_element(&mut self) -> Value {
        let own = self.own_names();
        let mut pool = vec![
            self.arn(&format!("iam::{STRANGER}:root")),
            self.arn(&format!("iam::{OWNER}:user/alice")),
            self.arn(&format!("iam::{OWNER}:role/R")),
            OWNER.to_owned(),
            "*".to_owned(),
        ];
        pool.extend(own.iter().cloned().chain(own.iter().cloned()).chain(own.iter().cloned()));
        match self.random.below(10) {
            0 => json!("*"),
            1 => json!({ "Service": *self.random.pick(&["cloudfront.amazonaws.com", "s3.amazonaws.com"]) }),
            2 => {
                let aws = self.one_or_some(pool, 2);
                json!({ "AWS": aws, "Service": "cloudfront.amazonaws.com" })
            }
            _ => {
                let aws = self.one_or_some(pool, 2);
                json!({ "AWS": aws })
            }
        }
    }

    fn not_principal(&mut self) -> Value {
        let mut pool = self.own_names();
        pool.push(self.arn(&format!("iam::{STRANGER}:role/Other")));
        if self.random.percent(50) {
            return json!({ "AWS": pool });
        }
        let aws = self.one_or_some(pool, 3);
        json!({ "AWS": aws })
    }

    /// The ARNs of the caller: its own, its role's, its account's.
    fn own_names(&self) -> Vec<String> {
        let principal = &self.principal;
        let account = principal.account().map(|account| self.arn(&format!("iam::{account}:root")));
        let mut names: Vec<String> =
            [principal.arn(), principal.role_arn(), account].into_iter().flatten().collect();
        names.dedup();
        names
    }

    fn conditions(&mut self) -> Map<String, Value> {
        let mut block: Map<String, Value> = Map::new();
        let count = *self.random.pick(&[0, 0, 0, 1, 1, 2]);
        for _ in 0..count {
            let key = if self.random.percent(30) { self.random.pick(&DERIVED) } else { self.known_key() };
            let (operator, values) = self.condition(key);
            let keys = block.entry(operator).or_insert_with(|| json!({}));
            let name = match self.random.below(10) {
                0 => key.name.to_ascii_lowercase(),
                _ => key.name.to_owned(),
            };
            let keys = keys.as_object_mut().expect("made as an object");
            if !keys.keys().any(|known| known.eq_ignore_ascii_case(&name)) {
                keys.insert(name, values);
            }
        }
        block
    }

    /// Mostly one that the action takes.
    fn known_key(&mut self) -> &'static Key {
        let entry = tables::action(self.action).expect("an action of the tables");
        let taken: Vec<&'static Key> = KEYS.iter().filter(|key| entry.takes(key.name)).collect();
        if self.random.percent(90) { taken[self.random.below(taken.len())] } else { self.random.pick(&KEYS) }
    }

    fn condition(&mut self, key: &Key) -> (String, Value) {
        if self.random.percent(10) {
            return ("Null".to_owned(), json!(*self.random.pick(&["true", "false"])));
        }
        let quantified = if key.multivalued() { 92 } else { 6 };
        let quantifier = match self.random.percent(quantified) {
            true => *self.random.pick(&["ForAllValues:", "ForAnyValue:"]),
            false => "",
        };
        let base = match self.random.below(30) {
            0 if key.name == "aws:UserAgent" => "BinaryEquals",
            _ => *self.random.pick(key.operators()),
        };
        let suffix = if self.random.percent(20) { "IfExists" } else { "" };
        let text =
            base.starts_with("String") || base.starts_with("Arn") || (base == "Bool" && self.variables);
        let mut pool: Vec<String> = key.given.iter().map(|value| self.local(value)).collect();
        if base == "BinaryEquals" {
            pool = vec!["QUJD".to_owned(), "REVG".to_owned()];
        } else {
            let more = key.compared.iter().filter(|value| text || !value.contains("${"));
            pool.extend(more.map(|value| self.local(value)));
        }
        if base.starts_with("Arn") {
            pool.retain(|value| value == "*" || value.starts_with("arn:"));
        }
        (format!("{quantifier}{base}{suffix}"), self.one_or_some(pool, 2))
    }

    fn one_or_some(&mut self, pool: Vec<String>, most: usize) -> Value {
        let mut chosen = self.random.some(&pool, most);
        chosen.dedup();
        match chosen.as_slice() {
            [one] if self.random.percent(70) => json!(one),
            many => json!(many),
        }
    }
}
