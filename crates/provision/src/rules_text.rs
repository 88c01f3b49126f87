//! A configuration document of S3 that is a list of rules with IDs, as text, so that our rules can be put into it without
//! touching a byte of anybody else's (design D6): lifecycle and replication.

use std::ops::Range;

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;

/// Elements nested deeper than this are none of S3's.
const DEEPEST: usize = 16;

/// A rule of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rule {
    /// Its ID; by this it is found again.
    pub(crate) id: String,
    /// `<Rule>…</Rule>`
    pub(crate) xml: String,
}

/// What a merge came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Merge {
    /// All is there.
    Nothing,
    /// The new document, and what is done to it: `add ID`, `replace ID`, `remove ID`.
    Text { text: String, changes: Vec<String> },
    /// No rule is left, and a document cannot be without.
    Emptied { changes: Vec<String> },
    /// The text is not a document that we understand, so we keep our hands off it.
    Unreadable,
}

/// Puts `ours` into the document by ID, and takes those of `gone` out. A rule of ours that says the same already keeps
/// its bytes; one that differs is replaced in its place; a missing one comes behind the last. All else stays.
pub(crate) fn merge(text: &str, ours: &[Rule], gone: &[&str]) -> Merge {
    let Some(document) = Document::read(text) else { return Merge::Unreadable };
    let mut edits: Vec<(Range<usize>, &str)> = Vec::new();
    let mut changes = Vec::new();
    for rule in &document.rules {
        let Some(id) = rule.id.as_deref() else { continue };
        match ours.iter().find(|wanted| wanted.id == id) {
            Some(wanted) if !same(&text[rule.span.clone()], &wanted.xml) => {
                edits.push((rule.span.clone(), &wanted.xml));
                changes.push(format!("replace {id}"));
            }
            None if gone.contains(&id) => {
                edits.push((rule.span.clone(), ""));
                changes.push(format!("remove {id}"));
            }
            Some(_) | None => {}
        }
    }
    let removed = edits.iter().filter(|(_, xml)| xml.is_empty()).count();
    let mut added = 0;
    for rule in
        ours.iter().filter(|rule| document.rules.iter().all(|there| there.id.as_ref() != Some(&rule.id)))
    {
        edits.push((document.end..document.end, &rule.xml));
        changes.push(format!("add {}", rule.id));
        added += 1;
    }
    if changes.is_empty() {
        return Merge::Nothing;
    }
    if document.rules.len() + added == removed {
        return Merge::Emptied { changes };
    }
    let mut out = String::with_capacity(text.len());
    let mut copied = 0;
    for (span, xml) in edits {
        out.push_str(&text[copied..span.start]);
        out.push_str(xml);
        copied = span.end;
    }
    out.push_str(&text[copied..]);
    Merge::Text { text: out, changes }
}

/// What a replication configuration says besides its rules' texts.
#[derive(Debug)]
pub(crate) struct Outline {
    /// The role's ARN.
    pub(crate) role: Option<String>,
    /// In order.
    pub(crate) rules: Vec<RuleOutline>,
}

/// What others need to know of a rule.
#[derive(Debug)]
pub(crate) struct RuleOutline {
    pub(crate) id: Option<String>,
    pub(crate) priority: Option<u32>,
    /// Rules of the first version have none.
    pub(crate) has_filter: bool,
}

/// The outline of a document; `None` if it is none.
pub(crate) fn outline(text: &str) -> Option<Outline> {
    let root = Element::read(text)?;
    let rules = root.children.iter().filter(|child| child.name == "Rule").map(|rule| RuleOutline {
        id: rule.child_text("ID"),
        priority: rule.child_text("Priority").and_then(|text| text.parse().ok()),
        has_filter: rule.children.iter().any(|child| child.name == "Filter"),
    });
    Some(Outline { role: root.child_text("Role"), rules: rules.collect() })
}

/// Whether two documents have the same rules, however they are laid out and ordered.
pub(crate) fn same_rules(one: &str, other: &str) -> bool {
    let rules = |text: &str| {
        let pieces = Document::read(text)?.rules.into_iter().map(|rule| Element::read(text.get(rule.span)?));
        let mut rules = pieces.collect::<Option<Vec<_>>>()?;
        rules.sort();
        Some(rules)
    };
    matches!((rules(one), rules(other)), (Some(one), Some(other)) if one == other)
}

/// Whether two elements say the same, however they are laid out and ordered.
fn same(one: &str, other: &str) -> bool {
    matches!((Element::read(one), Element::read(other)), (Some(one), Some(other)) if one == other)
}

/// A document with the places of its rules.
struct Document {
    rules: Vec<FoundRule>,
    /// Where a further rule goes: behind the last, or before the end of the root.
    end: usize,
}

struct FoundRule {
    span: Range<usize>,
    id: Option<String>,
}

impl Document {
    fn read(text: &str) -> Option<Self> {
        let mut reader = Reader::from_str(text);
        let (mut depth, mut rules, mut end) = (0_usize, Vec::new(), None);
        let (mut begun, mut before) = (0, 0);
        loop {
            let event = reader.read_event().ok()?;
            let after = usize::try_from(reader.buffer_position()).ok()?;
            match event {
                Event::Start(start) => {
                    if depth == 1 && start.local_name().into_inner() == "Rule" {
                        begun = before;
                    }
                    depth += 1;
                }
                // A root without rules, `<X/>`, has no place for one.
                Event::Empty(_) if depth == 0 => return None,
                Event::End(close) => {
                    depth = depth.checked_sub(1)?;
                    if depth == 1 && close.local_name().into_inner() == "Rule" {
                        let id = Element::read(text.get(begun..after)?)?.child_text("ID");
                        rules.push(FoundRule { span: begun..after, id });
                        end = Some(after);
                    }
                    if depth == 0 {
                        end = end.or(Some(before));
                    }
                }
                Event::Eof => break,
                _ => {}
            }
            if depth > DEEPEST {
                return None;
            }
            before = after;
        }
        (depth == 0).then_some(())?;
        Some(Self { rules, end: end? })
    }
}

/// An element without its layout: white space around texts is dropped, children are sorted.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Element {
    name: String,
    text: String,
    children: Vec<Element>,
}

impl Element {
    fn read(text: &str) -> Option<Self> {
        let mut reader = Reader::from_str(text);
        let mut open: Vec<Self> = Vec::new();
        let new = |name: &str| Self { name: name.to_owned(), text: String::new(), children: Vec::new() };
        loop {
            let closed = match reader.read_event().ok()? {
                Event::Start(start) => {
                    open.push(new(start.local_name().into_inner()));
                    if open.len() > DEEPEST {
                        return None;
                    }
                    continue;
                }
                Event::Empty(empty) => new(empty.local_name().into_inner()),
                Event::End(_) => {
                    let mut closed = open.pop()?;
                    closed.text = closed.text.trim().to_owned();
                    closed.children.sort();
                    closed
                }
                Event::Text(text) => {
                    if let Some(last) = open.last_mut() {
                        last.text.push_str(&text.xml10_content());
                    }
                    continue;
                }
                Event::GeneralRef(entity) => {
                    let resolved = match entity.resolve_char_ref().ok()? {
                        Some(c) => c.to_string(),
                        None => resolve_predefined_entity(&entity)?.to_owned(),
                    };
                    open.last_mut()?.text.push_str(&resolved);
                    continue;
                }
                Event::Eof => return None,
                _ => continue,
            };
            match open.last_mut() {
                Some(parent) => parent.children.push(closed),
                None => return Some(closed),
            }
        }
    }

    fn child_text(&self, name: &str) -> Option<String> {
        self.children.iter().find(|child| child.name == name).map(|child| child.text.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(id: &str, days: u32) -> Rule {
        Rule { id: id.to_owned(), xml: format!("<Rule><ID>{id}</ID><Days>{days}</Days></Rule>") }
    }

    const THEIRS: &str = "<?xml version=\"1.0\"?>\n<LifecycleConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\n  <Rule>\n <Days>3</Days><ID>theirs &amp; &#111;urs</ID> <Odd a='1'/></Rule><!-- x --><Rule><ID>firmhold-a</ID>\n<Days>1</Days></Rule>\n</LifecycleConfiguration>\n";

    #[test]
    fn the_bytes_of_others_stay() {
        let Merge::Text { text, changes } =
            merge(THEIRS, &[rule("firmhold-a", 2), rule("firmhold-b", 3)], &[])
        else {
            panic!()
        };
        assert_eq!(changes, ["replace firmhold-a", "add firmhold-b"]);
        let expected = THEIRS.replace(
            "<Rule><ID>firmhold-a</ID>\n<Days>1</Days></Rule>",
            &format!("{}{}", rule("firmhold-a", 2).xml, rule("firmhold-b", 3).xml),
        );
        assert_eq!(text, expected);
        assert!(same_rules(&text, &text.replace("  <Rule>", "<Rule >")));
        assert!(!same_rules(&text, THEIRS));
        let Merge::Text { text, .. } = merge(&text, &[], &["firmhold-a", "firmhold-b"]) else { panic!() };
        assert_eq!(text, THEIRS.replace("<Rule><ID>firmhold-a</ID>\n<Days>1</Days></Rule>", ""));
    }

    #[test]
    fn layout_and_order_do_not_count() {
        let other = "<Rule>\n <Days> 1 </Days>\n <ID>firmhold-a</ID></Rule>";
        assert!(same(other, &rule("firmhold-a", 1).xml));
        assert_eq!(merge(THEIRS, &[rule("firmhold-a", 1)], &[]), Merge::Nothing);
    }

    #[test]
    fn a_document_without_rules_and_what_is_none() {
        let empty = "<C></C>";
        let Merge::Text { text, .. } = merge(empty, &[rule("a", 1)], &[]) else { panic!() };
        assert_eq!(text, format!("<C>{}</C>", rule("a", 1).xml));
        assert!(matches!(merge(&text, &[], &["a"]), Merge::Emptied { .. }));
        for text in ["", "x", "<C/>", "<C>", "<C><Rule></C>", &"<a>".repeat(50)] {
            assert_eq!(merge(text, &[rule("a", 1)], &[]), Merge::Unreadable, "{text}");
        }
    }
}
