//! One condition of a statement: an operator, a key, and the values that it may have.

use std::sync::Arc;

use crate::arn::{ArnPattern, Resource};
use crate::decision::Place;
use crate::facts::{Facts, Given};
use crate::operator::{Operator, Quantifier, Test};
use crate::pattern::{Case, Template, as_text, may_fit};
use crate::truth::Truth;
use crate::value::{Block, Decimal, boolean, date, is_base64};

/// A condition of a statement. All of a statement's have to be met.
#[derive(Debug, Clone)]
pub struct Condition {
    pub operator: Operator,
    /// `StringEquals sts:ExternalId`, as written.
    pub label: Arc<str>,
    /// In lower case.
    pub key: String,
    pub values: Vec<Value>,
    pub place: Arc<Place>,
}

/// A value of a policy, read for its operator.
#[derive(Debug, Clone)]
pub enum Value {
    Text(Template),
    Number(Decimal),
    Date(i64),
    Bool(bool),
    Block(Block),
    Arn(ArnPattern),
    /// Begins like an ARN and is none, for want of colons. AWS saves it, and it fits nothing.
    BrokenArn,
}

impl Value {
    /// Reads a value. `variables` as for [`Template::parse`].
    pub fn parse(test: Test, text: &str, variables: bool) -> Result<Self, String> {
        let template = |wildcards| Template::parse(text, wildcards, variables);
        match test {
            Test::StringEquals | Test::StringEqualsIgnoreCase => template(false).map(Self::Text),
            Test::StringLike => template(true).map(Self::Text),
            Test::Arn => match ArnPattern::parse(text, variables) {
                Ok(pattern) => Ok(Self::Arn(pattern)),
                Err(_) if text.starts_with("arn:") && template(true).is_ok() => Ok(Self::BrokenArn),
                Err(message) => Err(message),
            },
            // Of the operators that do not compare texts, `Bool` alone takes a variable.
            Test::Bool if variables && text.contains("${") => template(false).map(Self::Text),
            Test::Null => fixed(test, text).ok_or_else(|| format!("Null takes true or false, not {text:?}")),
            // AWS has variables in comparisons of strings, ARNs and booleans only
            // (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>).
            _ => fixed(test, text).ok_or_else(|| format!("{text:?} is not {}", expected(test))),
        }
    }

    /// Compares a value of the request with this one.
    ///
    /// A variable without a value is null: "there is no equal or like value", so an inverted operator holds
    /// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html>).
    fn compare(&self, test: Test, request: &str, facts: &Facts<'_>) -> Truth {
        match self {
            Self::Text(template) if test == Test::Bool => {
                let Some(own) = template.resolve(facts).map(|units| as_text(&units)) else {
                    return Truth::False;
                };
                match (boolean(&own), boolean(request)) {
                    (Some(own), Some(request)) => (own == request).into(),
                    _ => Truth::Unknown,
                }
            }
            Self::Text(template) => template.fits(request, case_of(test), facts).into(),
            Self::Arn(pattern) => pattern.fits(&Resource::of(request), facts).into(),
            Self::BrokenArn => Truth::Unknown,
            Self::Number(own) => match test {
                Test::Numeric(relation) => Decimal::parse(request).map(|it| relation.holds(&it, own)).into(),
                _ => Truth::Unknown,
            },
            Self::Date(own) => match test {
                Test::Date(relation) => date(request).map(|it| relation.holds(&it, own)).into(),
                _ => Truth::Unknown,
            },
            Self::Bool(own) => boolean(request).map(|it| it == *own).into(),
            Self::Block(own) => request.parse().ok().map(|it| own.holds(it)).into(),
        }
    }
}

fn case_of(test: Test) -> Case {
    match test {
        Test::StringEqualsIgnoreCase => Case::Insensitive,
        _ => Case::Sensitive,
    }
}

/// Reads a value without variables.
fn fixed(test: Test, text: &str) -> Option<Value> {
    match test {
        Test::Numeric(_) => Decimal::parse(text).map(Value::Number),
        Test::Date(_) => date(text).map(Value::Date),
        Test::Bool | Test::Null => boolean(text).map(Value::Bool),
        Test::IpAddress => Block::parse(text).map(Value::Block),
        Test::Binary if is_base64(text) => Template::parse(text, false, false).ok().map(Value::Text),
        _ => None,
    }
}

fn expected(test: Test) -> &'static str {
    match test {
        Test::Numeric(_) => "a number",
        Test::Date(_) => "a date like 2026-11-24T10:00:00Z",
        Test::Bool | Test::Null => "true or false",
        Test::IpAddress => "an address or a block like 203.0.113.0/24",
        Test::Binary => "base64",
        Test::Arn => "an ARN",
        Test::StringEquals | Test::StringEqualsIgnoreCase | Test::StringLike => "text",
    }
}

impl Condition {
    /// Whether the request meets it.
    pub fn holds(&self, facts: &Facts<'_>) -> Truth {
        let given = facts.get(&self.key);
        let Operator { test, negated, quantifier, if_exists } = self.operator;
        if test == Test::Null {
            let absent = given.is_none();
            return self
                .values
                .iter()
                .any(|value| matches!(value, Value::Bool(own) if *own == absent))
                .into();
        }
        let given = match given {
            // "A null data set, such as an empty string" is as good as no key to the two quantifiers.
            Some(values) if quantifier.is_some() && values.iter().all(str::is_empty) => None,
            given => given,
        };
        let Some(values) = given else {
            return match quantifier {
                // Before `IfExists`: "any of none" is false to AWS, with or without it.
                Some(Quantifier::ForAnyValue) => Truth::False,
                Some(Quantifier::ForAllValues) => Truth::True,
                None => (if_exists || negated).into(),
            };
        };
        let mut each = values.iter().map(|value| self.holds_for(value, facts));
        match quantifier {
            Some(Quantifier::ForAllValues) => Truth::all(each),
            Some(Quantifier::ForAnyValue) => Truth::any(each),
            // AWS asks for a set operator with such a key, and does not say what comes of a condition without one
            // (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html>).
            None if matches!(values, Given::Many(_)) => Truth::Unknown,
            None => each.next().unwrap_or(Truth::False),
        }
    }

    fn holds_for(&self, request: &str, facts: &Facts<'_>) -> Truth {
        let Operator { test, negated, .. } = self.operator;
        let found = Truth::any(self.values.iter().map(|value| value.compare(test, request, facts)));
        let found = if found == Truth::False && self.may_be_role(facts) { Truth::Unknown } else { found };
        if negated { found.not() } else { found }
    }

    /// Whether it compares the ARN of a role of which the path is not known, and one of its values has a path that
    /// it may be.
    fn may_be_role(&self, facts: &Facts<'_>) -> bool {
        let Some(role) = facts.role_around_path(&self.key) else { return false };
        let case = case_of(self.operator.test);
        self.values.iter().any(|value| match value {
            Value::Arn(pattern) => pattern.may_be_role(role, facts),
            Value::Text(template) => template.resolve(facts).is_some_and(|units| {
                let (partition, account, name) = role;
                let before = format!("arn:{partition}:iam::{account}:role/");
                may_fit(&units, &before, &format!("/{name}"), case)
            }),
            _ => false,
        })
    }
}
