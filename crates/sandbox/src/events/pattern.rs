//! Event patterns (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html>).

use serde_json::{Map, Value};

/// Bytes of a pattern.
const MAX_PATTERN: usize = 4096;

/// What an event has to look like.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pattern(Vec<Field>);

/// All fields have to fit.
#[derive(Debug, Clone, PartialEq)]
enum Field {
    Inside(String, Vec<Field>),
    /// One of the tests has to hold for the value, or for one of its values.
    Value(String, Vec<Test>),
    /// One of these has to fit.
    AnyOf(Vec<Vec<Field>>),
}

#[derive(Debug, Clone, PartialEq)]
enum Test {
    Equals(Value),
    EqualsIgnoreCase(String),
    Prefix(String),
    Suffix(String),
    Wildcard(String),
    Exists(bool),
    AnythingBut(Vec<Test>),
    Numeric(Vec<(Comparison, f64)>),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Pattern {
    /// Reads a pattern; the error is what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.len() > MAX_PATTERN {
            return Err(format!("The pattern is longer than {MAX_PATTERN} bytes"));
        }
        match serde_json::from_str(text) {
            Ok(Value::Object(map)) if map.is_empty() => Err("Filter is empty".to_owned()),
            Ok(Value::Object(map)) => Ok(Self(fields(&map)?)),
            Ok(_) => Err("Filter is not an object".to_owned()),
            Err(error) => Err(format!("Filter is not a JSON object: {error}")),
        }
    }

    pub(super) fn fits(&self, event: &Value) -> bool {
        self.0.iter().all(|field| field.fits(Some(event)))
    }
}

fn fields(map: &Map<String, Value>) -> Result<Vec<Field>, String> {
    map.iter().map(|(name, value)| field(name, value)).collect()
}

fn field(name: &str, value: &Value) -> Result<Field, String> {
    match value {
        Value::Array(branches) if name == "$or" => {
            let branch = |branch: &Value| match branch {
                Value::Object(map) if !map.is_empty() => fields(map),
                _ => Err("$or takes a list of objects".to_owned()),
            };
            Ok(Field::AnyOf(branches.iter().map(branch).collect::<Result<_, _>>()?))
        }
        Value::Object(map) if map.is_empty() => Err(format!("Empty objects are not allowed: \"{name}\"")),
        Value::Object(map) => Ok(Field::Inside(name.to_owned(), fields(map)?)),
        Value::Array(tests) if tests.is_empty() => Err(format!("Empty arrays are not allowed: \"{name}\"")),
        Value::Array(tests) => {
            Ok(Field::Value(name.to_owned(), tests.iter().map(test).collect::<Result<_, _>>()?))
        }
        _ => Err(format!("\"{name}\" must be an object or an array")),
    }
}

fn test(value: &Value) -> Result<Test, String> {
    match value {
        Value::Object(map) => match map.iter().collect::<Vec<_>>().as_slice() {
            [(name, value)] => named_test(name, value),
            _ => Err("Only one key allowed in match expression".to_owned()),
        },
        Value::Array(_) => Err("Match value must be String, number, true, false, or null".to_owned()),
        plain => Ok(Test::Equals(plain.clone())),
    }
}

fn named_test(name: &str, value: &Value) -> Result<Test, String> {
    let text =
        || value.as_str().map(str::to_owned).ok_or_else(|| format!("{name} match pattern must be a string"));
    match name {
        "prefix" => text().map(Test::Prefix),
        "suffix" => text().map(Test::Suffix),
        "equals-ignore-case" => text().map(Test::EqualsIgnoreCase),
        "wildcard" => text().map(Test::Wildcard),
        "exists" => value
            .as_bool()
            .map(Test::Exists)
            .ok_or_else(|| "exists match pattern must be either true or false".to_owned()),
        "anything-but" => match value {
            Value::Array(values) if !values.is_empty() => {
                Ok(Test::AnythingBut(values.iter().map(test).collect::<Result<_, _>>()?))
            }
            Value::Array(_) => Err("Empty arrays are not allowed".to_owned()),
            one => Ok(Test::AnythingBut(vec![test(one)?])),
        },
        "numeric" => numeric(value).map(Test::Numeric),
        other => Err(format!("Unrecognized match type {other}")),
    }
}

fn numeric(value: &Value) -> Result<Vec<(Comparison, f64)>, String> {
    let wrong = || "numeric takes pairs of a comparison and a number".to_owned();
    let items =
        value.as_array().filter(|items| !items.is_empty() && items.len() % 2 == 0).ok_or_else(wrong)?;
    items
        .chunks(2)
        .map(|pair| {
            let [comparison, number] = pair else { return Err(wrong()) };
            let comparison = match comparison.as_str() {
                Some("=") => Comparison::Equal,
                Some("<") => Comparison::Less,
                Some("<=") => Comparison::LessOrEqual,
                Some(">") => Comparison::Greater,
                Some(">=") => Comparison::GreaterOrEqual,
                _ => return Err(wrong()),
            };
            Ok((comparison, number.as_f64().ok_or_else(wrong)?))
        })
        .collect()
}

impl Field {
    fn fits(&self, event: Option<&Value>) -> bool {
        match self {
            Self::AnyOf(branches) => {
                branches.iter().any(|fields| fields.iter().all(|field| field.fits(event)))
            }
            Self::Inside(name, fields) => {
                let inner = event.and_then(|event| event.get(name));
                match inner {
                    // One of the objects of a list has to fit as a whole.
                    Some(Value::Array(items)) => {
                        items.iter().any(|item| fields.iter().all(|field| field.fits(Some(item))))
                    }
                    inner => fields.iter().all(|field| field.fits(inner)),
                }
            }
            Self::Value(name, tests) => {
                let value = event.and_then(|event| event.get(name));
                tests.iter().any(|test| test.holds(value))
            }
        }
    }
}

impl Test {
    fn holds(&self, value: Option<&Value>) -> bool {
        match (self, value) {
            // Only of leaves can be said that they exist.
            (Self::Exists(wanted), Some(Value::Object(_)) | None) => !wanted,
            (Self::Exists(wanted), Some(_)) => *wanted,
            (_, None) => false,
            (Self::AnythingBut(tests), Some(Value::Array(items))) => {
                items.iter().any(|item| !tests.iter().any(|test| test.holds(Some(item))))
            }
            (test, Some(Value::Array(items))) => items.iter().any(|item| test.holds(Some(item))),
            (test, Some(value)) => test.holds_for(value),
        }
    }

    fn holds_for(&self, value: &Value) -> bool {
        match self {
            Self::Equals(Value::Number(wanted)) => {
                value.as_f64().is_some_and(|own| Some(own) == wanted.as_f64())
            }
            Self::Equals(wanted) => wanted == value,
            Self::EqualsIgnoreCase(wanted) => {
                value.as_str().is_some_and(|text| text.eq_ignore_ascii_case(wanted))
            }
            Self::Prefix(prefix) => value.as_str().is_some_and(|text| text.starts_with(prefix)),
            Self::Suffix(suffix) => value.as_str().is_some_and(|text| text.ends_with(suffix)),
            Self::Wildcard(pattern) => value.as_str().is_some_and(|text| wildcard(pattern, text)),
            Self::Exists(wanted) => *wanted,
            Self::AnythingBut(tests) => !tests.iter().any(|test| test.holds(Some(value))),
            Self::Numeric(comparisons) => value.as_f64().is_some_and(|own| {
                comparisons.iter().all(|(comparison, number)| match comparison {
                    Comparison::Equal => own == *number,
                    Comparison::Less => own < *number,
                    Comparison::LessOrEqual => own <= *number,
                    Comparison::Greater => own > *number,
                    Comparison::GreaterOrEqual => own >= *number,
                })
            }),
        }
    }
}

/// `*` stands for any text, none included. Each part between stars is taken where it comes first.
fn wildcard(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(first) else { return false };
    let (middle, last) = match rest.rsplit_once('*') {
        Some((middle, last)) => (middle, last),
        None => ("", rest),
    };
    for part in middle.split('*') {
        match text.find(part) {
            Some(at) => text = text.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    text.ends_with(last)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fits(pattern: &Value) -> bool {
        let event = json!({
            "source": "aws.iam",
            "detail-type": "AWS API Call via CloudTrail",
            "detail": {
                "eventName": "PutRolePolicy",
                "errorCode": null,
                "count": 3,
                "requestParameters": {"roleName": "fw-role"},
                "resources": [{"type": "role", "ARN": "arn:1"}, {"type": "user", "ARN": "arn:2"}],
                "tags": ["a", "b"],
            },
        });
        Pattern::parse(&pattern.to_string()).unwrap().fits(&event)
    }

    #[test]
    fn patterns_and_what_fits_them() {
        let table = [
            (json!({"source": ["aws.iam"]}), true),
            (json!({"source": ["aws.s3", "aws.iam"], "detail": {"eventName": ["PutRolePolicy"]}}), true),
            (json!({"source": ["aws.iam"], "detail": {"eventName": ["DeleteRole"]}}), false),
            (json!({"detail": {"eventName": [{"prefix": "Put"}]}}), true),
            (json!({"detail": {"eventName": [{"suffix": "Policy"}]}}), true),
            (json!({"detail": {"eventName": [{"anything-but": "PutRolePolicy"}]}}), false),
            (json!({"detail": {"eventName": [{"anything-but": ["A", "B"]}]}}), true),
            (json!({"detail": {"eventName": [{"anything-but": {"prefix": "Put"}}]}}), false),
            (json!({"detail": {"userIdentity": {"arn": [{"anything-but": "x"}]}}}), false),
            (json!({"detail": {"userIdentity": {"arn": [{"exists": false}]}}}), true),
            (json!({"detail": {"eventName": [{"exists": true}]}}), true),
            (json!({"detail": {"errorCode": [null]}}), true),
            (json!({"detail": {"count": [3.0]}}), true),
            (json!({"detail": {"count": [{"numeric": [">", 2, "<=", 3]}]}}), true),
            (json!({"detail": {"count": [{"numeric": ["<", 3]}]}}), false),
            (json!({"detail": {"requestParameters": {"roleName": [{"wildcard": "fw*"}]}}}), true),
            (json!({"detail": {"requestParameters": {"roleName": [{"wildcard": "*r*e"}]}}}), true),
            (json!({"detail": {"requestParameters": {"roleName": [{"wildcard": "x*"}]}}}), false),
            (json!({"detail": {"resources": {"ARN": ["arn:2"]}}}), true),
            (json!({"detail": {"resources": {"ARN": ["arn:2"], "type": ["role"]}}}), false),
            (json!({"detail": {"tags": ["b"]}}), true),
            (json!({"detail": {"tags": [{"anything-but": "b"}]}}), true),
            (json!({"detail": {"eventName": [{"equals-ignore-case": "putrolepolicy"}]}}), true),
            (json!({"$or": [{"source": ["aws.s3"]}, {"detail": {"count": [3]}}]}), true),
            (json!({"$or": [{"source": ["aws.s3"]}, {"detail": {"count": [4]}}]}), false),
        ];
        for (pattern, expected) in table {
            assert_eq!(fits(&pattern), expected, "{pattern}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        let refused = [
            "",
            "[]",
            "{}",
            r#"{"a": 1}"#,
            r#"{"a": []}"#,
            r#"{"a": {}}"#,
            r#"{"a": [[1]]}"#,
            r#"{"a": [{"like": "x"}]}"#,
            r#"{"a": [{"prefix": 1}]}"#,
            r#"{"a": [{"numeric": ["<"]}]}"#,
            r#"{"a": [{"exists": "x"}]}"#,
            r#"{"a": [{"prefix": "x", "suffix": "y"}]}"#,
        ];
        for text in refused {
            assert!(Pattern::parse(text).is_err(), "{text}");
        }
    }
}
