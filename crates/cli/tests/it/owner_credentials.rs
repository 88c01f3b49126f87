//! Credentials as people have them: `firmhold account whoami` with profile files of every kind, against the sandbox's
//! STS where it can, and stubs of a few lines where it cannot.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::support::child::firmhold;
use crate::support::sandbox::{CUSTOMER, PLATFORM, SandboxProcess};
use crate::support::stub::{Asked, Stub};

/// `account whoami`, with these settings and this config file.
fn whoami(folder: &Path, config: &str, env: &[(&str, &str)], args: &[&str]) -> Output {
    std::fs::write(folder.join("config"), config).unwrap();
    let mut command: Command = firmhold(folder);
    command.env("AWS_CONFIG_FILE", folder.join("config"));
    command.env("AWS_SHARED_CREDENTIALS_FILE", folder.join("credentials"));
    command.env("AWS_MAX_ATTEMPTS", "1").envs(env.iter().copied());
    command.args(["account", "whoami", "--json"]).args(args).output().expect("the binary starts")
}

fn identity(output: &Output) -> Value {
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The one sentence, with its hint.
fn refusal(output: &Output) -> String {
    assert_ne!(output.status.code(), Some(0), "{output:?}");
    let answer: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    let detail = answer["errors"]["detail"].as_str().unwrap();
    format!("{detail} | {}", answer["problem"]["hint"].as_str().unwrap_or_default())
}

/// A user of the sandbox, as settings of a profile.
fn keys(sandbox: &SandboxProcess, user: &str) -> String {
    let file = std::fs::read_to_string(sandbox.credentials_file()).unwrap();
    let section = file.split('[').find(|section| section.starts_with(&format!("{user}]"))).unwrap();
    section.lines().skip(1).collect::<Vec<_>>().join("\n")
}

/// One of them.
fn setting(keys: &str, name: &str) -> String {
    let line = keys.lines().find(|line| line.trim_start().starts_with(name)).unwrap();
    line.split_once('=').unwrap().1.trim().to_owned()
}

/// The platform's user may assume the platform's role, which is what `source_profile` chains are for.
#[test]
fn keys_process_and_source_profile_against_the_sandbox() {
    let sandbox = SandboxProcess::start();
    let folder = tempfile::tempdir().unwrap();
    let (customer, platform) = (keys(&sandbox, "customer"), keys(&sandbox, "platform"));
    let role = format!("arn:aws:iam::{PLATFORM}:role/firmhold-platform");
    let env = [("AWS_ENDPOINT_URL", sandbox.http_url()), ("AWS_REGION", "us-west-2")];
    let (id, secret) = (setting(&platform, "aws_access_key_id"), setting(&platform, "aws_secret_access_key"));
    let printed = format!("{{\"Version\":1,\"AccessKeyId\":\"{id}\",\"SecretAccessKey\":\"{secret}\"}}");
    std::fs::write(folder.path().join("printed.json"), printed).unwrap();
    let process = format!("cat {}", folder.path().join("printed.json").display());
    let config = format!(
        "[profile keys]\n{customer}\n[profile process]\ncredential_process = {process}\n\
         [profile deploy]\nrole_arn = {role}\nsource_profile = process\n\
         [profile own]\nrole_arn = {role}\nsource_profile = own\n{platform}\n"
    );
    for (profile, arn, roles) in [
        ("keys", format!("arn:aws:iam::{CUSTOMER}:user/admin"), 0),
        ("process", format!("arn:aws:iam::{PLATFORM}:user/firmhold"), 0),
        (
            "deploy",
            format!("arn:aws:sts::{PLATFORM}:assumed-role/firmhold-platform/firmhold-account-deploy"),
            1,
        ),
        ("own", format!("arn:aws:sts::{PLATFORM}:assumed-role/firmhold-platform/firmhold-account-own"), 1),
    ] {
        let who = identity(&whoami(folder.path(), &config, &env, &["--aws-profile", profile]));
        assert_eq!(who["arn"], arn, "{profile}: {who}");
        assert_eq!(who["chain"]["roles"].as_array().unwrap().len(), roles, "{profile}: {who}");
    }
    // By AWS_PROFILE, and by keys in the environment.
    let from_env = [env[0], env[1], ("AWS_PROFILE", "deploy")];
    assert_eq!(identity(&whoami(folder.path(), &config, &from_env, &[]))["account"], PLATFORM);
    let from_env =
        [env[0], env[1], ("AWS_ACCESS_KEY_ID", id.as_str()), ("AWS_SECRET_ACCESS_KEY", secret.as_str())];
    let who = identity(&whoami(folder.path(), "", &from_env, &[]));
    assert_eq!(who["chain"]["base"]["kind"], "environment");
}

/// `whoami` shows the way that every command of the account goes.
#[test]
fn a_plan_goes_the_same_way() {
    let sandbox = SandboxProcess::start();
    let folder = tempfile::tempdir().unwrap();
    let customer = keys(&sandbox, "customer");
    let (id, secret) = (setting(&customer, "aws_access_key_id"), setting(&customer, "aws_secret_access_key"));
    let printed = format!("{{\"Version\":1,\"AccessKeyId\":\"{id}\",\"SecretAccessKey\":\"{secret}\"}}");
    std::fs::write(folder.path().join("printed.json"), printed).unwrap();
    let config = format!(
        "[profile process]\ncredential_process = cat {}\n[profile admin]\nrole_arn = arn:aws:iam::{CUSTOMER}:role/Admin\n\
         source_profile = process\nmfa_serial = arn:aws:iam::{CUSTOMER}:mfa/ada\n",
        folder.path().join("printed.json").display()
    );
    std::fs::write(folder.path().join("config"), config).unwrap();
    let run = |args: &[&str]| {
        let mut command: Command = firmhold(folder.path());
        command.env("AWS_CONFIG_FILE", folder.path().join("config")).current_dir(folder.path());
        command.env("AWS_SHARED_CREDENTIALS_FILE", folder.path().join("credentials"));
        command.env("AWS_ENDPOINT_URL", sandbox.http_url());
        command.args(["account"]).args(args).arg("--json").output().expect("the binary starts")
    };
    let init = run(&["init", "--name", "prod", "--bucket", "acme-fw", "--region", "us-west-2"]);
    assert_eq!(init.status.code(), Some(0), "{init:?}");
    let plan = run(&["plan", "--aws-profile", "process"]);
    assert_eq!(plan.status.code(), Some(0), "{plan:?}");
    let said = refusal(&run(&["plan", "--aws-profile", "admin"]));
    assert!(said.contains("needs a code of arn:aws:iam::111122223333:mfa/ada"), "{said}");
}

#[test]
fn what_the_sandbox_refuses_is_one_sentence() {
    let sandbox = SandboxProcess::start();
    let folder = tempfile::tempdir().unwrap();
    let keys = keys(&sandbox, "customer");
    let env = [("AWS_ENDPOINT_URL", sandbox.http_url()), ("AWS_REGION", "us-west-2")];
    let config = format!(
        "[profile keys]\n{keys}\n[profile nobody]\nrole_arn = arn:aws:iam::999999999999:role/firmhold-platform\nsource_profile = keys\n\
         [profile unknown]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = x\n\
         [profile fails]\ncredential_process = false\n[profile noise]\ncredential_process = echo hello\n[profile gone]\ncredential_process = /nonexistent/tool --secret hunter2\n"
    );
    for (profile, says) in [
        (
            "nobody",
            "AWS does not let you assume arn:aws:iam::999999999999:role/firmhold-platform (profile nobody)",
        ),
        ("unknown", "AWS does not know the key of access keys (profile unknown)"),
        ("fails", "the credential_process false (profile fails) ended with an error"),
        ("noise", "the credential_process echo (profile noise) printed no credentials"),
        ("gone", "the credential_process /nonexistent/tool (profile gone)"),
        ("missing", "there is no profile missing in"),
    ] {
        let output = whoami(folder.path(), &config, &env, &["--aws-profile", profile]);
        let said = refusal(&output);
        assert!(said.starts_with(says), "{profile}: {said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
    let none = whoami(folder.path(), "", &env, &[]);
    assert!(refusal(&none).starts_with("there are no AWS credentials"), "{none:?}");
}

const GOOD_SESSION: &str = "<Credentials><AccessKeyId>ASIATESTTESTTESTTEST</AccessKeyId><SecretAccessKey>secret</SecretAccessKey><SessionToken>token</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>";

/// An STS of a few lines: what `special` does not answer is answered well.
fn sts(special: impl Fn(&Asked) -> Option<(u16, String)> + Send + 'static) -> Stub {
    Stub::start(move |asked| {
        if let Some(answer) = special(asked) {
            return answer;
        }
        let action = asked.body.split('&').find_map(|pair| pair.strip_prefix("Action=")).unwrap_or_default();
        let body = match action {
            "GetCallerIdentity" => "<Arn>arn:aws:sts::111122223333:assumed-role/R/s</Arn><UserId>x</UserId><Account>111122223333</Account>".to_owned(),
            _ => format!("{GOOD_SESSION}<AssumedRoleUser><Arn>arn:aws:sts::111122223333:assumed-role/R/s</Arn><AssumedRoleId>A:s</AssumedRoleId></AssumedRoleUser>"),
        };
        (
            200,
            format!(
                "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{action}Result>{body}</{action}Result></{action}Response>"
            ),
        )
    })
}

fn refused(code: &str, message: &str) -> (u16, String) {
    (
        403,
        format!(
            "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error><RequestId>r</RequestId></ErrorResponse>"
        ),
    )
}

#[test]
fn mfa_is_asked_for_or_refused_clearly() {
    let sts = sts(|asked| {
        let assume = asked.body.contains("Action=AssumeRole&");
        let right = asked.body.contains("TokenCode=123456") && asked.body.contains("SerialNumber=arn");
        (assume && !right).then(|| {
            refused("AccessDenied", "MultiFactorAuthentication failed with invalid MFA one time pass code.")
        })
    });
    let folder = tempfile::tempdir().unwrap();
    let config = "[profile base]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = s\n\
        [profile admin]\nrole_arn = arn:aws:iam::111122223333:role/Admin\nsource_profile = base\nmfa_serial = arn:aws:iam::111122223333:mfa/ada\n";
    let env = [("AWS_ENDPOINT_URL", sts.url()), ("AWS_REGION", "us-west-2")];
    let run =
        |args: &[&str]| whoami(folder.path(), config, &env, &[&["--aws-profile", "admin"], args].concat());
    identity(&run(&["--mfa-code", "123456"]));
    let said = refusal(&run(&["--mfa-code", "654321"]));
    assert!(said.starts_with("AWS did not take the code of arn:aws:iam::111122223333:mfa/ada"), "{said}");
    let said = refusal(&run(&[]));
    assert!(
        said.contains("needs a code of arn:aws:iam::111122223333:mfa/ada, and there is no terminal"),
        "{said}"
    );
    assert!(said.contains("--mfa-code"), "{said}");
    let said = refusal(&run(&["--mfa-code", "12"]));
    assert!(said.contains("six digits"), "{said}");
}

#[test]
fn a_web_identity_is_exchanged_or_refused_clearly() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "good").unwrap();
    let stub = sts(|asked| {
        let exchange = asked.body.contains("Action=AssumeRoleWithWebIdentity");
        let answer = |part: &str, code: &str, message: &str| {
            (exchange && asked.body.contains(&format!("WebIdentityToken={part}")))
                .then(|| refused(code, message))
        };
        answer(
            "old",
            "ExpiredTokenException",
            "Token expired: current date/time must be before the expiration date/time",
        )
        .or_else(|| {
            answer(
                "strange",
                "InvalidIdentityToken",
                "No OpenIDConnect provider found in your account for https://x",
            )
        })
        .or_else(|| {
            answer("other", "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity")
        })
    });
    let env = [("AWS_ENDPOINT_URL", stub.url()), ("AWS_REGION", "us-west-2")];
    let config = format!(
        "[profile ci]\nrole_arn = arn:aws:iam::111122223333:role/CI\nweb_identity_token_file = {}\n",
        token.display()
    );
    let run = || whoami(folder.path(), &config, &env, &["--aws-profile", "ci"]);
    let who = identity(&run());
    assert_eq!(who["chain"]["base"]["kind"], "web_identity");
    for (content, says) in [
        ("old", "has expired"),
        ("strange", "AWS does not take the web identity token"),
        ("other", "the role does not trust the web identity token"),
    ] {
        std::fs::write(&token, content).unwrap();
        let said = refusal(&run());
        assert!(said.contains(says), "{content}: {said}");
    }
    std::fs::remove_file(&token).unwrap();
    let said = refusal(&run());
    assert!(said.contains("could not be used"), "{said}");
}

/// The portal of IAM Identity Center, and the token that `aws sso login` leaves in the cache.
#[test]
fn an_sso_session_with_its_cached_token() {
    let sts = sts(|_| None);
    let portal = Stub::start(|asked| {
        if asked.line.contains("role_name=Gone") {
            return (403, "{\"__type\":\"com.amazonaws.switchboard.portal#ForbiddenException\",\"message\":\"No access\"}".to_owned());
        }
        (200, "{\"roleCredentials\":{\"accessKeyId\":\"ASIATESTTESTTESTTEST\",\"secretAccessKey\":\"s\",\"sessionToken\":\"t\",\"expiration\":4070908800000}}".to_owned())
    });
    let folder = tempfile::tempdir().unwrap();
    let mut config = "[sso-session acme]\nsso_region = us-west-2\nsso_start_url = https://acme.awsapps.example/start\nsso_registration_scopes = sso:account:access\n".to_owned();
    for (profile, role) in [("sso", "Admin"), ("gone", "Gone")] {
        let _ = write!(
            config,
            "[profile {profile}]\nsso_session = acme\nsso_account_id = 111122223333\nsso_role_name = {role}\n"
        );
    }
    let env = [
        ("AWS_ENDPOINT_URL", sts.url()),
        ("AWS_ENDPOINT_URL_SSO", portal.url()),
        ("AWS_REGION", "us-west-2"),
    ];
    let run = |profile: &str| whoami(folder.path(), &config, &env, &["--aws-profile", profile]);

    let said = refusal(&run("sso"));
    assert!(
        said.contains("the sso-session acme (profile sso)")
            && said.contains("aws sso login --sso-session acme"),
        "{said}"
    );

    let cache = folder.path().join(".aws/sso/cache");
    std::fs::create_dir_all(&cache).unwrap();
    let put = |expires: &str| {
        let token = format!(
            "{{\"accessToken\":\"secret-token\",\"expiresAt\":\"{expires}\",\"region\":\"us-west-2\",\"startUrl\":\"https://acme.awsapps.example/start\"}}"
        );
        std::fs::write(cache.join(SHA1_OF_ACME), token).unwrap();
    };
    put("2020-01-01T00:00:00Z");
    let said = refusal(&run("sso"));
    assert!(said.contains("signed out") && said.contains("aws sso login"), "{said}");
    put("2099-01-01T00:00:00Z");
    let who = identity(&run("sso"));
    assert_eq!(who["chain"]["base"]["kind"], "sso");
    assert!(
        portal.asked().iter().any(|asked| asked.line.contains("role_name=Admin")),
        "{:?}",
        portal.asked()
    );
    let said = refusal(&run("gone"));
    assert!(said.contains("no such role in that account"), "{said}");
    assert!(!said.contains("secret-token"), "{said}");
}

/// The token's file has the SHA-1 of the session's name: `printf acme | sha1sum`.
const SHA1_OF_ACME: &str = "293abb6b76d7791c0732cc517d38c4b5c734b87f.json";

#[test]
fn throttled_expired_and_the_wrong_partition() {
    let folder = tempfile::tempdir().unwrap();
    let config = "[profile keys]\naws_access_key_id = ASIATESTTESTTESTTEST\naws_secret_access_key = s\naws_session_token = t\n";
    for (code, region, says) in [
        ("Throttling", "us-west-2", "AWS throttles this account"),
        ("ExpiredToken", "us-west-2", "temporary access keys (profile keys): the session has expired"),
        (
            "InvalidClientTokenId",
            "cn-north-1",
            "AWS does not know the key of temporary access keys (profile keys), at least not in the partition aws-cn",
        ),
        (
            "SignatureDoesNotMatch",
            "us-west-2",
            "the secret key of temporary access keys (profile keys) does not fit",
        ),
        (
            "AccessDenied",
            "us-west-2",
            "AWS denies temporary access keys (profile keys), by a service control policy",
        ),
    ] {
        let message = "User: arn:aws:iam::1:user/a is not authorized to perform: sts:GetCallerIdentity with an explicit deny in a service control policy";
        let stub = sts(move |_| Some(refused(code, message)));
        let env = [("AWS_ENDPOINT_URL", stub.url()), ("AWS_REGION", region)];
        let said = refusal(&whoami(folder.path(), config, &env, &["--aws-profile", "keys"]));
        assert!(said.starts_with(says), "{code}: {said}");
    }
    let stub = sts(|_| None);
    let env = [("AWS_ENDPOINT_URL", stub.url()), ("AWS_REGION", "cn-north-1")];
    let said = refusal(&whoami(folder.path(), config, &env, &["--aws-profile", "keys"]));
    assert!(
        said.starts_with("these credentials are of the partition aws, and cn-north-1 is a region of aws-cn"),
        "{said}"
    );
    let env = [("AWS_ENDPOINT_URL", "http://127.0.0.1:1"), ("AWS_REGION", "us-west-2")];
    let said = refusal(&whoami(folder.path(), config, &env, &["--aws-profile", "keys"]));
    assert!(said.starts_with("STS did not answer for"), "{said}");
}
