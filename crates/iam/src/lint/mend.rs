//! How to mend a document: edits of its text, shown as a unified diff.

use serde::Serialize;
use serde_json::Value;

use super::tree::At;

/// What to do about a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mend {
    /// In words.
    pub text: String,
    /// The same as a unified diff of the document, where a change to it is what mends. Empty names in the header:
    /// the caller knows the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
    /// The whole document as the diff leaves it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replacement: Option<String>,
}

/// A longer document is mended in words: every finding has the whole of it, and its difference, in hand.
const MAX_MENDED: usize = 128 * 1024;

impl Mend {
    /// In words only: what is missing stands in no document.
    pub(crate) fn words(text: impl Into<String>) -> Self {
        Self { text: text.into(), diff: None, replacement: None }
    }

    /// With the document after these edits.
    pub(crate) fn edits(text: impl Into<String>, source: &str, edits: Vec<Edit>) -> Self {
        if source.len() > MAX_MENDED {
            return Self::words(text);
        }
        match apply(source, edits) {
            Some(mended) if mended != source => {
                Self { text: text.into(), diff: Some(diff(source, &mended)), replacement: Some(mended) }
            }
            _ => Self::words(text),
        }
    }
}

/// Bytes of a document, and what takes their place.
#[derive(Debug, Clone)]
pub struct Edit {
    from: usize,
    to: usize,
    new: String,
}

/// The value becomes another.
pub fn replace(at: &At<'_>, value: &Value) -> Edit {
    Edit { from: at.value_start(), to: at.end(), new: laid_out(at, value) }
}

/// The member's name and value become others.
pub fn replace_member(at: &At<'_>, name: &str, value: &Value) -> Edit {
    Edit { from: at.start(), to: at.end(), new: format!("{}: {}", Value::from(name), laid_out(at, value)) }
}

/// Only the name of the member changes.
pub fn rename(at: &At<'_>, name: &str) -> Edit {
    let end = at.source().get(at.start()..at.value_start()).and_then(|gap| gap.rfind('"'));
    let to = end.map_or(at.start(), |quote| at.start() + quote + 1);
    Edit { from: at.start(), to, new: Value::from(name).to_string() }
}

/// Items at the end of a list; a value that stands alone becomes a list.
pub fn append(list: &At<'_>, items: &[Value]) -> Edit {
    let own = list.items();
    match own.last().filter(|_| list.is_list()) {
        Some(last) => {
            let gap = gap(list.source(), last.start());
            let new = items.iter().map(|item| format!(",{gap}{}", laid_out(last, item))).collect();
            Edit { from: last.end(), to: last.end(), new }
        }
        None => {
            let first = (!list.is_list()).then(|| list.to_json());
            replace(list, &first.into_iter().chain(items.iter().cloned()).collect())
        }
    }
}

/// Several items in the place of one.
pub fn split(item: &At<'_>, items: &[Value]) -> Edit {
    let gap = gap(item.source(), item.start());
    let texts: Vec<String> = items.iter().map(|value| laid_out(item, value)).collect();
    let new = texts.join(&format!(",{gap}"));
    // A statement that stands alone needs no list; two do.
    let alone = !item.path().is_item() && items.len() > 1;
    let new = if alone { format!("[{new}]") } else { new };
    Edit { from: item.value_start(), to: item.end(), new }
}

/// Members at the end of an object.
pub fn add_members(object: &At<'_>, members: &[(&str, Value)]) -> Edit {
    match object.members().last() {
        Some((_, last)) => {
            let gap = gap(object.source(), last.start());
            let text = |(name, value): &(&str, Value)| {
                format!(",{gap}{}: {}", Value::from(*name), laid_out(&last, value))
            };
            Edit { from: last.end(), to: last.end(), new: members.iter().map(text).collect() }
        }
        None => {
            let value = members.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
            replace(object, &Value::Object(value))
        }
    }
}

/// A member at the beginning of an object that has others.
pub fn add_first(object: &At<'_>, name: &str, value: &Value) -> Edit {
    match object.members().next() {
        Some((_, first)) => {
            let gap = gap(object.source(), first.start());
            let new = format!("{}: {},{gap}", Value::from(name), laid_out(&first, value));
            Edit { from: first.start(), to: first.start(), new }
        }
        None => add_members(object, &[(name, value.clone())]),
    }
}

/// An item or a member goes, with the comma that parted it from its neighbour.
pub fn remove(at: &At<'_>) -> Edit {
    let source = at.source();
    let after = source.get(at.end()..).unwrap_or_default();
    let trimmed = after.trim_start();
    if trimmed.starts_with(',') {
        let next = trimmed.get(1..).map_or(0, |rest| rest.len() - rest.trim_start().len());
        let to = at.end() + (after.len() - trimmed.len()) + 1 + next;
        return Edit { from: at.start(), to, new: String::new() };
    }
    let before = source.get(..at.start()).unwrap_or_default().trim_end();
    let from = if before.ends_with(',') { before.len() - 1 } else { at.start() };
    Edit { from, to: at.end(), new: String::new() }
}

/// The blanks before a byte: the line break and indentation, or one space on a line shared with others.
fn gap(source: &str, at: usize) -> String {
    let before = source.get(..at).unwrap_or_default();
    let blanks = before.len() - before.trim_end().len();
    let gap = before.get(before.len() - blanks..).unwrap_or_default();
    match gap.rfind('\n') {
        Some(line) => gap.get(line..).unwrap_or_default().to_owned(),
        None => " ".to_owned(),
    }
}

/// Sets a member of an object within objects; what is no object on the way becomes one.
pub fn set(value: &mut Value, path: &[&str], new: Value) {
    let Some((name, rest)) = path.split_first() else {
        *value = new;
        return;
    };
    if !value.is_object() {
        *value = Value::Object(serde_json::Map::new());
    }
    if let Some(members) = value.as_object_mut() {
        set(members.entry(*name).or_insert(Value::Null), rest, new);
    }
}

/// A value as text that fits in where `at` stands: lists of texts and small objects on one line.
fn laid_out(at: &At<'_>, value: &Value) -> String {
    let flat = value.to_string();
    let small = flat.len() <= 90 && !flat.contains(":{");
    if small || !value.is_object() && !value.is_array() {
        return spaced(value);
    }
    let before = at.source().get(..at.start()).unwrap_or_default();
    let line = before.rsplit('\n').next().unwrap_or_default();
    let indent = line.get(..line.len() - line.trim_start().len()).unwrap_or_default();
    let pretty = serde_json::to_string_pretty(value).unwrap_or(flat);
    pretty.replace('\n', &format!("\n{indent}"))
}

/// On one line, with a space after each comma and colon.
fn spaced(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            format!("[{}]", items.iter().map(spaced).collect::<Vec<_>>().join(", "))
        }
        Value::Object(members) if !members.is_empty() => {
            let member = |(name, value): (&String, &Value)| {
                format!("{}: {}", Value::from(name.as_str()), spaced(value))
            };
            format!("{{ {} }}", members.iter().map(member).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// `None` where two edits touch the same bytes.
fn apply(source: &str, mut edits: Vec<Edit>) -> Option<String> {
    edits.sort_by_key(|edit| edit.from);
    let mut out = String::with_capacity(source.len());
    let mut at = 0;
    for edit in edits {
        out.push_str(source.get(at..edit.from)?);
        out.push_str(&edit.new);
        at = edit.to;
    }
    out.push_str(source.get(at..)?);
    Some(out)
}

/// Lines around a change that a diff shows.
const AROUND: usize = 3;

/// The lines that differ, as one hunk of a unified diff.
pub fn diff(before: &str, after: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let same = |(a, b): &(&&str, &&str)| a == b;
    let head = old.iter().zip(&new).take_while(same).count();
    let rest = old.len().min(new.len()) - head;
    let tail = old.iter().rev().zip(new.iter().rev()).take_while(same).count().min(rest);
    let start = head.saturating_sub(AROUND);
    let shown = |lines: &[&str]| (lines.len() - tail + AROUND).min(lines.len());
    let (old_end, new_end) = (shown(&old), shown(&new));
    let mut text = format!("@@ -{} +{} @@\n", range(start, old_end), range(start, new_end));
    let mut lines = |mark: char, lines: Option<&[&str]>| {
        for line in lines.unwrap_or_default() {
            text.push(mark);
            text.push_str(line);
            text.push('\n');
        }
    };
    lines(' ', old.get(start..head));
    lines('-', old.get(head..old.len() - tail));
    lines('+', new.get(head..new.len() - tail));
    lines(' ', old.get(old.len() - tail..old_end));
    text
}

fn range(start: usize, end: usize) -> String {
    format!("{},{}", if end > start { start + 1 } else { start }, end - start)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::lint::tree::Tree;

    const TEXT: &str =
        "{\n  \"Action\": [\n    \"s3:GetObject\",\n    \"s3:PutObject\"\n  ],\n  \"Resource\": \"*\"\n}\n";

    fn mended(edit: impl Fn(&At<'_>) -> Edit) -> String {
        let tree = Tree::read(TEXT).unwrap();
        Mend::edits("", TEXT, vec![edit(&tree.root())]).replacement.unwrap()
    }

    #[test]
    fn edits_keep_the_layout() {
        let appended = mended(|root| append(&root.get("Action").unwrap(), &[json!("s3:DeleteObject")]));
        assert!(appended.contains("\"s3:PutObject\",\n    \"s3:DeleteObject\"\n  ]"), "{appended}");
        let listed = mended(|root| append(&root.get("Resource").unwrap(), &[json!("a")]));
        assert!(listed.contains(r#""Resource": ["*", "a"]"#), "{listed}");
        let less = mended(|root| remove(root.get("Action").unwrap().items().last().unwrap()));
        assert!(less.contains("[\n    \"s3:GetObject\"\n  ]"), "{less}");
        let more = mended(|root| add_members(root, &[("Sid", json!("x"))]));
        assert!(more.contains("\"*\",\n  \"Sid\": \"x\"\n}"), "{more}");
        let renamed = mended(|root| rename(&root.get("Resource").unwrap(), "NotResource"));
        assert!(renamed.contains("\"NotResource\": \"*\""), "{renamed}");
        let gone = mended(|root| remove(&root.get("Action").unwrap()));
        assert_eq!(gone, "{\n  \"Resource\": \"*\"\n}\n");
    }

    #[test]
    fn a_diff_shows_what_changed_and_three_lines_around() {
        let before = "a\nb\nc\nd\ne\nf\ng\n";
        insta::assert_snapshot!(diff(before, "a\nb\nc\nd\nX\nY\nf\ng\n"), @r"
        @@ -2,6 +2,7 @@
         b
         c
         d
        -e
        +X
        +Y
         f
         g
        ");
    }
}
