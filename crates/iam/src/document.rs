//! From the text of a document to its statements.

use crate::action::ActionPattern;
use crate::arn::ArnPattern;
use crate::condition::{Condition, Value};
use crate::decision::Place;
use crate::json::{self, Member, Node};
use crate::operator::{Operator, Test};
use crate::path::Path;
use crate::policy::{Effect, PolicyKind};
use crate::principals::{Named, Principals};
use crate::statement::{Scope, Statement};

/// What is wrong, and where.
#[derive(Debug)]
pub struct Fault {
    pub place: Place,
    pub message: String,
}

type Result<T> = std::result::Result<T, Fault>;

/// Reads the statements of a document.
pub fn read(text: &str, kind: PolicyKind) -> Result<Vec<Statement>> {
    let root = json::parse(text).map_err(|error| {
        let (line, column) = json::line_and_column(text, error.offset);
        Fault { place: Place { path: String::new(), line, column }, message: error.message }
    })?;
    let reader = Reader { text, kind, variables: false };
    reader.document(&root)
}

/// A value and the path that leads to it.
#[derive(Clone)]
struct At<'a> {
    path: Path<'a>,
    node: &'a Node,
}

impl<'a> At<'a> {
    fn member(&self, member: &'a Member) -> Self {
        Self { path: self.path.member(&member.name), node: &member.node }
    }

    fn item(&self, index: usize, node: &'a Node) -> Self {
        Self { path: self.path.item(index), node }
    }
}

struct Reader<'t> {
    text: &'t str,
    kind: PolicyKind,
    /// Whether the document's version knows policy variables.
    variables: bool,
}

impl Reader<'_> {
    fn place(&self, at: &At<'_>) -> Place {
        self.place_at(&at.path, at.node.offset)
    }

    fn place_at(&self, path: &Path<'_>, offset: usize) -> Place {
        let (line, column) = json::line_and_column(self.text, offset);
        Place { path: path.to_string(), line, column }
    }

    fn fault(&self, at: &At<'_>, message: impl Into<String>) -> Fault {
        Fault { place: self.place(at), message: message.into() }
    }

    fn members<'a>(&self, at: &At<'a>) -> Result<&'a [Member]> {
        match &at.node.value {
            json::Value::Object(members) => Ok(members),
            other => Err(self.fault(at, format!("an object is due, not {}", other.kind()))),
        }
    }

    fn unknown(&self, at: &At<'_>, member: &Member) -> Fault {
        let inner = at.member(member);
        Fault {
            place: self.place_at(&inner.path, member.offset),
            message: format!("{:?} is not an element of a policy", member.name),
        }
    }

    fn string<'a>(&self, at: &At<'a>) -> Result<&'a str> {
        match &at.node.value {
            json::Value::String(text) => Ok(text),
            other => Err(self.fault(at, format!("a string is due, not {}", other.kind()))),
        }
    }

    /// One value or a list of at least one.
    fn one_or_more<'a>(&self, at: &At<'a>) -> Result<Vec<At<'a>>> {
        match &at.node.value {
            json::Value::Array(items) if items.is_empty() => Err(self.fault(at, "the list is empty")),
            json::Value::Array(items) => {
                Ok(items.iter().enumerate().map(|(index, node)| at.item(index, node)).collect())
            }
            _ => Ok(vec![at.clone()]),
        }
    }

    fn document(mut self, root: &Node) -> Result<Vec<Statement>> {
        let at = At { path: Path::default(), node: root };
        let mut statements = None;
        let members = self.members(&at)?;
        // Before the statements, wherever it stands: it says whether they have variables.
        for member in members.iter().filter(|member| member.name == "Version") {
            let version = at.member(member);
            self.variables = match self.string(&version)? {
                "2012-10-17" => true,
                "2008-10-17" => false,
                other => return Err(self.fault(&version, format!("there is no version {other:?}"))),
            };
        }
        for member in members {
            let inner = at.member(member);
            match member.name.as_str() {
                "Version" => {}
                "Id" => drop(self.string(&inner)?),
                "Statement" => statements = Some(self.statements(&inner)?),
                _ => return Err(self.unknown(&at, member)),
            }
        }
        statements.ok_or_else(|| self.fault(&at, "there is no Statement"))
    }

    fn statements(&self, at: &At<'_>) -> Result<Vec<Statement>> {
        let mut statements: Vec<Statement> = Vec::new();
        for item in self.one_or_more(at)? {
            let statement = self.statement(&item)?;
            let twice = |other: &Statement| statement.sid.is_some() && other.sid == statement.sid;
            if self.kind != PolicyKind::Resource && statements.iter().any(twice) {
                return Err(self.fault(&item, "another statement has the same Sid"));
            }
            statements.push(statement);
        }
        Ok(statements)
    }

    fn statement(&self, at: &At<'_>) -> Result<Statement> {
        let mut sid = None;
        let mut effect = None;
        let mut principals = None;
        let mut actions = None;
        let mut resources = None;
        let mut conditions = Vec::new();
        for member in self.members(at)? {
            let inner = at.member(member);
            match member.name.as_str() {
                "Sid" => sid = self.sid(&inner)?,
                "Effect" => effect = Some(self.effect(&inner)?),
                "Principal" => self.once(&inner, &mut principals, Scope::Only(self.principals(&inner)?))?,
                "NotPrincipal" => {
                    self.once(&inner, &mut principals, Scope::AllBut(self.principals(&inner)?))?
                }
                "Action" => self.once(&inner, &mut actions, Scope::Only(self.actions(&inner)?))?,
                "NotAction" => self.once(&inner, &mut actions, Scope::AllBut(self.actions(&inner)?))?,
                "Resource" => self.once(&inner, &mut resources, Scope::Only(self.resources(&inner)?))?,
                "NotResource" => self.once(&inner, &mut resources, Scope::AllBut(self.resources(&inner)?))?,
                "Condition" => conditions = self.conditions(&inner)?,
                _ => return Err(self.unknown(at, member)),
            }
        }
        let statement = Statement {
            sid: sid.map(Into::into),
            effect: effect.ok_or_else(|| self.fault(at, "there is no Effect"))?,
            place: self.place(at).into(),
            principals,
            actions: actions.ok_or_else(|| self.fault(at, "there is neither Action nor NotAction"))?,
            resources,
            conditions,
        };
        self.check_kind(at, &statement)?;
        Ok(statement)
    }

    fn once<T>(&self, at: &At<'_>, slot: &mut Option<T>, value: T) -> Result<()> {
        match slot.replace(value) {
            None => Ok(()),
            Some(_) => Err(self.fault(at, "an element and its Not… exclude each other")),
        }
    }

    /// What a policy of this kind must have, and must not.
    fn check_kind(&self, at: &At<'_>, statement: &Statement) -> Result<()> {
        let about_principals =
            matches!(self.kind, PolicyKind::Resource | PolicyKind::Trust | PolicyKind::ResourceControl);
        match (&statement.principals, about_principals) {
            (None, true) => {
                return Err(self.fault(
                    at,
                    format!("{} policies say in every statement for which Principal", self.kind),
                ));
            }
            (Some(_), false) => {
                return Err(self.fault(at, format!("{} policies have no Principal", self.kind)));
            }
            // "You can't use the NotPrincipal element in an IAM identity-based policy nor in an IAM role trust policy"
            // (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_notprincipal.html).
            (Some(Scope::AllBut(_)), true) if self.kind == PolicyKind::Trust => {
                return Err(self.fault(at, "trust policies have no NotPrincipal"));
            }
            (Some(Scope::AllBut(_)), true) if statement.effect == Effect::Allow => {
                return Err(self.fault(at, "NotPrincipal goes with Deny only"));
            }
            _ => {}
        }
        match (&statement.resources, self.kind) {
            (Some(_), PolicyKind::Trust) => Err(self.fault(at, "trust policies have no Resource")),
            (None, PolicyKind::Trust) => self.check_unclear(at, statement),
            (None, _) => Err(self.fault(at, "there is neither Resource nor NotResource")),
            (Some(_), PolicyKind::ResourceControl) => self.check_resource_control(at, statement),
            (Some(_), _) => self.check_unclear(at, statement),
        }
    }

    /// "The effect of Allow is only supported for the RCPFullAWSAccess policy", the only principal is `*`, and
    /// `NotAction` is not supported
    /// (<https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_rcps_syntax.html>).
    fn check_resource_control(&self, at: &At<'_>, statement: &Statement) -> Result<()> {
        let everybody =
            matches!(&statement.principals, Some(Scope::Only(all)) if all.anybody && all.named.is_empty());
        if !everybody {
            return Err(self.fault(at, "the Principal of a resource control policy is \"*\""));
        }
        let Scope::Only(actions) = &statement.actions else {
            return Err(self.fault(at, "resource control policies have no NotAction"));
        };
        let full = actions.iter().all(|action| *action == ActionPattern::All)
            && matches!(&statement.resources, Some(Scope::Only(all)) if all.iter().all(|one| *one == ArnPattern::All))
            && statement.conditions.is_empty();
        match statement.effect {
            Effect::Allow if !full => Err(self.fault(at, "a resource control policy only denies")),
            _ => Ok(()),
        }
    }

    /// A wildcard inside a principal's ARN is plain text, so a Deny that has one denies nobody; AWS refuses to
    /// save it. Whose account a canonical user is we cannot tell, so a Deny of one would deny nobody either. In an
    /// Allow such names grant nothing, and are harmless.
    fn check_unclear(&self, at: &At<'_>, statement: &Statement) -> Result<()> {
        match (&statement.principals, statement.effect) {
            (Some(Scope::Only(principals)), Effect::Deny) if principals.unclear => {
                Err(self.fault(at, "a Deny names neither a canonical user nor an ARN with a wildcard"))
            }
            _ => Ok(()),
        }
    }

    fn sid(&self, at: &At<'_>) -> Result<Option<String>> {
        let sid = self.string(at)?;
        let plain = sid.bytes().all(|byte| byte.is_ascii_alphanumeric());
        // S3 takes any text (its own examples have spaces), IAM letters and digits.
        if self.kind != PolicyKind::Resource && !plain {
            return Err(self.fault(at, "a Sid has letters and digits only"));
        }
        Ok(Some(sid.to_owned()).filter(|sid| !sid.is_empty()))
    }

    fn effect(&self, at: &At<'_>) -> Result<Effect> {
        match self.string(at)? {
            "Allow" => Ok(Effect::Allow),
            "Deny" => Ok(Effect::Deny),
            other => Err(self.fault(at, format!("an Effect is Allow or Deny, not {other:?}"))),
        }
    }

    fn actions(&self, at: &At<'_>) -> Result<Vec<ActionPattern>> {
        self.one_or_more(at)?.iter().map(|item| self.action(item)).collect()
    }

    fn action(&self, at: &At<'_>) -> Result<ActionPattern> {
        let text = self.string(at)?;
        ActionPattern::parse(text)
            .ok_or_else(|| self.fault(at, format!("{text:?} is neither service:Action nor \"*\"")))
    }

    fn resources(&self, at: &At<'_>) -> Result<Vec<ArnPattern>> {
        let read = |item: &At<'_>| {
            let text = self.string(item)?;
            let pattern =
                ArnPattern::parse(text, self.variables).map_err(|message| self.fault(item, message))?;
            match pattern.has_variables_up_front() {
                true => Err(self.fault(item, "a variable stands after the fifth colon of an ARN only")),
                false => Ok(pattern),
            }
        };
        self.one_or_more(at)?.iter().map(read).collect()
    }

    fn principals(&self, at: &At<'_>) -> Result<Principals> {
        let mut principals = Principals::default();
        if let json::Value::String(text) = &at.node.value {
            if text != "*" {
                return Err(self.fault(at, format!("a Principal is \"*\" or an object, not {text:?}")));
            }
            principals.anybody = true;
            return Ok(principals);
        }
        let members = self.members(at)?;
        if members.is_empty() {
            return Err(self.fault(at, "the Principal names nobody"));
        }
        for member in members {
            let inner = at.member(member);
            for item in self.one_or_more(&inner)? {
                self.principal(member, at, &item, &mut principals)?;
            }
        }
        Ok(principals)
    }

    fn principal(&self, member: &Member, at: &At<'_>, item: &At<'_>, into: &mut Principals) -> Result<()> {
        let text = self.string(item)?;
        let named = match member.name.as_str() {
            "AWS" if text == "*" => {
                into.anybody = true;
                return Ok(());
            }
            "AWS" => {
                let named = Named::aws(text).map_err(|message| self.fault(item, message))?;
                into.unclear |= text.contains(['*', '?']);
                named
            }
            "Service" if is_host(text) => Named::Service(text.to_owned()),
            "Service" => {
                return Err(self.fault(item, format!("{text:?} is not a service like s3.amazonaws.com")));
            }
            "Federated" if !text.is_empty() && !text.contains(['*', '?']) => {
                Named::Federated(text.to_owned())
            }
            "CanonicalUser" if !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit()) => {
                into.unclear = true;
                Named::Nobody
            }
            "Federated" | "CanonicalUser" => return Err(self.fault(item, format!("{text:?} names nobody"))),
            _ => return Err(self.unknown(at, member)),
        };
        into.named.push(named);
        Ok(())
    }

    fn conditions(&self, at: &At<'_>) -> Result<Vec<Condition>> {
        let mut conditions = Vec::new();
        for member in self.members(at)? {
            let inner = at.member(member);
            let operator = Operator::parse(&member.name).ok_or_else(|| Fault {
                place: self.place_at(&inner.path, member.offset),
                message: format!("there is no condition operator {:?}", member.name),
            })?;
            let keys = self.members(&inner)?;
            if keys.is_empty() {
                return Err(self.fault(&inner, format!("{} has no key", member.name)));
            }
            for key in keys {
                conditions.push(self.condition(&member.name, operator, key, &inner)?);
            }
        }
        self.check_keys(at, &conditions)?;
        Ok(conditions)
    }

    fn condition(&self, name: &str, operator: Operator, key: &Member, at: &At<'_>) -> Result<Condition> {
        let inner = at.member(key);
        let place = self.place_at(&inner.path, key.offset);
        if key.name.trim().is_empty() || key.name.trim() != key.name {
            return Err(Fault { place, message: format!("{:?} is not a condition key", key.name) });
        }
        let values = self.one_or_more(&inner)?;
        let values = values.iter().map(|item| self.condition_value(operator.test, item));
        Ok(Condition {
            operator,
            label: format!("{name} {}", key.name).into(),
            key: key.name.to_ascii_lowercase(),
            values: values.collect::<Result<_>>()?,
            place: place.into(),
        })
    }

    /// Names of keys are case-insensitive, so two that differ in case only are one key twice.
    fn check_keys(&self, at: &At<'_>, conditions: &[Condition]) -> Result<()> {
        let mut seen = std::collections::HashSet::new();
        for condition in conditions {
            let operator = condition.label.split(' ').next().unwrap_or_default();
            if !seen.insert((operator, &condition.key)) {
                let message = format!("{} is there twice", condition.label);
                return Err(self.fault(at, message));
            }
        }
        Ok(())
    }

    fn condition_value(&self, test: Test, at: &At<'_>) -> Result<Value> {
        let text = match &at.node.value {
            json::Value::String(text) | json::Value::Number(text) => text.clone(),
            json::Value::Bool(value) => value.to_string(),
            other => return Err(self.fault(at, format!("a condition's value is not {}", other.kind()))),
        };
        Value::parse(test, &text, self.variables).map_err(|message| self.fault(at, message))
    }
}

fn is_host(text: &str) -> bool {
    text.contains('.') && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'-')
}
