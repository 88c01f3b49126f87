//! What AWS's tables say of actions and condition keys; `None` where they do not know the service.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use crate::tables::{self, ActionEntry};

/// How often the tables are looked at in one run, in comparisons of one name with one entry: a few tenths of a
/// second. Documents that people write need some thousands; one that needs more was made to be slow.
const BUDGET: usize = 4_000_000;
/// What a look at the condition keys of one action counts for.
const KEYS_OF_ACTION: usize = 30;

type Entries = Rc<[&'static ActionEntry]>;

/// The tables, each distinct pattern and key looked up once in a run.
///
/// INVARIANT: what one run looks up is bounded. Once that is spent, nothing more is known.
pub struct Known {
    left: Cell<usize>,
    patterns: RefCell<HashMap<String, Option<Entries>>>,
    keys: RefCell<HashMap<String, Option<bool>>>,
    pairs: RefCell<HashMap<(String, String), Option<bool>>>,
}

impl Default for Known {
    fn default() -> Self {
        Self {
            left: Cell::new(BUDGET),
            patterns: RefCell::default(),
            keys: RefCell::default(),
            pairs: RefCell::default(),
        }
    }
}

impl Known {
    /// Whether a pattern of actions covers any that there is.
    pub fn action_exists(&self, pattern: &str) -> Option<bool> {
        self.actions(pattern).map(|actions| !actions.is_empty())
    }

    /// Whether there is such a condition key.
    pub fn key_exists(&self, key: &str) -> Option<bool> {
        let look = || {
            let (prefix, _) = key.split_once(':')?;
            let known = prefix.eq_ignore_ascii_case("aws") || knows(prefix);
            (known && self.spend(KEYS_OF_ACTION)).then(|| tables::condition_key(key).is_some())
        };
        if let Some(known) = self.keys.borrow().get(key) {
            return *known;
        }
        let found = look();
        self.keys.borrow_mut().insert(key.to_owned(), found);
        found
    }

    /// Whether a request for an action of this pattern can carry the key. A pattern with wildcards does if any of
    /// its actions does: what the rest of it makes of the key was not asked for by name.
    pub fn can_carry(&self, pattern: &str, key: &str) -> Option<bool> {
        let pair = (pattern.to_owned(), key.to_owned());
        if let Some(known) = self.pairs.borrow().get(&pair) {
            return *known;
        }
        let actions = self.actions(pattern).filter(|actions| !actions.is_empty());
        let found = actions.filter(|_| self.key_exists(key) == Some(true)).and_then(|actions| {
            self.spend(actions.len() * KEYS_OF_ACTION).then(|| actions.iter().any(|action| action.takes(key)))
        });
        self.pairs.borrow_mut().insert(pair, found);
        found
    }

    fn actions(&self, pattern: &str) -> Option<Entries> {
        let (service, _) = pattern.split_once(':')?;
        if let Some(known) = self.patterns.borrow().get(pattern) {
            return known.clone();
        }
        let cost = tables::actions(service).count() * (1 + pattern.len() / 64);
        let entries: Option<Entries> = (knows(service) && self.spend(cost))
            .then(|| tables::actions_matching(pattern))
            .filter(|entries| self.spend(entries.len()))
            .map(Into::into);
        self.patterns.borrow_mut().insert(pattern.to_owned(), entries.clone());
        entries
    }

    /// Whether that much was left.
    fn spend(&self, cost: usize) -> bool {
        let left = self.left.get().checked_sub(cost);
        self.left.set(left.unwrap_or_default());
        left.is_some()
    }
}

fn knows(service: &str) -> bool {
    tables::services().any(|known| known.eq_ignore_ascii_case(service))
}
