//! A resource that a plan makes or keeps.

use serde_json::Value;

use super::MAX_DEPTH;
use super::address::Address;
use super::list;
use super::references::Configuration;
use super::unknown::{Unknown, is_filled_in, is_unknown};

pub struct Resource<'p> {
    pub address: &'p str,
    /// Its address taken apart, if it is one.
    pub location: Option<Address<'p>>,
    pub kind: &'p str,
    pub values: &'p Value,
    /// Its `after_unknown`.
    pub unknown: &'p Value,
    /// Its declaration.
    pub declared: Option<&'p Value>,
}

impl<'p> Resource<'p> {
    fn of(value: &'p Value, unknown: &Unknown<'p>, configuration: &Configuration<'p>) -> Option<Self> {
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        if text("mode") == Some("data") {
            return None;
        }
        let address = text("address")?;
        let location = Address::parse(address);
        Some(Self {
            address,
            kind: text("type")?,
            values: value.get("values")?,
            unknown: unknown.at(address),
            declared: location.as_ref().and_then(|location| configuration.declaration(location)),
            location,
        })
    }

    /// A text, if it is known and not empty.
    pub fn text(&self, argument: &str) -> Option<&'p str> {
        self.values.get(argument).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// The expression of an argument.
    pub fn expression(&self, argument: &str) -> Option<&'p Value> {
        self.declared?.get("expressions")?.get(argument)
    }

    /// Whether somebody writes the argument, and what it will be is not known yet.
    pub fn is_unknown(&self, argument: &str) -> bool {
        is_unknown(self.unknown.get(argument))
            && (!is_filled_in(self.kind, argument) || self.expression(argument).is_some())
    }

    /// Whether the argument has a value, known or not.
    pub fn has(&self, argument: &str) -> bool {
        let known = match self.values.get(argument) {
            None | Some(Value::Null) => false,
            Some(Value::Array(items)) => !items.is_empty(),
            Some(_) => true,
        };
        known || self.is_unknown(argument) || self.is_partly_unknown(argument)
    }

    /// Whether an item of a list or a set is not known yet. A set has such an item among the marks alone.
    pub fn is_partly_unknown(&self, argument: &str) -> bool {
        list(self.unknown.get(argument)).iter().any(|mark| is_unknown(Some(mark)))
    }
}

/// The resources of a module and of those below it, in the order of the plan.
pub fn resources<'p>(
    root: &'p Value,
    unknown: &Unknown<'p>,
    configuration: &Configuration<'p>,
) -> Vec<Resource<'p>> {
    let mut values = Vec::new();
    module(root, 0, &mut values);
    values.into_iter().filter_map(|value| Resource::of(value, unknown, configuration)).collect()
}

fn module<'p>(module_: &'p Value, depth: usize, into: &mut Vec<&'p Value>) {
    if depth > MAX_DEPTH {
        return;
    }
    into.extend(list(module_.get("resources")));
    for child in list(module_.get("child_modules")) {
        module(child, depth + 1, into);
    }
}
