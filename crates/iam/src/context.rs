//! The request context: what a request says about itself, as condition keys and their values.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The value of a condition key in a request.
///
/// AWS tells single-valued keys from multivalued ones
/// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-single-vs-multi-valued-context-keys.html>);
/// the shape of the value says which of the two a key is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ContextValue {
    /// One value, e.g. `aws:SourceIp`.
    One(String),
    /// Any number of values, e.g. `aws:TagKeys`. An empty list counts as a key that is absent.
    Many(Vec<String>),
}

impl ContextValue {
    /// The values, one or many.
    pub fn values(&self) -> &[String] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        }
    }
}

impl From<&str> for ContextValue {
    fn from(value: &str) -> Self {
        Self::One(value.to_owned())
    }
}

impl From<String> for ContextValue {
    fn from(value: String) -> Self {
        Self::One(value)
    }
}

impl From<&String> for ContextValue {
    fn from(value: &String) -> Self {
        Self::One(value.clone())
    }
}

impl From<bool> for ContextValue {
    fn from(value: bool) -> Self {
        Self::One(value.to_string())
    }
}

impl From<i64> for ContextValue {
    fn from(value: i64) -> Self {
        Self::One(value.to_string())
    }
}

impl From<Vec<String>> for ContextValue {
    fn from(values: Vec<String>) -> Self {
        Self::Many(values)
    }
}

impl From<Vec<&str>> for ContextValue {
    fn from(values: Vec<&str>) -> Self {
        Self::Many(values.into_iter().map(str::to_owned).collect())
    }
}

/// The condition keys of a request. Names of keys are case-insensitive, as in AWS; values are not.
///
/// ```
/// use firmhold_iam::{Context, ContextValue};
///
/// let mut context = Context::new();
/// context.set("aws:SourceIp", "203.0.113.7").set("aws:TagKeys", vec!["team", "cost"]);
/// assert_eq!(context.get("AWS:sourceip"), Some(&ContextValue::One("203.0.113.7".to_owned())));
/// assert_eq!(context.get("aws:TagKeys").map(|keys| keys.values().len()), Some(2));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    /// By lower-case name.
    values: BTreeMap<String, ContextValue>,
}

impl Context {
    /// A context without keys.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a key; a value set before is replaced.
    pub fn set(&mut self, key: &str, value: impl Into<ContextValue>) -> &mut Self {
        self.values.insert(key.to_ascii_lowercase(), value.into());
        self
    }

    /// The value of a key. A multivalued key without values counts as absent.
    pub fn get(&self, key: &str) -> Option<&ContextValue> {
        let found = match self.values.get(key) {
            Some(value) => Some(value),
            None if key.bytes().any(|byte| byte.is_ascii_uppercase()) => {
                self.values.get(key.to_ascii_lowercase().as_str())
            }
            None => None,
        };
        found.filter(|value| !value.values().is_empty())
    }

    /// All keys (lower case) and their values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &ContextValue)> {
        self.values.iter().map(|(key, value)| (key.as_str(), value))
    }
}
