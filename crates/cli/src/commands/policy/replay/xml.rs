//! A configuration's JSON as the XML that S3 takes, member by member and without judging it.

use serde_json::Value;

/// Lists whose items S3 writes one after the other under another name.
const FLAT: [(&str, &str); 6] = [
    ("Rules", "Rule"),
    ("Transitions", "Transition"),
    ("NoncurrentVersionTransitions", "NoncurrentVersionTransition"),
    ("Tags", "Tag"),
    ("TagSet", "Tag"),
    ("Grants", "Grant"),
];

/// A document whose root element is `root`.
pub fn of(root: &str, value: &Value) -> String {
    let mut out = format!("<{root} xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    members(value, &mut out);
    out.push_str(&format!("</{root}>"));
    out
}

fn members(value: &Value, out: &mut String) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                member(name, value, out);
            }
        }
        Value::String(text) => escaped(text, out),
        Value::Null => {}
        other => out.push_str(&other.to_string()),
    }
}

fn member(name: &str, value: &Value, out: &mut String) {
    let element = FLAT.iter().find(|(list, _)| *list == name).map_or(name, |(_, item)| item);
    // A name that could not be an element is left out, and S3 sees a document without it.
    if !element.bytes().all(|byte| byte.is_ascii_alphanumeric()) || element.is_empty() {
        return;
    }
    let items = match value {
        Value::Array(items) => items.as_slice(),
        one => std::slice::from_ref(one),
    };
    for item in items {
        out.push_str(&format!("<{element}>"));
        members(item, out);
        out.push_str(&format!("</{element}>"));
    }
}

fn escaped(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_are_flat() {
        let value = json!({ "Rules": [{ "ID": "a<b", "Transitions": [{ "Days": 1 }, { "Days": 2 }], "Filter": {} }] });
        let xml = of("L", &value);
        let inner = xml.split_once('>').unwrap().1;
        assert_eq!(
            inner,
            "<Rule><ID>a&lt;b</ID><Transition><Days>1</Days></Transition><Transition><Days>2</Days></Transition>\
             <Filter></Filter></Rule></L>"
        );
    }
}
