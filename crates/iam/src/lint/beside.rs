//! The documents of one run by their kind, and the permission policies by the role that holds them.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use super::document::{DocumentKind, Holder, Missing};
use super::subject::Subject;

/// How much is read of other documents in one run, in pieces of [`PIECE`] bytes: a GiB, some seconds. Plans that people
/// write need a few percent of it; one that needs more was made to be slow.
const BUDGET: usize = 16_000_000;
const PIECE: usize = 64;

/// INVARIANT: what the rules read of other documents is bounded, or a plan of many small ones would take the square of
/// their number. Once that is spent, no more documents are shown, and a role counts as not known.
pub struct Beside<'a> {
    left: Cell<usize>,
    kinds: HashMap<DocumentKind, Vec<&'a Subject<'a>>>,
    roles: HashMap<&'a str, Group<'a>>,
    /// Of whom nothing says whose they are.
    anybodys: Group<'a>,
    /// All but those of users.
    all: Group<'a>,
    /// The roles that can write objects, in the order of their policies.
    uploaders: Vec<&'a str>,
}

/// Permission policies that count together.
#[derive(Default)]
struct Group<'a> {
    policies: Vec<&'a Subject<'a>>,
    weight: usize,
    /// Whether one of them is not known.
    missing: bool,
    first_upload: Option<&'a Subject<'a>>,
    granted: RefCell<HashMap<&'static str, bool>>,
}

impl<'a> Group<'a> {
    fn add(&mut self, subject: &'a Subject<'a>, uploads: bool) {
        self.policies.push(subject);
        self.weight += weight(subject);
        self.missing |= subject.document.missing.is_some();
        if uploads && self.first_upload.is_none() {
            self.first_upload = Some(subject);
        }
    }

    fn grants(&self, action: &'static str) -> bool {
        if let Some(known) = self.granted.borrow().get(action) {
            return *known;
        }
        let mut statements = self.policies.iter().flat_map(|subject| &subject.statements);
        let granted = statements.any(|statement| statement.allows() && statement.covers(action).is_some());
        self.granted.borrow_mut().insert(action, granted);
        granted
    }
}

fn weight(subject: &Subject<'_>) -> usize {
    1 + subject.document.text.len() / PIECE
}

impl<'a> Beside<'a> {
    pub fn of(all: &'a [Subject<'a>]) -> Self {
        let mut own = Self {
            left: Cell::new(BUDGET),
            kinds: HashMap::new(),
            roles: HashMap::new(),
            anybodys: Group::default(),
            all: Group::default(),
            uploaders: Vec::new(),
        };
        for subject in all {
            own.kinds.entry(subject.kind()).or_default().push(subject);
            if subject.is(DocumentKind::Identity) {
                own.add(subject);
            }
        }
        own
    }

    fn add(&mut self, subject: &'a Subject<'a>) {
        let uploads = !subject.uploads().is_empty();
        match &subject.document.holder {
            Holder::NoRole => return,
            Holder::Anybody => self.anybodys.add(subject, uploads),
            Holder::Roles(roles) => {
                for role in roles {
                    let group = self.roles.entry(role).or_default();
                    if uploads && group.first_upload.is_none() {
                        self.uploaders.push(role);
                    }
                    group.add(subject, uploads);
                }
            }
        }
        // What AWS's own policies let some role do excuses no policy that nobody ties to that role: most plans attach one.
        if !matches!(subject.document.missing, Some(Missing::Elsewhere(_))) {
            self.all.add(subject, uploads);
        }
    }

    /// All documents of a kind.
    pub fn of_kind(&'a self, kind: DocumentKind) -> impl Iterator<Item = &'a Subject<'a>> + use<'a> {
        let all = self.kinds.get(&kind).map(Vec::as_slice).unwrap_or_default();
        all.iter().copied().take_while(|subject| self.spend(weight(subject)))
    }

    /// The roles that hold a permission policy.
    pub fn roles(&'a self, of: &'a Subject<'a>) -> impl Iterator<Item = RoleView<'a>> + use<'a> {
        let (named, anybody): (&[_], _) = match &of.document.holder {
            Holder::Roles(roles) => (roles, None),
            Holder::Anybody => (&[], Some(self.anybody())),
            Holder::NoRole => (&[], None),
        };
        named.iter().filter_map(|role| self.role(role)).chain(anybody)
    }

    /// The roles that can write objects.
    pub fn uploaders(&'a self) -> impl Iterator<Item = RoleView<'a>> + use<'a> {
        let anybody = self.anybodys.first_upload.map(|_| self.anybody());
        self.uploaders.iter().filter_map(|role| self.role(role)).chain(anybody)
    }

    fn role(&'a self, name: &str) -> Option<RoleView<'a>> {
        let (name, own) = self.roles.get_key_value(name)?;
        Some(RoleView { beside: self, name: Some(name), own, shared: Some(&self.anybodys) })
    }

    fn anybody(&'a self) -> RoleView<'a> {
        RoleView { beside: self, name: None, own: &self.all, shared: None }
    }

    fn spend(&self, pieces: usize) -> bool {
        let left = self.left.get().checked_sub(pieces);
        self.left.set(left.unwrap_or_default());
        left.is_some()
    }
}

/// A role with the policies that count for it: its own, and those of which nothing says whose they are. A policy of
/// which that is not said counts with every other.
#[derive(Clone, Copy)]
pub struct RoleView<'a> {
    beside: &'a Beside<'a>,
    name: Option<&'a str>,
    own: &'a Group<'a>,
    shared: Option<&'a Group<'a>>,
}

impl<'a> RoleView<'a> {
    /// What to call it, where something does.
    pub fn name(&self) -> Option<&'a str> {
        self.name
    }

    pub fn is_named(&self) -> bool {
        self.name.is_some()
    }

    /// Its name for the middle of a sentence, with a space behind; or nothing.
    pub fn called(&self) -> String {
        self.name.map(|name| format!("`{name}` ")).unwrap_or_default()
    }

    fn groups(&self) -> impl Iterator<Item = &'a Group<'a>> + use<'a> {
        std::iter::once(self.own).chain(self.shared)
    }

    /// Whether all that it may do is at hand.
    pub fn is_known(&self) -> bool {
        !self.groups().any(|group| group.missing)
    }

    /// Whether any policy allows the action, on whatever.
    pub fn grants(&self, action: &'static str) -> bool {
        self.groups().any(|group| group.grants(action))
    }

    /// Whether its own policies let objects be written.
    pub fn uploads(&self) -> bool {
        self.own.first_upload.is_some()
    }

    /// Whether a policy is the first of its own that lets objects be written.
    pub fn is_first_upload(&self, subject: &Subject<'_>) -> bool {
        self.own.first_upload.is_some_and(|first| std::ptr::eq(first, subject))
    }

    /// Its policies; `None` once too much was read in this run.
    pub fn policies(&self) -> Option<Vec<&'a Subject<'a>>> {
        let weight = self.groups().map(|group| group.weight).sum();
        self.beside
            .spend(weight)
            .then(|| self.groups().flat_map(|group| group.policies.iter().copied()).collect())
    }
}
