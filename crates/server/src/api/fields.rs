//! Reading the fields of a body one by one, so that all wrong ones are reported together (API contract 1.2, 1.6).

use std::ops::RangeInclusive;

use firmhold_core::{Digest, FieldErrors, Prn, PrnKind, Problem, text};
use serde::Serialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// Levels that custom metadata may be nested. Bodies are read to a depth of 128, and what is told of them (events, jobs,
/// manifests) wraps them in further levels and has to be readable, too.
const METADATA_DEPTH: usize = 64;
/// Longest list of PRNs.
const MOST_PRNS: usize = 256;

/// The fields of a create or a PATCH. On create `null` means absent; in PATCH it clears a nullable field and is wrong
/// for any other.
#[derive(Debug)]
pub struct Fields {
    object: Map<String, Value>,
    patch: bool,
    /// What is wrong so far.
    pub errors: FieldErrors,
}

/// A field's value, or what is wrong with it.
pub type Read<T> = Result<T, String>;

impl Fields {
    /// Of a body that creates.
    pub fn create(object: Map<String, Value>) -> Self {
        Self { object, patch: false, errors: FieldErrors::new() }
    }

    /// Of a body that changes.
    pub fn patch(object: Map<String, Value>) -> Self {
        Self { object, patch: true, errors: FieldErrors::new() }
    }

    /// A field that is never null. A create needs it, a PATCH may leave it out.
    pub fn required<T>(&mut self, name: &str, read: impl FnOnce(&Value) -> Read<T>) -> Option<T> {
        match self.object.get(name) {
            None if self.patch => None,
            None => {
                self.errors.add(name, "is missing");
                None
            }
            Some(Value::Null) => {
                self.errors.add(name, if self.patch { "must not be null" } else { "is missing" });
                None
            }
            Some(_) => self.read(name, read),
        }
    }

    /// A field that is never null and has a default.
    pub fn defaulted<T>(&mut self, name: &str, read: impl FnOnce(&Value) -> Read<T>) -> Option<T> {
        match self.object.get(name) {
            None => None,
            Some(Value::Null) if self.patch => {
                self.errors.add(name, "must not be null");
                None
            }
            Some(Value::Null) => None,
            Some(_) => self.read(name, read),
        }
    }

    /// A nullable field: nothing if it is absent, nothing inside if it is to be null.
    pub fn nullable<T>(&mut self, name: &str, read: impl FnOnce(&Value) -> Read<T>) -> Option<Option<T>> {
        match self.object.get(name) {
            None => None,
            Some(Value::Null) => Some(None),
            Some(_) => self.read(name, read).map(Some),
        }
    }

    /// Fails with all that is wrong.
    ///
    /// # Errors
    /// [`firmhold_core::Code::InvalidFields`].
    pub fn finish(self) -> Result<(), Problem> {
        self.errors.into_result()
    }

    fn read<T>(&mut self, name: &str, read: impl FnOnce(&Value) -> Read<T>) -> Option<T> {
        let value = self.object.get(name)?;
        match read(value) {
            Ok(value) => Some(value),
            Err(wrong) => {
                self.errors.add(name, wrong);
                None
            }
        }
    }
}

/// The value of a field that [`Fields::finish`] has passed.
///
/// # Errors
/// [`firmhold_core::Code::Internal`]: a fault of ours.
pub fn given<T>(value: Option<T>) -> Result<T, Problem> {
    value.ok_or_else(|| Problem::internal("a field that passed its check is absent"))
}

/// A text with a length in characters, without control characters.
pub fn text(limit: RangeInclusive<usize>) -> impl FnOnce(&Value) -> Read<String> {
    move |value| {
        let text = string(value)?;
        let mut errors = FieldErrors::new();
        text::check(&mut errors, "", text, limit);
        match errors.0.into_values().next() {
            Some(wrong) => Err(wrong.join("; ")),
            None => Ok(text.to_owned()),
        }
    }
}

/// An object of at most 1,000,000 bytes of JSON, nested at most [`METADATA_DEPTH`] levels deep.
///
/// # Errors
/// What is wrong.
pub fn metadata(value: &Value) -> Read<Value> {
    let mut errors = FieldErrors::new();
    text::check_custom_metadata(&mut errors, "", value);
    if depth(value) > METADATA_DEPTH {
        errors.add("", format!("must be nested at most {METADATA_DEPTH} levels deep"));
    }
    match errors.0.into_values().next() {
        Some(wrong) => Err(wrong.join("; ")),
        None => Ok(value.clone()),
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// Any text.
///
/// # Errors
/// What is wrong.
pub fn string(value: &Value) -> Read<&str> {
    value.as_str().ok_or_else(|| "must be a string".to_owned())
}

/// A boolean.
///
/// # Errors
/// What is wrong.
pub fn boolean(value: &Value) -> Read<bool> {
    value.as_bool().ok_or_else(|| "must be true or false".to_owned())
}

/// A whole number.
pub fn integer(limit: RangeInclusive<u64>) -> impl FnOnce(&Value) -> Read<u64> {
    move |value| match value.as_u64() {
        Some(number) if limit.contains(&number) => Ok(number),
        _ => Err(format!("must be a whole number from {} to {}", limit.start(), limit.end())),
    }
}

/// A SHA-256 in lower hex.
///
/// # Errors
/// What is wrong.
pub fn digest(value: &Value) -> Read<Digest> {
    string(value)?.parse().map_err(|_| "must be a SHA-256 as 64 lower-case hex digits".to_owned())
}

/// A client-chosen id.
///
/// # Errors
/// What is wrong.
pub fn id(value: &Value) -> Read<Uuid> {
    let text = string(value)?;
    let id = Uuid::parse_str(text).ok().filter(|_| text.len() == 36);
    id.filter(|id| !id.is_nil()).ok_or_else(|| "must be a hyphenated UUID other than nil".to_owned())
}

/// The PRN of a `kind` of the organization. Whether it exists is for the caller to find out: a foreign one and an
/// unknown one get the same text.
pub fn prn(kind: PrnKind, organization: Uuid) -> impl FnOnce(&Value) -> Read<Uuid> {
    move |value| {
        let prn: Option<Prn> = string(value)?.parse().ok();
        prn.filter(|prn| prn.kind == kind && prn.organization == organization)
            .map(|prn| prn.id)
            .ok_or_else(|| unknown(kind))
    }
}

/// A list of such PRNs, at most [`MOST_PRNS`]; one that is named twice counts once.
pub fn prns(kind: PrnKind, organization: Uuid) -> impl FnOnce(&Value) -> Read<Vec<Uuid>> {
    move |value| {
        let items = value.as_array().filter(|items| items.len() <= MOST_PRNS);
        let items = items.ok_or_else(|| format!("must be a list of at most {MOST_PRNS} PRNs"))?;
        let mut ids = Vec::with_capacity(items.len());
        for item in items {
            let id = prn(kind, organization)(item)?;
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        Ok(ids)
    }
}

/// What is wrong with a PRN of nothing.
pub fn unknown(kind: PrnKind) -> String {
    format!("names no {kind} of this organization")
}

/// What a PATCH really changed, for the event: PATCH with current values changes nothing (API contract 1.8).
#[derive(Debug, Default)]
pub struct Changes(Map<String, Value>);

impl Changes {
    /// Sets `current` to `new`, if one is given and it differs.
    pub fn set<T: PartialEq + Serialize>(&mut self, name: &str, current: &mut T, new: Option<T>) {
        let Some(new) = new.filter(|new| new != current) else { return };
        let old = std::mem::replace(current, new);
        self.0.insert(name.to_owned(), json!({ "old": old, "new": *current }));
    }

    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// For [`crate::events::record`].
    pub fn into_data(self) -> Value {
        Value::Object(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn all_wrong_fields_are_reported() {
        let mut fields =
            Fields::create(object(json!({"size": 0, "hash": "AA", "pinned": 1, "target": null})));
        assert_eq!(fields.required("size", integer(1..=9)), None);
        assert_eq!(fields.required("hash", digest), None);
        assert_eq!(fields.defaulted("pinned", boolean), None);
        assert_eq!(fields.required("target", text(1..=3)), None);
        assert_eq!(fields.nullable("description", text(1..=3)), None);
        insta::assert_json_snapshot!(fields.errors, @r#"
        {
          "hash": [
            "must be a SHA-256 as 64 lower-case hex digits"
          ],
          "pinned": [
            "must be true or false"
          ],
          "size": [
            "must be a whole number from 1 to 9"
          ],
          "target": [
            "is missing"
          ]
        }
        "#);
    }

    #[test]
    fn null_clears_what_may_be_null() {
        let mut fields = Fields::patch(object(json!({"description": null, "target": null})));
        assert_eq!(fields.nullable("description", text(1..=3)), Some(None));
        assert_eq!(fields.nullable("custom_metadata", metadata), None);
        assert_eq!(fields.required("hash", digest), None);
        assert!(fields.errors.is_empty());
        assert_eq!(fields.required("target", text(1..=3)), None);
        assert!(fields.finish().is_err());
    }
}
