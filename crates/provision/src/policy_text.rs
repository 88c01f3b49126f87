//! A policy document as text, so that our statements can be put into it without touching a byte of anybody else's
//! (design D6).

use std::ops::Range;

use serde_json::Value;

use crate::spec::statements;

/// Puts `ours` into the policy `text` by `Sid`, and takes those of `gone` out. A statement of ours that is there already,
/// whatever its layout, keeps its bytes; one that differs is replaced in its place; a missing one is added at the end.
/// All else stays.
pub(crate) fn merge(text: &str, ours: &Value, gone: &[&str]) -> Merge {
    let Ok(document) = serde_json::from_str::<Value>(text) else {
        return Merge::Unreadable;
    };
    let Some(spans) = StatementSpans::find(text) else {
        return Merge::Unreadable;
    };
    let theirs = statements(&document);
    if theirs.len() != spans.each.len() {
        return Merge::Unreadable;
    }
    let mut pieces: Vec<String> = Vec::new();
    let mut changes = Vec::new();
    for (span, there) in spans.each.iter().zip(theirs) {
        let sid = sid_of(there);
        let wanted = statements(ours).iter().find(|statement| !sid.is_empty() && sid_of(statement) == sid);
        match wanted {
            Some(wanted) if !same(there, wanted) => {
                pieces.push(wanted.to_string());
                changes.push(format!("replace {sid}"));
            }
            None if gone.contains(&sid) => changes.push(format!("remove {sid}")),
            Some(_) | None => pieces.push(text[span.clone()].to_owned()),
        }
    }
    for statement in statements(ours) {
        let sid = sid_of(statement);
        if theirs.iter().all(|there| sid_of(there) != sid) {
            pieces.push(statement.to_string());
            changes.push(format!("add {sid}"));
        }
    }
    if changes.is_empty() {
        return Merge::Nothing;
    }
    if pieces.is_empty() {
        return Merge::Emptied { changes };
    }
    let text = format!("{}[{}]{}", &text[..spans.whole.start], pieces.join(","), &text[spans.whole.end..]);
    Merge::Text { text, changes }
}

fn sid_of(statement: &Value) -> &str {
    statement.get("Sid").and_then(Value::as_str).unwrap_or_default()
}

/// What a merge came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Merge {
    /// All is there.
    Nothing,
    /// The new document, and what is done to it.
    Text {
        /// The document.
        text: String,
        /// `add SID`, `replace SID` or `remove SID`.
        changes: Vec<String>,
    },
    /// No statement is left, and a policy cannot be without.
    Emptied {
        /// As of [`Merge::Text`].
        changes: Vec<String>,
    },
    /// The text is not a policy that we understand, so we keep our hands off it.
    Unreadable,
}

/// Whether two documents say the same, however AWS wrote them down: it turns lists of one into plain values, booleans
/// and numbers of conditions into texts, and sorts lists.
pub(crate) fn same(a: &Value, b: &Value) -> bool {
    plain(a) == plain(b)
}

fn plain(value: &Value) -> Value {
    match value {
        Value::Array(list) => match list.as_slice() {
            [one] => plain(one),
            many => {
                let mut many: Vec<Value> = many.iter().map(plain).collect();
                if many.iter().all(Value::is_string) {
                    many.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
                }
                Value::Array(many)
            }
        },
        Value::Object(members) => {
            Value::Object(members.iter().map(|(key, value)| (key.clone(), plain(value))).collect())
        }
        Value::Bool(_) | Value::Number(_) => Value::String(value.to_string()),
        Value::Null | Value::String(_) => value.clone(),
    }
}

/// Where the statements lie in a document's text.
struct StatementSpans {
    /// The value of `Statement`.
    whole: Range<usize>,
    /// Each statement.
    each: Vec<Range<usize>>,
}

impl StatementSpans {
    /// Of a text that is known to be valid JSON. `None` unless it is an object with one plain `"Statement"`.
    fn find(text: &str) -> Option<Self> {
        let scanner = Scanner(text.as_bytes());
        let members = scanner.children(scanner.skip_space(0))?;
        let mut found = None;
        for member in members {
            let key_end = scanner.value_end(member.start)?;
            if &text[member.start..key_end] == "\"Statement\"" {
                let colon = scanner.skip_space(key_end);
                let start = scanner.skip_space(colon + 1);
                if found.replace(start..scanner.value_end(start)?).is_some() {
                    return None;
                }
            }
        }
        let whole = found?;
        let each = match text.as_bytes().get(whole.start)? {
            b'[' => scanner.children(whole.start)?,
            _ => vec![whole.clone()],
        };
        Some(Self { whole, each })
    }
}

/// Finds ends of values in valid JSON.
struct Scanner<'a>(&'a [u8]);

impl Scanner<'_> {
    fn skip_space(&self, mut at: usize) -> usize {
        while self.0.get(at).is_some_and(u8::is_ascii_whitespace) {
            at += 1;
        }
        at
    }

    /// The end of the value that starts at `start`.
    fn value_end(&self, start: usize) -> Option<usize> {
        match self.0.get(start)? {
            b'"' => self.string_end(start),
            b'{' | b'[' => self.nested_end(start),
            _ => {
                let ends = |b: &u8| matches!(b, b',' | b'}' | b']') || b.is_ascii_whitespace();
                Some(self.0[start..].iter().position(ends).map_or(self.0.len(), |length| start + length))
            }
        }
    }

    fn string_end(&self, start: usize) -> Option<usize> {
        let mut at = start + 1;
        loop {
            match self.0.get(at)? {
                b'\\' => at += 2,
                b'"' => return Some(at + 1),
                _ => at += 1,
            }
        }
    }

    fn nested_end(&self, start: usize) -> Option<usize> {
        let (mut at, mut depth) = (start, 0_usize);
        loop {
            match self.0.get(at)? {
                b'"' => at = self.string_end(at)? - 1,
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            at += 1;
            if depth == 0 {
                return Some(at);
            }
        }
    }

    /// The spans of what lies, comma by comma, in the object or list at `start`. Of an object's members they begin
    /// at the key.
    fn children(&self, start: usize) -> Option<Vec<Range<usize>>> {
        let end = match self.0.get(start)? {
            b'{' | b'[' => self.nested_end(start)? - 1,
            _ => return None,
        };
        let mut spans = Vec::new();
        let mut at = self.skip_space(start + 1);
        while at < end {
            let first = at;
            let mut last = self.value_end(at)?;
            let colon = self.skip_space(last);
            if self.0.get(colon) == Some(&b':') {
                last = self.value_end(self.skip_space(colon + 1))?;
            }
            spans.push(first..last);
            let comma = self.skip_space(last);
            at = self.skip_space(comma + 1);
        }
        Some(spans)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn ours() -> Value {
        json!({"Version": "2012-10-17", "Statement": [
            {"Sid": "FirmholdA", "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::b"},
        ]})
    }

    #[test]
    fn the_bytes_of_others_stay() {
        let theirs = "{ \"Version\" : \"2012-10-17\",\n \"Id\": \"x, ]\\\" \\u007b\",\n\t\"Statement\": [\n {\"Sid\":\"Theirs\" , \"Effect\":\"Allow\", \"Note\": [1.50, {\"a\":\"}\"}]}, {\"Sid\": \"FirmholdA\", \"Effect\": \"Allow\"} ] }\n";
        let Merge::Text { text, changes } = merge(theirs, &ours(), &[]) else { panic!() };
        assert_eq!(changes, ["replace FirmholdA"]);
        insta::assert_snapshot!(text, @r#"
        { "Version" : "2012-10-17",
         "Id": "x, ]\" \u007b",
        	"Statement": [{"Sid":"Theirs" , "Effect":"Allow", "Note": [1.50, {"a":"}"}]},{"Sid":"FirmholdA","Effect":"Deny","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::b"}] }
        "#);
        assert_eq!(merge(&text, &ours(), &[]), Merge::Nothing);
    }

    #[test]
    fn a_lone_statement_becomes_a_list() {
        let theirs = r#"{"Statement":{"Sid":"Theirs","Effect":"Allow"},"Version":"2008-10-17"}"#;
        let Merge::Text { text, .. } = merge(theirs, &ours(), &[]) else { panic!() };
        assert!(
            text.starts_with(r#"{"Statement":[{"Sid":"Theirs","Effect":"Allow"},{"Sid":"FirmholdA""#),
            "{text}"
        );
        assert!(text.ends_with(r#"],"Version":"2008-10-17"}"#), "{text}");
    }

    #[test]
    fn an_empty_list_and_what_is_no_policy() {
        assert!(matches!(merge(r#"{"Statement": [ ]}"#, &ours(), &[]), Merge::Text { .. }));
        for text in ["", "[]", "{}", "3", r#"{"Statement":[],"Statement":[]}"#, r#"{"Statement":["#] {
            assert_eq!(merge(text, &ours(), &[]), Merge::Unreadable, "{text}");
        }
    }

    #[test]
    fn what_is_gone_leaves_no_trace_and_touches_nothing() {
        let theirs = r#"{"Version":"2012-10-17","Statement":[{"Sid":"Theirs" ,"Effect":"Allow"}]}"#;
        let Merge::Text { text, .. } = merge(theirs, &ours(), &[]) else { panic!() };
        let Merge::Text { text, changes } = merge(&text, &Value::Null, &["FirmholdA"]) else { panic!() };
        assert_eq!((text.as_str(), changes), (theirs, vec!["remove FirmholdA".to_owned()]));
        let alone = ours().to_string();
        assert!(matches!(merge(&alone, &Value::Null, &["FirmholdA"]), Merge::Emptied { .. }));
    }

    #[test]
    fn awss_own_way_of_writing_is_the_same() {
        let a = json!({"Action": ["s3:b", "s3:a"], "Condition": {"Bool": {"aws:SecureTransport": false}}, "R": ["x"]});
        let b = json!({"R": "x", "Action": ["s3:a", "s3:b"], "Condition": {"Bool": {"aws:SecureTransport": "false"}}});
        assert!(same(&a, &b));
        assert!(!same(&a, &json!({"R": "x"})));
    }
}
