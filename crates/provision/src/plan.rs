//! What is going to be done, with no choices left in it (design D6): a pure function of what is wanted and what is
//! there.

use std::collections::BTreeSet;

use firmhold_core::{Code, Problem};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::change::{Change, Kind, Switch, Verb};
use crate::inventory::{Fact, Inventory};
use crate::refusal::denied;
use crate::resource;
use crate::spec::Spec;

/// Counts up whenever the same spec and inventory may give another plan: a plan is applied by the release that made it.
const PLANNER: u32 = 1;

/// What a plan is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// To set up, or to mend.
    SetUp,
    /// To remove what is ours.
    TearDown,
}

/// A plan.
#[derive(Debug, Serialize)]
pub struct Plan {
    /// SHA-256 over purpose, spec and inventory, in hex: another one means that something has moved.
    pub hash: String,
    /// What it is for.
    pub purpose: Purpose,
    /// What is wanted.
    pub spec: Spec,
    /// What is done, in order.
    pub changes: Vec<Change>,
    /// What is there as it should be.
    pub kept: Vec<Note>,
    /// What is not touched although it could be, with the reason.
    pub left: Vec<Note>,
    /// What others have to be asked for.
    pub letters: Vec<Letter>,
    /// What could not be seen. With any of it the plan cannot be applied: it would be a guess.
    pub unseen: Vec<Unseen>,
}

/// A thing with a sentence on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Note {
    /// What kind.
    pub kind: Kind,
    /// Which one: an ARN.
    pub target: String,
    /// The sentence.
    pub says: String,
}

/// What somebody else has to be asked for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Letter {
    /// Whom.
    pub to: String,
    /// What they are to do.
    pub about: String,
    /// With what.
    pub document: Value,
}

/// A read that was denied.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Unseen {
    /// The IAM action that is missing.
    pub action: String,
    /// On what: an ARN.
    pub target: String,
}

impl Plan {
    /// What brings the account to what `spec` says.
    ///
    /// # Errors
    /// [`Code::Usage`] for a spec that must not be applied, or a bucket that lies elsewhere; [`Code::StoreDenied`] for
    /// somebody else's bucket; [`Code::Duplicate`] for a role of that name that is not ours; [`Code::StateForbids`] for
    /// what is there and cannot be merged into.
    pub fn of(spec: &Spec, inventory: &Inventory) -> Result<Self, Problem> {
        Self::draw(Purpose::SetUp, spec, inventory, resource::wanted)
    }

    /// What removes everything that is ours, and nothing else.
    ///
    /// # Errors
    /// As [`Plan::of`].
    pub fn teardown(spec: &Spec, inventory: &Inventory) -> Result<Self, Problem> {
        Self::draw(Purpose::TearDown, spec, inventory, resource::removals)
    }

    fn draw(
        purpose: Purpose,
        spec: &Spec,
        inventory: &Inventory,
        fill: impl FnOnce(&Spec, &Inventory, &mut Draft) -> Result<(), Problem>,
    ) -> Result<Self, Problem> {
        spec.check()?;
        let mut draft = Draft::default();
        let knowing = spec.knowing_key(inventory.key.known().map(|key| key.arn.as_str()));
        fill(&knowing, inventory, &mut draft)?;
        Ok(Self {
            hash: hash(purpose, spec, inventory)?,
            purpose,
            spec: spec.clone(),
            changes: draft.changes,
            kept: draft.kept,
            left: draft.left,
            letters: draft.letters,
            unseen: draft.unseen.into_iter().collect(),
        })
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Refuses a plan that is a guess, because something could not be seen.
    ///
    /// # Errors
    /// [`Code::StoreDenied`], with the action that is missing.
    pub fn must_be_seen(&self) -> Result<(), Problem> {
        match self.unseen.first() {
            None => Ok(()),
            Some(unseen) => Err(denied(&unseen.action, &unseen.target).and("; nothing was changed")),
        }
    }

    /// Changes that concern others and that nobody has accepted yet.
    pub fn to_accept(&self, accepted: &BTreeSet<Switch>) -> Vec<&Change> {
        let open = |change: &&Change| change.accept.is_some_and(|switch| !accepted.contains(&switch));
        self.changes.iter().filter(open).collect()
    }

    /// The plan as it is kept in a file, to be looked at by somebody else and applied later.
    pub fn to_file(&self) -> PlanFile {
        PlanFile {
            format: PlanFile::FORMAT.to_owned(),
            hash: self.hash.clone(),
            purpose: self.purpose,
            spec: self.spec.clone(),
            changes: self.changes.iter().map(Line::of).collect(),
        }
    }
}

fn hash(purpose: Purpose, spec: &Spec, inventory: &Inventory) -> Result<String, Problem> {
    let all = serde_json::to_vec(&(PLANNER, purpose, spec, inventory)).map_err(Problem::internal)?;
    Ok(hex::encode(Sha256::digest(all)))
}

/// A plan in a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanFile {
    /// [`PlanFile::FORMAT`]
    pub format: String,
    /// [`Plan::hash`]
    pub hash: String,
    /// [`Plan::purpose`]
    pub purpose: Purpose,
    /// [`Plan::spec`]
    pub spec: Spec,
    /// What was shown.
    pub changes: Vec<Line>,
}

/// A change, as it was shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// [`Change::kind`]
    pub kind: Kind,
    /// [`Change::target`]
    pub target: String,
    /// [`Change::verb`]
    pub verb: Verb,
    /// [`Change::says`]
    pub says: String,
}

impl Line {
    fn of(change: &Change) -> Self {
        Self {
            kind: change.kind,
            target: change.target.clone(),
            verb: change.verb,
            says: change.says.clone(),
        }
    }
}

impl PlanFile {
    /// The mark of the format.
    pub const FORMAT: &'static str = "firmhold-plan-1";

    /// Takes a file's text.
    ///
    /// # Errors
    /// [`Code::Usage`] if it is none of ours.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let file: Self = serde_json::from_str(text)
            .map_err(|error| Problem::new(Code::Usage, "this is no plan of ours").caused_by(error))?;
        if file.format != Self::FORMAT {
            return Err(Problem::new(Code::Usage, format!("a plan of format {:?}", file.format))
                .with_hint("Plan again with this release."));
        }
        Ok(file)
    }

    /// Refuses `now`, the plan as it would be made this minute, unless it is this one.
    ///
    /// # Errors
    /// [`Code::StateForbids`], with what is different.
    pub fn must_be(&self, now: &Plan) -> Result<(), Problem> {
        if self.hash == now.hash {
            return Ok(());
        }
        let lines: Vec<Line> = now.changes.iter().map(Line::of).collect();
        let say = |line: &Line, how: &str| format!("{how}: {} {}, {}", line.verb, line.kind, line.says);
        let more = lines.iter().filter(|line| !self.changes.contains(line)).map(|line| say(line, "now also"));
        let less =
            self.changes.iter().filter(|line| !lines.contains(line)).map(|line| say(line, "not any more"));
        let differences: Vec<String> = more.chain(less).collect();
        let says = if differences.is_empty() {
            "the account has changed since the plan was made, though the steps are the same".to_owned()
        } else {
            format!("the account has changed since the plan was made ({})", differences.join("; "))
        };
        Err(Problem::new(Code::StateForbids, says)
            .with_hint("Nothing was changed. Plan again, and look at it."))
    }
}

/// A plan in the making: each kind of thing adds its own.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    changes: Vec<Change>,
    kept: Vec<Note>,
    left: Vec<Note>,
    letters: Vec<Letter>,
    unseen: BTreeSet<Unseen>,
}

impl Draft {
    /// A step.
    pub(crate) fn add(&mut self, change: Change) {
        self.changes.push(change);
    }

    /// What is there as it should be.
    pub(crate) fn keep(&mut self, kind: Kind, target: impl Into<String>, says: impl Into<String>) {
        self.kept.push(Note { kind, target: target.into(), says: says.into() });
    }

    /// What is not touched, and why.
    pub(crate) fn leave(&mut self, kind: Kind, target: impl Into<String>, why: impl Into<String>) {
        self.left.push(Note { kind, target: target.into(), says: why.into() });
    }

    /// What somebody else has to be asked for.
    pub(crate) fn write(&mut self, letter: Letter) {
        self.letters.push(letter);
    }

    /// What another draft has, its steps as `with` makes them.
    pub(crate) fn take_over(&mut self, other: Self, with: impl FnMut(Change) -> Change) {
        self.changes.extend(other.changes.into_iter().map(with));
        self.kept.extend(other.kept);
        self.left.extend(other.left);
        self.letters.extend(other.letters);
        self.unseen.extend(other.unseen);
    }

    /// Whether a step has to be accepted, because others may keep something in the bucket.
    pub(crate) fn concerns_others(&self) -> bool {
        self.changes.iter().any(|change| change.accept.is_some())
    }

    /// What is known of a thing; `None`, noted, when it was not shown.
    pub(crate) fn see<'a, T>(&mut self, fact: &'a Fact<T>, target: &str) -> Option<Option<&'a T>> {
        match fact {
            Fact::Known(value) => Some(Some(value)),
            Fact::Absent => Some(None),
            Fact::Denied(action) => {
                self.unseen.insert(Unseen { action: action.clone(), target: target.to_owned() });
                None
            }
        }
    }
}
