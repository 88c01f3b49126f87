//! The query protocol of STS and IAM: a form in, XML out.

use std::collections::BTreeMap;

use bytes::Bytes;
use firmhold_iam::ContextValue;
use http::{HeaderValue, Response};
use serde_json::Value;

use crate::aws_error::AwsError;
use crate::service::Service;
use crate::xml::Xml;

/// The parameters of a call.
pub(crate) struct Params(BTreeMap<String, String>);

impl Params {
    /// From the query and the body of a request.
    pub(crate) fn read(query: Option<&str>, body: &[u8]) -> Self {
        let form = |text| url::form_urlencoded::parse(text).into_owned();
        Self(form(query.unwrap_or_default().as_bytes()).chain(form(body)).collect())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// `Action`, empty if there is none.
    pub(crate) fn action(&self) -> &str {
        self.get("Action").unwrap_or_default()
    }

    /// The refusal of an action that the service does not have.
    pub(crate) fn unknown_action(&self) -> AwsError {
        let version = self.get("Version").unwrap_or("NO_VERSION_SPECIFIED");
        let message = format!("Could not find operation {} for version {version}", self.action());
        AwsError::new(400, "InvalidAction", message)
    }

    /// A parameter that must be there and not empty.
    pub(crate) fn required(&self, name: &str) -> Result<&str, AwsError> {
        self.get(name).filter(|value| !value.is_empty()).ok_or_else(|| {
            validation(format!(
                "1 validation error detected: Value null at '{}' failed to satisfy constraint: Member must not be null",
                member_name(name)
            ))
        })
    }

    /// A parameter whose length and characters are checked, as AWS's models say them.
    pub(crate) fn checked<'a>(
        &'a self,
        name: &str,
        length: std::ops::RangeInclusive<usize>,
        pattern: &str,
        allowed: impl Fn(char) -> bool,
    ) -> Result<Option<&'a str>, AwsError> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let refused = |constraint: String| {
            validation(format!(
                "1 validation error detected: Value '{value}' at '{}' failed to satisfy constraint: {constraint}",
                member_name(name)
            ))
        };
        let count = value.chars().count();
        if count < *length.start() {
            return Err(refused(format!(
                "Member must have length greater than or equal to {}",
                length.start()
            )));
        }
        if count > *length.end() {
            return Err(refused(format!("Member must have length less than or equal to {}", length.end())));
        }
        if !value.chars().all(allowed) {
            return Err(refused(format!("Member must satisfy regular expression pattern: {pattern}")));
        }
        Ok(Some(value))
    }

    /// A number.
    pub(crate) fn number(&self, name: &str) -> Result<Option<u32>, AwsError> {
        match self.get(name).map(str::parse) {
            None => Ok(None),
            Some(Ok(number)) => Ok(Some(number)),
            Some(Err(_)) => Err(validation(format!("'{name}' is not a number"))),
        }
    }

    /// `Tags.member.N.Key` and `.Value`.
    pub(crate) fn tags(&self) -> Result<BTreeMap<String, String>, AwsError> {
        const MOST: usize = 50;
        let mut tags = BTreeMap::new();
        for number in 1.. {
            let Some(key) = self.get(&format!("Tags.member.{number}.Key")) else {
                break;
            };
            let value = self.get(&format!("Tags.member.{number}.Value")).unwrap_or_default();
            if key.is_empty() || key.chars().count() > 128 || value.chars().count() > 256 || number > MOST {
                return Err(validation("1 validation error detected: invalid value at 'tags'".to_owned()));
            }
            tags.insert(key.to_owned(), value.to_owned());
        }
        Ok(tags)
    }

    /// `PREFIX.entry.N.key` and `.value`.
    pub(crate) fn entries(&self, prefix: &str) -> BTreeMap<String, String> {
        let part = |number: u32, part: &str| self.get(&format!("{prefix}.entry.{number}.{part}"));
        let pairs =
            (1..).map_while(|number| Some((part(number, "key")?, part(number, "value").unwrap_or_default())));
        pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    }

    /// The plain parameters of a call: neither its name nor lists.
    pub(crate) fn plain(&self) -> Value {
        let told =
            self.0.iter().filter(|(name, _)| !name.contains('.') && *name != "Action" && *name != "Version");
        Value::Object(told.map(|(name, value)| (name.clone(), value.clone().into())).collect())
    }

    /// `PREFIX.member.N`
    pub(crate) fn members<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        (1..).map_while(move |number: u32| self.get(&format!("{prefix}.member.{number}")))
    }
}

/// The tags that a call brings, as condition keys.
pub(crate) fn tag_keys(tags: &BTreeMap<String, String>) -> Vec<(String, ContextValue)> {
    if tags.is_empty() {
        return Vec::new();
    }
    let names: Vec<String> = tags.keys().cloned().collect();
    let values = tags.iter().map(|(key, value)| (format!("aws:RequestTag/{key}"), value.into()));
    std::iter::once(("aws:TagKeys".to_owned(), names.into())).chain(values).collect()
}

/// `RoleSessionName` as AWS's messages write it: `roleSessionName`.
fn member_name(parameter: &str) -> String {
    let mut chars = parameter.chars();
    chars.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(chars).collect()
}

pub(crate) fn validation(message: String) -> AwsError {
    AwsError::new(400, "ValidationError", message)
}

pub(crate) fn internal_failure() -> AwsError {
    AwsError::new(500, "InternalFailure", "The request processing has failed because of an unknown error.")
}

/// What every name of IAM is made of: `[\w+=,.@-]`.
pub(crate) fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_+=,.@-".contains(c)
}

/// The answer to `action`; `write` fills its result element.
pub(crate) fn respond(
    service: Service,
    action: &str,
    request_id: &str,
    write: Option<impl FnOnce(&mut Xml)>,
) -> Response<Bytes> {
    let (response, result) = (format!("{action}Response"), format!("{action}Result"));
    let mut xml = Xml::bare();
    xml.open_in(&response, service.namespace());
    if let Some(write) = write {
        xml.open(&result);
        write(&mut xml);
        xml.close(&result);
    }
    xml.open("ResponseMetadata").text("RequestId", request_id).close("ResponseMetadata").close(&response);
    let mut answer = Response::new(xml.into_bytes());
    answer.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static("text/xml"));
    answer
}
