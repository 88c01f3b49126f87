//! `firmhold policy simulate`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use firmhold_core::{Code, Problem};
use firmhold_iam::{
    Context, ContextValue, Decision, Fit, Policies, Policy, PolicyKind, Principal, Request, decide,
};
use serde_json::json;

use super::documents;
use crate::commands::Outcome;
use crate::printer::{self, Printer, Tone, toned};

/// Decide a request as AWS would, and say which statement decided
#[derive(Args)]
#[command(after_help = "Example:\n  \
    firmhold policy simulate --identity role.json --resource-policy bucket.json \\\n    \
    --principal arn:aws:sts::111122223333:assumed-role/FirmholdBackend/s \\\n    \
    --action s3:PutObject --resource arn:aws:s3:::acme-fw/firmhold/a \\\n    \
    --account 111122223333 --context aws:SecureTransport=true\n\n\
    Keys that a request would carry and that are not given are absent. Exit code 4: the request is denied.\n\
    What AWS alone knows of the caller (aws:userid, the path of a session's role) denies where a statement asks for it.")]
pub struct Simulate {
    /// Permission policy of the caller; may be given more than once
    #[arg(long, value_name = "FILE")]
    identity: Vec<PathBuf>,
    /// Policy of the resource (bucket policy, key policy)
    #[arg(long, value_name = "FILE")]
    resource_policy: Option<PathBuf>,
    /// Trust policy of the role that is assumed
    #[arg(long, value_name = "FILE")]
    trust: Option<PathBuf>,
    /// Permissions boundary of the caller
    #[arg(long, value_name = "FILE")]
    boundary: Option<PathBuf>,
    /// Session policy of the caller
    #[arg(long, value_name = "FILE")]
    session: Option<PathBuf>,
    /// Service control policies of one level of the caller's organization; once for each level, from its root to the
    /// account
    #[arg(long, value_name = "FILE[,FILE…]")]
    scp: Vec<String>,
    /// Resource control policies of the account that owns the resource
    #[arg(long, value_name = "FILE")]
    rcp: Vec<PathBuf>,
    /// The management account of the organization, which control policies do not bind
    #[arg(long, value_name = "ACCOUNT")]
    management_account: Option<String>,
    /// Who asks: an ARN, a service such as s3.amazonaws.com, or `anonymous`
    #[arg(long, value_name = "ARN")]
    principal: String,
    /// What for, e.g. s3:PutObject
    #[arg(long, value_name = "ACTION")]
    action: String,
    /// On what: an ARN, or `*`
    #[arg(long, value_name = "ARN", default_value = "*")]
    resource: String,
    /// The account that owns the resource [default: told by its ARN]
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<String>,
    /// A condition key of the request; given twice it has two values
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_and_value)]
    context: Vec<(String, String)>,
}

fn key_and_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("KEY=VALUE is due")?;
    match key.is_empty() {
        true => Err("the key is empty".to_owned()),
        false => Ok((key.to_owned(), value.to_owned())),
    }
}

fn policy(path: &Path, kind: PolicyKind) -> Result<Policy, Problem> {
    let text = documents::read(path)?;
    Policy::parse(&documents::name(path), &text, kind).map_err(|error| {
        Problem::new(
            Code::Usage,
            format!("{} is not a {kind} policy: {} ({})", path.display(), error.message, error.place),
        )
        .with_hint("`firmhold policy lint` says more")
    })
}

fn optional(path: Option<&PathBuf>, kind: PolicyKind) -> Result<Option<Policy>, Problem> {
    path.map(|path| policy(path, kind)).transpose()
}

impl Simulate {
    /// Decides.
    ///
    /// # Errors
    /// A document that is not a policy of its kind, or a principal that is none.
    pub fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        let resource = optional(self.resource_policy.as_ref(), PolicyKind::Resource)?;
        let trust = optional(self.trust.as_ref(), PolicyKind::Trust)?;
        let boundary = optional(self.boundary.as_ref(), PolicyKind::Boundary)?;
        let session = optional(self.session.as_ref(), PolicyKind::Session)?;
        let several = |paths: &[PathBuf], kind| -> Result<Vec<Policy>, Problem> {
            paths.iter().map(|path| policy(path, kind)).collect()
        };
        let identity = several(&self.identity, PolicyKind::Identity)?;
        let levels = self.scp.iter().map(|level| level.split(',').map(PathBuf::from).collect::<Vec<_>>());
        let service_control: Vec<Vec<Policy>> =
            levels.map(|level| several(&level, PolicyKind::ServiceControl)).collect::<Result<_, _>>()?;
        let resource_control = several(&self.rcp, PolicyKind::ResourceControl)?;
        let request = self.request()?;
        let policies = Policies {
            identity: identity.iter().collect(),
            resource: resource.as_ref(),
            trust: trust.as_ref(),
            boundary: boundary.as_ref(),
            session: session.as_ref(),
            service_control: service_control.iter().map(|level| level.iter().collect()).collect(),
            resource_control: resource_control.iter().collect(),
            management_account: self.management_account.as_deref(),
        };
        let decision = decide(&request, &policies);
        let document = json!({
            "outcome": decision.outcome,
            "summary": decision.summary(),
            "aws_reason": decision.aws_reason(),
            "trace": decision.trace,
        });
        printer.result(&document, |_| human(&decision));
        Ok(if decision.is_allowed() { Outcome::Done } else { Outcome::Denied })
    }

    fn request(&self) -> Result<Request, Problem> {
        let principal = match self.principal.as_str() {
            "anonymous" => Principal::Anonymous,
            name if !name.starts_with("arn:") && name.contains('.') => Principal::Service(name.to_owned()),
            arn => Principal::from_arn(arn).map_err(|error| Problem::new(Code::Usage, error.to_string()))?,
        };
        let mut context = Context::new();
        for (key, value) in &self.context {
            let set = match context.get(key) {
                None => ContextValue::One(value.clone()),
                Some(before) => {
                    ContextValue::Many(before.values().iter().cloned().chain([value.clone()]).collect())
                }
            };
            context.set(key, set);
        }
        Ok(Request {
            principal,
            action: self.action.clone(),
            resource: self.resource.clone(),
            resource_account: self.account.clone(),
            context,
        })
    }
}

fn human(decision: &Decision) -> String {
    let tone = if decision.is_allowed() { Tone::Good } else { Tone::Bad };
    let mut text = format!("{}\n", toned(tone, &decision.summary()));
    if !decision.aws_reason().is_empty() {
        let _ = writeln!(text, "{}", toned(Tone::Dim, &format!("AWS says: … {}", decision.aws_reason())));
    }
    let mut rows = vec![
        ["policy", "statement", "effect", "place", "how it meets the request"].map(str::to_owned).to_vec(),
    ];
    for step in &decision.trace.steps {
        let sid = step.sid.as_deref().map(|sid| format!(" {sid}")).unwrap_or_default();
        let fit = match &step.fit {
            Fit::Applies => toned(Tone::Strong, "applies"),
            other => toned(Tone::Dim, &other.to_string()),
        };
        rows.push(vec![
            format!("{} {}", step.kind, step.policy),
            format!("{}{sid}", step.statement),
            format!("{:?}", step.effect),
            format!("{}:{}", step.place.line, step.place.column),
            fit,
        ]);
    }
    if rows.len() > 1 {
        let _ = write!(text, "\n{}", printer::table(&rows));
    }
    text
}
