//! The way from a document to one of its values.

use std::fmt;
use std::rc::Rc;

/// A link to the way of the value around it, spelt only where somebody reads it.
///
/// INVARIANT: a value holds no text of its way. A name of many kilobytes above thousands of values would else be
/// copied for each of them, and a small document would fill the memory.
#[derive(Debug, Clone, Default)]
pub struct Path<'a>(Option<Rc<Link<'a>>>);

#[derive(Debug)]
struct Link<'a> {
    above: Path<'a>,
    step: Step<'a>,
}

#[derive(Debug)]
enum Step<'a> {
    Member(&'a str),
    Item(usize),
}

impl<'a> Path<'a> {
    /// To a member of the value here.
    pub fn member(&self, name: &'a str) -> Self {
        self.then(Step::Member(name))
    }

    /// To an item of the value here, from 0.
    pub fn item(&self, index: usize) -> Self {
        self.then(Step::Item(index))
    }

    fn then(&self, step: Step<'a>) -> Self {
        Self(Some(Rc::new(Link { above: self.clone(), step })))
    }

    /// Whether the value here is an item of a list.
    pub fn is_item(&self) -> bool {
        self.0.as_ref().is_some_and(|link| matches!(link.step, Step::Item(_)))
    }
}

/// `Statement[0].Condition.StringEquals["sts:ExternalId"]`; empty for the document itself.
impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The depth of a document is bounded by its reader.
        let Some(link) = &self.0 else { return Ok(()) };
        write!(f, "{}", link.above)?;
        match link.step {
            Step::Item(index) => write!(f, "[{index}]"),
            Step::Member(name) if link.above.0.is_none() => f.write_str(name),
            Step::Member(name) if name.contains(['.', ':', '/']) => write!(f, "[{name:?}]"),
            Step::Member(name) => write!(f, ".{name}"),
        }
    }
}
