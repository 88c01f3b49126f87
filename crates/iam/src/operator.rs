//! Condition operators
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html>).

/// How a value of the request is compared with one of the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Test {
    StringEquals,
    StringEqualsIgnoreCase,
    StringLike,
    Numeric(Relation),
    Date(Relation),
    Bool,
    Binary,
    IpAddress,
    /// `ArnEquals` and `ArnLike` do the same.
    Arn,
    Null,
}

/// How the value of the request stands to that of the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    Equals,
    LessThan,
    LessThanEquals,
    GreaterThan,
    GreaterThanEquals,
}

/// How the values of a multivalued key are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantifier {
    /// `ForAllValues:`
    ForAllValues,
    /// `ForAnyValue:`
    ForAnyValue,
}

/// An operator with all that goes with its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operator {
    pub test: Test,
    /// `…Not…`
    pub negated: bool,
    pub quantifier: Option<Quantifier>,
    /// `…IfExists`
    pub if_exists: bool,
}

impl Operator {
    /// Reads a name; `None` if there is no such operator.
    pub fn parse(name: &str) -> Option<Self> {
        let (quantifier, rest) = match name.split_once(':') {
            Some(("ForAllValues", rest)) => (Some(Quantifier::ForAllValues), rest),
            Some(("ForAnyValue", rest)) => (Some(Quantifier::ForAnyValue), rest),
            Some(_) => return None,
            None => (None, name),
        };
        let (base, if_exists) = match rest.strip_suffix("IfExists") {
            Some(base) => (base, true),
            None => (rest, false),
        };
        let (test, negated) = base_operator(base)?;
        // Whether the key is there is all that `Null` asks, so it takes neither prefix nor suffix.
        if test == Test::Null && (quantifier.is_some() || if_exists) {
            return None;
        }
        Some(Self { test, negated, quantifier, if_exists })
    }
}

fn base_operator(name: &str) -> Option<(Test, bool)> {
    Some(match name {
        "StringEquals" => (Test::StringEquals, false),
        "StringNotEquals" => (Test::StringEquals, true),
        "StringEqualsIgnoreCase" => (Test::StringEqualsIgnoreCase, false),
        "StringNotEqualsIgnoreCase" => (Test::StringEqualsIgnoreCase, true),
        "StringLike" => (Test::StringLike, false),
        "StringNotLike" => (Test::StringLike, true),
        "NumericEquals" => (Test::Numeric(Relation::Equals), false),
        "NumericNotEquals" => (Test::Numeric(Relation::Equals), true),
        "NumericLessThan" => (Test::Numeric(Relation::LessThan), false),
        "NumericLessThanEquals" => (Test::Numeric(Relation::LessThanEquals), false),
        "NumericGreaterThan" => (Test::Numeric(Relation::GreaterThan), false),
        "NumericGreaterThanEquals" => (Test::Numeric(Relation::GreaterThanEquals), false),
        "DateEquals" => (Test::Date(Relation::Equals), false),
        "DateNotEquals" => (Test::Date(Relation::Equals), true),
        "DateLessThan" => (Test::Date(Relation::LessThan), false),
        "DateLessThanEquals" => (Test::Date(Relation::LessThanEquals), false),
        "DateGreaterThan" => (Test::Date(Relation::GreaterThan), false),
        "DateGreaterThanEquals" => (Test::Date(Relation::GreaterThanEquals), false),
        "Bool" => (Test::Bool, false),
        "BinaryEquals" => (Test::Binary, false),
        "IpAddress" => (Test::IpAddress, false),
        "NotIpAddress" => (Test::IpAddress, true),
        "ArnEquals" | "ArnLike" => (Test::Arn, false),
        "ArnNotEquals" | "ArnNotLike" => (Test::Arn, true),
        "Null" => (Test::Null, false),
        _ => return None,
    })
}

impl Relation {
    pub fn holds<T: PartialOrd>(self, request: &T, policy: &T) -> bool {
        match self {
            Self::Equals => request == policy,
            Self::LessThan => request < policy,
            Self::LessThanEquals => request <= policy,
            Self::GreaterThan => request > policy,
            Self::GreaterThanEquals => request >= policy,
        }
    }
}
