//! A document as a rule sees it, what stands beside it, and where findings go.

use super::beside::{Beside, RoleView};
use super::document::{Document, DocumentKind, Holder, wrapped};
use super::finding::{Finding, Refusal, Severity};
use super::keys::Known;
use super::mend::{Edit, Mend};
use super::rules::Rule;
use super::setting::Setting;
use super::tree::{At, Broken, Tree};
use super::view::{StatementView, s3_resource, statements};
use crate::decision::Place;
use crate::{Policy, PolicyError, PolicyKind};

/// The documents of one run, read.
pub struct Files<'d> {
    files: Vec<(&'d Document, Option<Result<Tree<'d>, Broken>>)>,
}

impl<'d> Files<'d> {
    pub fn read(documents: &'d [Document]) -> Self {
        let read = |document: &'d Document| {
            let plain = matches!(document.kind, DocumentKind::Command | DocumentKind::Prose)
                || document.missing.is_some();
            (document, (!plain).then(|| Tree::read(&document.text)))
        };
        Self { files: documents.iter().map(read).collect() }
    }

    pub fn subjects(&self) -> Vec<Subject<'_>> {
        self.files.iter().map(|(document, tree)| Subject::new(document, tree.as_ref())).collect()
    }
}

/// One document.
pub struct Subject<'a> {
    pub document: &'a Document,
    /// Why it is no JSON.
    pub broken: Option<&'a Broken>,
    /// Inside of what the AWS CLI puts around it.
    pub root: Option<At<'a>>,
    /// Of a policy.
    pub statements: Vec<StatementView<'a>>,
    /// What the strict parser makes of a policy.
    pub policy: Option<Result<Policy, PolicyError>>,
    /// Whether it carries the mark of our generators.
    pub ours: bool,
}

impl<'a> Subject<'a> {
    fn new(document: &'a Document, tree: Option<&'a Result<Tree<'a>, Broken>>) -> Self {
        let root = tree.and_then(|tree| tree.as_ref().ok()).map(Tree::root);
        let root = root.map(|root| wrapped(&root).unwrap_or(root));
        let broken = tree.and_then(|tree| tree.as_ref().err());
        let is_policy = document.kind.is_policy() && root.is_some();
        let statements = root.as_ref().filter(|_| is_policy).map(statements).unwrap_or_default();
        let ours = root.as_ref().is_some_and(|root| is_ours(root, &statements));
        let policy = is_policy.then(|| Policy::parse(&document.name, &document.text, strict(document.kind)));
        Self { document, broken, root, statements, policy, ours }
    }

    pub fn kind(&self) -> DocumentKind {
        self.document.kind
    }

    pub fn is(&self, kind: DocumentKind) -> bool {
        self.document.kind == kind
    }

    /// The policy, if AWS would take it.
    pub fn valid(&self) -> Option<&Policy> {
        self.policy.as_ref()?.as_ref().ok()
    }

    /// The rules of a lifecycle or replication configuration.
    pub fn rules(&self) -> Vec<At<'a>> {
        let rules = self.root.as_ref().and_then(|root| root.get("Rules").or_else(|| root.get("Rule")));
        rules.map(|rules| rules.items()).unwrap_or_default().into_iter().filter(At::is_object).collect()
    }

    /// Statements of a permission policy that let objects be written.
    pub fn uploads(&self) -> Vec<&StatementView<'a>> {
        let writes =
            |statement: &&StatementView<'a>| statement.allows() && statement.covers("s3:PutObject").is_some();
        self.statements.iter().filter(writes).collect()
    }

    /// Lines of prose with their numbers from 1.
    pub fn lines(&self) -> impl Iterator<Item = (usize, &'a str)> + use<'a> {
        let text = if self.is(DocumentKind::Prose) { self.document.text.as_str() } else { "" };
        text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }
}

/// The generators' mark: an `Id` or every `Sid` begins with our name.
fn is_ours(root: &At<'_>, statements: &[StatementView<'_>]) -> bool {
    let ours = |text: &str| text.to_ascii_lowercase().starts_with("firmhold");
    let sids = || statements.iter().all(|statement| statement.sid.is_some_and(ours));
    root.text_of("Id").is_some_and(ours) || (!statements.is_empty() && sids())
}

fn strict(kind: DocumentKind) -> PolicyKind {
    match kind {
        DocumentKind::Trust => PolicyKind::Trust,
        DocumentKind::Bucket | DocumentKind::Key => PolicyKind::Resource,
        DocumentKind::Session => PolicyKind::Session,
        _ => PolicyKind::Identity,
    }
}

/// A document among the others.
pub struct Scene<'a> {
    pub own: &'a Subject<'a>,
    pub beside: &'a Beside<'a>,
    pub setting: &'a Setting,
    pub known: &'a Known,
}

impl<'a> Scene<'a> {
    /// All documents of a kind, its own included.
    pub fn of(&self, kind: DocumentKind) -> impl Iterator<Item = &'a Subject<'a>> + use<'a> {
        self.beside.of_kind(kind)
    }

    /// The roles that hold the permission policy at hand, each with what counts for it: one that nobody names where
    /// nothing says whose it is.
    pub fn roles(&self) -> impl Iterator<Item = RoleView<'a>> + use<'a> {
        self.beside.roles(self.own)
    }

    /// Which of these actions a role that holds the policy at hand is not allowed by any of its policies, and which
    /// role; never of one that has a policy which is not known.
    pub fn lacking(&self, actions: &[&'static str]) -> Option<(RoleView<'a>, Vec<&'static str>)> {
        self.roles().filter(RoleView::is_known).find_map(|role| {
            let missing: Vec<_> = actions.iter().copied().filter(|action| !role.grants(action)).collect();
            (!missing.is_empty()).then_some((role, missing))
        })
    }

    /// Whether this is the permission policy of a role that uploads firmware and serves it: because somebody said so,
    /// or because it lets both be done in one bucket that it names. A policy with variables is for many users, and
    /// a backend's role is one.
    pub fn is_backend_role(&self) -> bool {
        if !self.is_of_role() {
            return false;
        }
        let may = |action: &'static str| {
            let statements = self.own.statements.iter().filter(|statement| statement.allows());
            let covering = statements.filter(move |statement| {
                let own = statement.covers(action).and_then(At::as_text);
                own.is_some_and(|own| own.starts_with("s3:"))
            });
            let arns = covering.flat_map(|statement| &statement.resources).filter_map(|at| at.as_text());
            arns.filter(|arn| !arn.contains("${")).filter_map(s3_resource).map(|(bucket, _)| bucket)
        };
        let named = |bucket: &&str| !bucket.starts_with('*');
        self.is_said_backend()
            || may("s3:PutObject")
                .filter(named)
                .any(|bucket| may("s3:GetObject").any(|other| other == bucket))
    }

    /// Whether somebody said that it is: the caller, a guide, or the mark of our generators.
    pub fn is_said_backend(&self) -> bool {
        self.is_of_role()
            && (self.setting.backend_role
                || self.setting.complete
                || self.own.ours && !self.own.uploads().is_empty())
    }

    /// Whether this is a permission policy that a role can have.
    fn is_of_role(&self) -> bool {
        self.own.is(DocumentKind::Identity) && self.own.document.holder != Holder::NoRole
    }

    /// Whether anything says that the bucket is encrypted with SSE-KMS.
    pub fn uses_kms(&self) -> bool {
        const KEY: &str = "s3:x-amz-server-side-encryption-aws-kms-key-id";
        let by_key = |statement: &StatementView<'_>| statement.conditions_on(KEY).next().is_some();
        let default = |subject: &Subject<'_>| {
            let strings = subject.root.as_ref().map(At::strings).unwrap_or_default();
            strings.iter().any(|text| text.as_text().is_some_and(|text| text.starts_with("aws:kms")))
        };
        self.setting.kms
            || self.own.statements.iter().any(by_key)
            || self.of(DocumentKind::Encryption).any(default)
    }
}

/// Of one rule in one document. Nobody mends more than these in one go.
const MAX_FINDINGS: usize = 50;

/// Takes what a rule finds in a document.
pub struct Report<'a> {
    rule: &'static Rule,
    subject: &'a Subject<'a>,
    findings: Vec<Finding>,
}

impl<'a> Report<'a> {
    pub fn new(rule: &'static Rule, subject: &'a Subject<'a>) -> Self {
        Self { rule, subject, findings: Vec::new() }
    }

    pub fn into_findings(self) -> Vec<Finding> {
        self.findings
    }

    /// A finding at a value. Its severity is the rule's unless it says otherwise.
    pub fn find(&mut self, at: &At<'_>, message: impl Into<String>) -> Found<'_> {
        match self.is_full() {
            // Where a value stands is counted from the first byte: not once more than needed.
            true => self.nothing(),
            false => self.find_at(at.place(), message),
        }
    }

    /// INVARIANT: what one rule says of one document is bounded, or a long one full of faults would take for ever.
    pub fn is_full(&self) -> bool {
        self.findings.len() >= MAX_FINDINGS
    }

    fn nothing(&self) -> Found<'_> {
        Found { finding: None, source: "", words: "" }
    }

    /// A finding in a line of prose or of a command.
    pub fn find_line(&mut self, line: usize, column: usize, message: impl Into<String>) -> Found<'_> {
        self.find_at(Place { path: String::new(), line, column }, message)
    }

    pub fn find_at(&mut self, place: Place, message: impl Into<String>) -> Found<'_> {
        if self.is_full() {
            return self.nothing();
        }
        let (line, column) = self.subject.document.origin;
        let column = if place.line == 1 { column + place.column - 1 } else { place.column };
        self.findings.push(Finding {
            id: self.rule.id,
            severity: self.rule.severity,
            document: self.subject.document.name.clone(),
            place: Place { path: place.path, line: line + place.line - 1, column },
            message: message.into(),
            aws: self.rule.aws,
            refused: Vec::new(),
            mend: Some(Mend::words(self.rule.mend)),
            docs: format!("docs/lint.md#{}", self.rule.id.to_ascii_lowercase()),
        });
        let source = &self.subject.document.text;
        Found { finding: self.findings.last_mut(), source, words: self.rule.mend }
    }
}

/// The finding just made.
pub struct Found<'r> {
    finding: Option<&'r mut Finding>,
    source: &'r str,
    words: &'static str,
}

impl Found<'_> {
    pub fn severity(mut self, severity: Severity) -> Self {
        if let Some(finding) = &mut self.finding {
            finding.severity = severity;
        }
        self
    }

    /// The actions that AWS refuses for it, with its error code.
    pub fn refuses<'x>(mut self, error: &'static str, actions: impl IntoIterator<Item = &'x str>) -> Self {
        if let Some(finding) = &mut self.finding {
            let named = |action: &str| Refusal { action: action.to_owned(), error };
            finding.refused.extend(actions.into_iter().map(named));
        }
        self
    }

    /// Edits of the document that mend it.
    pub fn edits(self, edits: Vec<Edit>) {
        if let Some(finding) = self.finding {
            finding.mend = Some(Mend::edits(self.words, self.source, edits));
        }
    }

    /// Another mend than the rule's.
    pub fn words(self, words: impl Into<String>) {
        if let Some(finding) = self.finding {
            finding.mend = Some(Mend::words(words));
        }
    }
}
