//! The reader of a guide: the owner of an account, who does what the page says.

use aws_credential_types::Credentials;
use firmhold_core::Problem;
use firmhold_iam::guide::{self, Action};
use firmhold_sandbox::{CUSTOMER_ACCOUNT, Sandbox, SeededUser};
use http::Method;
use serde_json::{Value, json};

use super::aws::{Answer, Aws, S3};
use super::xml;
use crate::commands::policy::report::StepOutcome;

const ROLE: &str = "GuideRole";
/// A twin of the role that the owner may always assume: with the role itself the page decides who may.
const TWIN: &str = "GuideRoleTwin";
const POLICY: &str = "guide";
const BUCKET: &str = "guide-replay";
const REGION: &str = "us-west-2";

/// What was tried, and what came of it.
pub struct Tried {
    pub what: String,
    pub outcome: StepOutcome,
    pub error: Option<String>,
    pub detail: Option<String>,
    /// The action that was asked for.
    pub action: Option<String>,
    /// The statement that decided.
    pub statement: Option<Named>,
}

/// A statement of a document of the page.
pub struct Named {
    /// The document as it was put.
    pub document: String,
    /// The number of the statement, from 1.
    pub statement: usize,
    /// `OPERATOR KEY` of the condition that was not met.
    pub condition: Option<String>,
    /// The line of the page on which the document begins, if another step put it.
    pub line: Option<usize>,
}

/// Documents that are in force, to find a statement by its policy's name.
#[derive(Default)]
struct InForce {
    role: Option<(String, usize)>,
    bucket: Option<(String, usize)>,
    trust: Option<(String, usize)>,
}

/// The reader, in the middle of the page.
pub struct Reader<'s> {
    sandbox: &'s Sandbox,
    aws: Aws,
    owner: Credentials,
    platform: Credentials,
    bucket: Option<String>,
    region: String,
    has_role: bool,
    in_force: InForce,
    line: usize,
}

fn credentials(user: &SeededUser) -> Credentials {
    Credentials::new(&user.access_key_id, &user.secret_access_key, None, None, "guide")
}

fn done(what: impl Into<String>) -> Tried {
    Tried {
        what: what.into(),
        outcome: StepOutcome::Done,
        error: None,
        detail: None,
        action: None,
        statement: None,
    }
}

fn left_out(what: impl Into<String>, why: impl Into<String>) -> Tried {
    Tried { outcome: StepOutcome::LeftOut, detail: Some(why.into()), ..done(what) }
}

/// The decisions about one request, in their order. What follows a semicolon and begins with no action goes on with the
/// decision before it.
fn decisions(log: &str) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for part in log.split("; ") {
        match all.last_mut().filter(|_| action_of(part).is_none()) {
            Some(last) => last.extend(["; ", part]),
            None => all.push(part.to_owned()),
        }
    }
    all
}

/// The action of `s3:PutObject on ARN: …`.
fn action_of(decision: &str) -> Option<String> {
    let (action, _) = decision.split_once(" on ")?;
    let is_action =
        action.contains(':') && action.bytes().all(|b| b.is_ascii_alphanumeric() || b":-".contains(&b));
    is_action.then(|| action.to_owned())
}

impl<'s> Reader<'s> {
    pub fn new(sandbox: &'s Sandbox) -> Result<Self, Problem> {
        Ok(Self {
            sandbox,
            aws: Aws::new(sandbox.http_url(), sandbox.clock().clone())?,
            owner: credentials(sandbox.customer()),
            platform: credentials(sandbox.platform()),
            bucket: None,
            region: REGION.to_owned(),
            has_role: false,
            in_force: InForce::default(),
            line: 0,
        })
    }

    /// Does one step. What stops it is an outcome, not an error: the reader goes on with the next.
    pub async fn take(&mut self, line: usize, action: &Action) -> Vec<Tried> {
        self.line = line;
        let took = match action {
            Action::CreateBucket(name) => self.create_bucket(name).await.map(|tried| vec![tried]),
            Action::EnableVersioning => self.versioning().await,
            Action::CreateRole => self.create_role().await,
            Action::AttachPolicy(text) => self.attach(text).await,
            Action::PutBucketPolicy(text) => self.bucket_policy(text).await,
            Action::PutTrust(text) => self.trust(text).await,
            Action::PutLifecycle(text) => {
                self.configuration("lifecycle", "LifecycleConfiguration", text).await
            }
            Action::PutReplication(text) => {
                let text = guide::with_account(text, CUSTOMER_ACCOUNT);
                self.configuration("replication", "ReplicationConfiguration", &text).await
            }
            Action::PutAlarm(_) => Ok(vec![left_out("put the alarm", "the replay puts no alarms")]),
            Action::Run(words) => self.run(words).await,
        };
        took.unwrap_or_else(|problem| vec![left_out("this step", problem.detail())])
    }

    async fn s3(
        &self,
        who: &Credentials,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Answer, Problem> {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let request = S3 { method, path: path.to_owned(), headers, body };
        self.aws.s3(who, &self.region, request).await
    }

    /// What came of a request: refused, absent (which is an answer), or done.
    fn judge(&self, what: impl Into<String>, answer: &Answer) -> Tried {
        if answer.is_ok() {
            return done(what);
        }
        let error = Some(answer.error());
        let detail = answer.element("Message").map(|text| text.replace("&quot;", "\""));
        if answer.status == 404 {
            return Tried { error, detail, ..done(what) };
        }
        let log = self.sandbox.request_log().entries();
        let decisions = log.last().map(|entry| decisions(&entry.decision)).unwrap_or_default();
        // Of several decisions the last one refused; what no policy refused was decided by the first alone.
        let (action, statement) = match answer.status {
            403 => decisions.last().map(|last| (action_of(last), self.decided(last))),
            _ => decisions.first().map(|first| (action_of(first), None)),
        }
        .unwrap_or((None, None));
        Tried { what: what.into(), outcome: StepOutcome::Stopped, error, detail, action, statement }
    }

    /// The statement of `s3:PutObject on ARN: … policy "guide" statement 2 (Sid), not met: OPERATOR KEY`.
    fn decided(&self, decision: &str) -> Option<Named> {
        let named = |name: &str, document: &Option<(String, usize)>| {
            let (_, rest) = decision.split_once(&format!("policy \"{name}\" statement "))?;
            let number: String = rest.chars().take_while(char::is_ascii_digit).collect();
            let condition = rest.split_once("not met: ").map(|(_, label)| label.trim().to_owned());
            let (text, line) = document.as_ref()?;
            Some(Named {
                document: text.clone(),
                statement: number.parse().ok()?,
                condition,
                line: Some(*line),
            })
        };
        named(POLICY, &self.in_force.role)
            .or_else(|| named("bucket-policy", &self.in_force.bucket))
            .or_else(|| named("trust-policy", &self.in_force.trust))
    }

    async fn create_bucket(&mut self, name: &str) -> Result<Tried, Problem> {
        if self.bucket.is_some() {
            return Ok(left_out(format!("create the bucket {name}"), "there is a bucket already"));
        }
        let body = match self.region.as_str() {
            "us-east-1" => String::new(),
            region => xml::of("CreateBucketConfiguration", &json!({ "LocationConstraint": region })),
        };
        let answer = self.s3(&self.owner, Method::PUT, &format!("/{name}"), &[], &body).await?;
        if answer.is_ok() {
            self.bucket = Some(name.to_owned());
        }
        Ok(self.judge(format!("create the bucket {name}"), &answer))
    }

    /// The bucket's name; a page that forgets to create one gets one.
    async fn bucket(&mut self) -> Result<String, Problem> {
        if self.bucket.is_none() {
            self.create_bucket(BUCKET).await?;
        }
        Ok(self.bucket.clone().unwrap_or_else(|| BUCKET.to_owned()))
    }

    async fn versioning(&mut self) -> Result<Vec<Tried>, Problem> {
        let bucket = self.bucket().await?;
        let body = xml::of("VersioningConfiguration", &json!({ "Status": "Enabled" }));
        let answer = self.s3(&self.owner, Method::PUT, &format!("/{bucket}?versioning="), &[], &body).await?;
        Ok(vec![self.judge("turn versioning on", &answer)])
    }

    async fn make_role(&self, name: &str) -> Result<Answer, Problem> {
        let trust = json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": { "AWS": format!("arn:aws:iam::{CUSTOMER_ACCOUNT}:root") },
                "Action": "sts:AssumeRole",
            }],
        });
        let trust = trust.to_string();
        let parameters =
            [("Action", "CreateRole"), ("RoleName", name), ("AssumeRolePolicyDocument", trust.as_str())];
        self.aws.query(&self.owner, "iam", &parameters).await
    }

    async fn create_role(&mut self) -> Result<Vec<Tried>, Problem> {
        if self.has_role {
            return Ok(vec![left_out("create the role", "there is a role already")]);
        }
        let answer = self.make_role(ROLE).await?;
        let mut created = self.judge("create the role, trusted by its own account", &answer);
        if answer.is_ok() {
            self.make_role(TWIN).await?;
            self.has_role = true;
            let open = self.assume(&self.owner, ROLE, None).await?;
            if open.is_ok() {
                let text = "a user of the account assumed it, without an external ID";
                created.detail = Some(text.to_owned());
            }
        }
        Ok(vec![created])
    }

    async fn assume(
        &self,
        who: &Credentials,
        role: &str,
        external_id: Option<&str>,
    ) -> Result<Answer, Problem> {
        let arn = format!("arn:aws:iam::{CUSTOMER_ACCOUNT}:role/{role}");
        let mut parameters =
            vec![("Action", "AssumeRole"), ("RoleArn", arn.as_str()), ("RoleSessionName", "guide")];
        parameters.extend(external_id.map(|id| ("ExternalId", id)));
        self.aws.query(who, "sts", &parameters).await
    }

    /// The policy takes the place of the one before, and a session of the role does what a backend's does.
    async fn attach(&mut self, text: &str) -> Result<Vec<Tried>, Problem> {
        let bucket = self.bucket().await?;
        let mut tried = Vec::new();
        if !self.has_role {
            tried.extend(self.create_role().await?);
        }
        let text = guide::with_bucket(text, &bucket);
        let mut answer = None;
        for role in [ROLE, TWIN] {
            let parameters = [
                ("Action", "PutRolePolicy"),
                ("RoleName", role),
                ("PolicyName", POLICY),
                ("PolicyDocument", text.as_str()),
            ];
            answer = Some(self.aws.query(&self.owner, "iam", &parameters).await?);
        }
        let Some(answer) = answer else { return Ok(tried) };
        tried.push(self.judge("attach the policy to the role", &answer));
        if answer.is_ok() {
            self.in_force.role = Some((text.clone(), self.line));
            tried.extend(self.work_as_role(&bucket, &text).await?);
        }
        Ok(tried)
    }

    async fn role_session(&self) -> Result<Option<Credentials>, Problem> {
        let answer = self.assume(&self.owner, TWIN, None).await?;
        let part = |name: &str| answer.element(name).map(str::to_owned);
        Ok(match (part("AccessKeyId"), part("SecretAccessKey"), part("SessionToken")) {
            (Some(id), Some(secret), Some(token)) => {
                Some(Credentials::new(id, secret, Some(token), None, "guide"))
            }
            _ => None,
        })
    }

    async fn work_as_role(&self, bucket: &str, policy: &str) -> Result<Vec<Tried>, Problem> {
        let Some(role) = self.role_session().await? else { return Ok(Vec::new()) };
        let mut tried = Vec::new();
        let object = format!("/{bucket}/guide/image.bin");
        // What there is to read does not depend on what the role may write.
        self.s3(&self.owner, Method::PUT, &object, &[], "image").await?;
        let plain = self.s3(&role, Method::PUT, &object, &[], "image").await?;
        tried.push(self.judge("upload as the role", &plain));
        let headers = guide::wanted_headers(policy);
        if !headers.is_empty() {
            let headers: Vec<(&str, &str)> =
                headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let answer = self.s3(&role, Method::PUT, &object, &headers, "image").await?;
            tried.push(self.judge("upload as the role with just the headers that the policy wants", &answer));
        }
        let answer = self.s3(&role, Method::GET, &object, &[], "").await?;
        tried.push(self.judge("download as the role", &answer));
        let answer =
            self.s3(&role, Method::GET, &format!("/{bucket}?list-type=2&prefix=guide%2F"), &[], "").await?;
        tried.push(self.judge("list as the role", &answer));
        if plain.is_ok() {
            tried.extend(self.multipart(&role, &object).await?);
        }
        Ok(tried)
    }

    async fn multipart(&self, role: &Credentials, object: &str) -> Result<Vec<Tried>, Problem> {
        let begun = self.s3(role, Method::POST, &format!("{object}?uploads="), &[], "").await?;
        let Some(id) = begun.element("UploadId") else {
            return Ok(vec![self.judge("begin an upload in parts as the role", &begun)]);
        };
        let parts = self.s3(role, Method::GET, &format!("{object}?uploadId={id}"), &[], "").await?;
        let listed = self.judge("list the parts of an upload as the role", &parts);
        let aborted = self.s3(role, Method::DELETE, &format!("{object}?uploadId={id}"), &[], "").await?;
        Ok(vec![listed, self.judge("abort an upload as the role", &aborted)])
    }

    async fn bucket_policy(&mut self, text: &str) -> Result<Vec<Tried>, Problem> {
        let bucket = self.bucket().await?;
        let text = guide::with_bucket(text, &bucket);
        let answer = self.s3(&self.owner, Method::PUT, &format!("/{bucket}?policy="), &[], &text).await?;
        let mut tried = vec![self.judge("put the bucket policy", &answer)];
        if answer.is_ok() {
            self.in_force.bucket = Some((text, self.line));
            if let Some(role) = self.role_session().await.ok().flatten() {
                let answer =
                    self.s3(&role, Method::GET, &format!("/{bucket}/guide/image.bin"), &[], "").await?;
                tried.push(self.judge("download as a device would", &answer));
            }
        }
        Ok(tried)
    }

    async fn trust(&mut self, text: &str) -> Result<Vec<Tried>, Problem> {
        let mut tried = Vec::new();
        if !self.has_role {
            tried.extend(self.create_role().await?);
        }
        let (text, external_id) = guide::with_principal(text, self.sandbox.platform_role_arn());
        let parameters =
            [("Action", "UpdateAssumeRolePolicy"), ("RoleName", ROLE), ("PolicyDocument", text.as_str())];
        let answer = self.aws.query(&self.owner, "iam", &parameters).await?;
        tried.push(self.judge("put the trust policy", &answer));
        if answer.is_ok() {
            self.in_force.trust = Some((text, self.line));
            let platform = self.platform_session().await?;
            let answer = self.assume(&platform, ROLE, external_id.as_deref()).await?;
            tried.push(self.judge("assume the role as the platform", &answer));
        }
        Ok(tried)
    }

    async fn platform_session(&self) -> Result<Credentials, Problem> {
        let role = self.sandbox.platform_role_arn();
        let parameters = [("Action", "AssumeRole"), ("RoleArn", role), ("RoleSessionName", "platform")];
        let answer = self.aws.query(&self.platform, "sts", &parameters).await?;
        let part = |name: &str| answer.element(name).unwrap_or_default().to_owned();
        Ok(Credentials::new(
            part("AccessKeyId"),
            part("SecretAccessKey"),
            Some(part("SessionToken")),
            None,
            "guide",
        ))
    }

    async fn configuration(&mut self, query: &str, root: &str, text: &str) -> Result<Vec<Tried>, Problem> {
        let bucket = self.bucket().await?;
        let value: Value = serde_json::from_str(text).unwrap_or_default();
        let answer = self
            .s3(&self.owner, Method::PUT, &format!("/{bucket}?{query}="), &[], &xml::of(root, &value))
            .await?;
        Ok(vec![self.judge(format!("put the {query} configuration"), &answer)])
    }

    /// A command as the owner, if it is one of those that guides have.
    async fn run(&mut self, words: &[String]) -> Result<Vec<Tried>, Problem> {
        let what = words.iter().take(3).map(String::as_str).collect::<Vec<_>>().join(" ");
        let option = |name: &str| {
            let at = words.iter().position(|word| word == name)?;
            words.get(at + 1).map(String::as_str)
        };
        let verb: Vec<&str> = words.iter().skip(1).take(2).map(String::as_str).collect();
        if let ["s3api", "create-bucket"] | ["s3", "mb"] = verb.as_slice() {
            let by_url = words.iter().find_map(|word| word.strip_prefix("s3://"));
            let name = option("--bucket").or(by_url).unwrap_or(BUCKET).trim_end_matches('/').to_owned();
            let place = option("--create-bucket-configuration")
                .and_then(|text| text.split_once("LocationConstraint="));
            let region = place.map(|(_, region)| region).or(option("--region"));
            if let Some(region) = region.filter(|_| self.bucket.is_none()) {
                self.region = region.to_owned();
            }
            return Ok(vec![self.create_bucket(&name).await?]);
        }
        let bucket = self.bucket().await?;
        let key = option("--key").unwrap_or("guide/image.bin").to_owned();
        let answer = match verb.as_slice() {
            ["s3api", "put-bucket-versioning"] => return self.versioning().await,
            ["s3", "cp"] => {
                let target = words.iter().find_map(|word| word.strip_prefix("s3://")).unwrap_or_default();
                let folder = target.split_once('/').map_or("", |(_, key)| key);
                let file = words.get(3).and_then(|path| path.rsplit('/').next()).unwrap_or("file");
                let key = if folder.is_empty() || folder.ends_with('/') {
                    format!("{folder}{file}")
                } else {
                    folder.to_owned()
                };
                self.s3(&self.owner, Method::PUT, &format!("/{bucket}/{key}"), &[], "image").await?
            }
            ["s3api", "list-objects-v2"] => {
                self.s3(&self.owner, Method::GET, &format!("/{bucket}?list-type=2"), &[], "").await?
            }
            ["s3api", "get-object"] => {
                self.s3(&self.owner, Method::GET, &format!("/{bucket}/{key}"), &[], "").await?
            }
            ["s3api", "get-bucket-policy"] => {
                self.s3(&self.owner, Method::GET, &format!("/{bucket}?policy="), &[], "").await?
            }
            ["s3api", "get-bucket-encryption"] => {
                self.s3(&self.owner, Method::GET, &format!("/{bucket}?encryption="), &[], "").await?
            }
            ["sts", "assume-role"] => self.assume(&self.owner, ROLE, option("--external-id")).await?,
            _ => return Ok(vec![left_out(what, "the replay does not know this command")]),
        };
        Ok(vec![self.judge(what, &answer)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_decisions_about_one_request_are_told_apart() {
        let log = "s3:PutObject on arn:aws:s3:::b/k: allow by identity policy \"guide\" statement 1; \
                   kms:GenerateDataKey on arn:aws:kms:r:1:key/k: implicit_deny: no identity statement allows it; \
                   nearest: identity policy \"guide\" statement 2, not met: StringEquals kms:ViaService";
        let decisions = decisions(log);
        let actions: Vec<_> = decisions.iter().filter_map(|decision| action_of(decision)).collect();
        assert_eq!(actions, ["s3:PutObject", "kms:GenerateDataKey"]);
        assert!(decisions[1].ends_with("not met: StringEquals kms:ViaService"), "{decisions:?}");
    }
}
