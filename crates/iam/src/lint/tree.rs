//! A document as it stands: every value with its path and its bytes, whether AWS would take it or not.

use crate::decision::Place;
use crate::json::{self, Limits, Member, Node, Value};
use crate::path::Path;

/// Policies are smaller; a lifecycle or replication configuration of a thousand rules is not.
const LIMITS: Limits = Limits { bytes: 512 * 1024, depth: 24 };

/// Text that was read as JSON.
#[derive(Debug)]
pub struct Tree<'t> {
    text: &'t str,
    root: Node,
}

/// Where reading stopped, and why.
#[derive(Debug)]
pub struct Broken {
    pub place: Place,
    pub message: String,
}

impl<'t> Tree<'t> {
    pub fn read(text: &'t str) -> Result<Self, Broken> {
        match json::parse_within(text, LIMITS) {
            Ok(root) => Ok(Self { text, root }),
            Err(error) => {
                Err(Broken { place: place(text, error.offset, String::new()), message: error.message })
            }
        }
    }

    pub fn root(&self) -> At<'_> {
        At { text: self.text, path: Path::default(), start: self.root.offset, node: &self.root }
    }
}

fn place(text: &str, offset: usize, path: String) -> Place {
    let (line, column) = json::line_and_column(text, offset);
    Place { path, line, column }
}

/// A value in its document.
#[derive(Debug, Clone)]
pub struct At<'a> {
    text: &'a str,
    path: Path<'a>,
    /// Of a member its name's first byte, else the value's.
    start: usize,
    node: &'a Node,
}

impl<'a> At<'a> {
    /// Where its name, or it itself, begins.
    pub fn place(&self) -> Place {
        place(self.text, self.start, self.path.to_string())
    }

    pub fn path(&self) -> &Path<'a> {
        &self.path
    }

    /// The document's text.
    pub fn source(&self) -> &'a str {
        self.text
    }

    /// First byte of the name, or of the value if it has none.
    pub fn start(&self) -> usize {
        self.start
    }

    /// First byte of the value.
    pub fn value_start(&self) -> usize {
        self.node.offset
    }

    /// The byte after the value.
    pub fn end(&self) -> usize {
        self.node.end
    }

    /// The value as written.
    pub fn raw(&self) -> &'a str {
        self.text.get(self.node.offset..self.node.end).unwrap_or_default()
    }

    pub fn is_object(&self) -> bool {
        matches!(self.node.value, Value::Object(_))
    }

    pub fn is_list(&self) -> bool {
        matches!(self.node.value, Value::Array(_))
    }

    /// A string, or a number or boolean as written.
    pub fn as_text(&self) -> Option<&'a str> {
        match &self.node.value {
            Value::String(text) | Value::Number(text) => Some(text),
            Value::Bool(true) => Some("true"),
            Value::Bool(false) => Some("false"),
            _ => None,
        }
    }

    pub fn as_number(&self) -> Option<f64> {
        self.as_text()?.parse().ok()
    }

    /// The members of an object; of anything else none.
    pub fn members(&self) -> impl Iterator<Item = (&'a str, At<'a>)> + use<'a> {
        let members: &'a [Member] = match &self.node.value {
            Value::Object(members) => members,
            _ => &[],
        };
        let parent = self.clone();
        members.iter().map(move |member| (member.name.as_str(), parent.member(member)))
    }

    fn member(&self, member: &'a Member) -> Self {
        let path = self.path.member(&member.name);
        Self { text: self.text, path, start: member.offset, node: &member.node }
    }

    /// The member of this name.
    pub fn get(&self, name: &str) -> Option<Self> {
        let Value::Object(members) = &self.node.value else { return None };
        members.iter().find(|member| member.name == name).map(|member| self.member(member))
    }

    /// The text of the member of this name.
    pub fn text_of(&self, name: &str) -> Option<&'a str> {
        self.get(name)?.as_text()
    }

    /// The items of a list, or the value itself: IAM takes one for a list of one.
    pub fn items(&self) -> Vec<Self> {
        match &self.node.value {
            Value::Array(items) => {
                let at = |(index, node): (usize, &'a Node)| Self {
                    text: self.text,
                    path: self.path.item(index),
                    start: node.offset,
                    node,
                };
                items.iter().enumerate().map(at).collect()
            }
            _ => vec![self.clone()],
        }
    }

    /// Every string below, names of members not counted.
    pub fn strings(&self) -> Vec<Self> {
        match &self.node.value {
            Value::String(_) => vec![self.clone()],
            Value::Array(_) => self.items().iter().flat_map(Self::strings).collect(),
            Value::Object(_) => self.members().flat_map(|(_, at)| at.strings()).collect(),
            _ => Vec::new(),
        }
    }

    /// As a value of `serde_json`.
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::from_str(self.raw()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_of_names_and_items() {
        let text = "{\n  \"A\": [\"x\",\n    \"y\"], \"b.c\": {\"d\": 1}}";
        let tree = Tree::read(text).unwrap();
        let root = tree.root();
        let items = root.get("A").unwrap().items();
        assert_eq!(items.last().unwrap().place(), Place { path: "A[1]".to_owned(), line: 3, column: 5 });
        let d = root.get("b.c").unwrap().get("d").unwrap();
        assert_eq!((d.path().to_string().as_str(), d.raw(), d.place().column), ("b.c.d", "1", 19));
        assert_eq!(root.strings().len(), 2);
        assert_eq!(Tree::read("{\n \"a\": }").unwrap_err().place.line, 2);
    }
}
