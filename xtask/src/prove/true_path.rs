//! The journey on real firmware, the AWS CLI against what the journey left behind, and the memory that a push of
//! 1 GiB takes.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::Page;
use crate::background::Background;
use crate::corpus::{self, Firmware};
use crate::process::{self, command};
use crate::report::say;
use crate::tools::Tools;
use crate::workspace::Workspace;

/// A demo may take this long on this machine, after the build.
const DEMO_SECONDS: f64 = 20.0;
const LARGE: u64 = 1 << 30;
/// Peak memory of `push` and `pull`, at any size of file.
const PEAK_KIB: u64 = 64 * 1024;

/// Runs all of it.
pub fn prove(workspace: &Workspace, page: &mut Page) -> Result<()> {
    let tools = Tools::ensure(workspace)?;
    let binary = workspace.release_binary()?;
    let scratch = workspace.target.join("proof/true-path");
    std::fs::create_dir_all(&scratch)?;
    let corpus = corpus::fetch(workspace)?;
    demos(page, &binary, &corpus)?;
    let first = corpus.first().context("the corpus is empty")?;
    let kept = Kept::start(&binary, &first.path, &scratch)?;
    aws_cli(page, &kept, &tools, first)?;
    memory(page, &kept)
}

/// `firmhold demo` on each file, the digest held against that of `sha256sum`.
fn demos(page: &mut Page, binary: &Path, corpus: &[Firmware]) -> Result<()> {
    page.heading("Real firmware");
    page.line("`firmhold demo FILE --json` on each file of `cargo xtask corpus`. *Same* means that the digest which the platform proved and the device verified is the one that `sha256sum` says. The first line is the demo without a file.\n");
    page.line("| file | package | bytes | SHA-256 | digest | attacks refused | seconds |\n|---|---|---|---|---|---|---|");
    let own = sha256sum(binary)?;
    let size = std::fs::metadata(binary)?.len();
    demo(page, binary, &[], "its own executable", "", size, &own)?;
    for file in corpus {
        let path = file.path.to_str().context("the target directory's name is not UTF-8")?;
        let package = format!("{} {}", file.package, file.version);
        demo(page, binary, &[path], &file.inside.display().to_string(), &package, file.size, &file.sha256)?;
    }
    Ok(())
}

fn demo(
    page: &mut Page,
    binary: &Path,
    file: &[&str],
    name: &str,
    package: &str,
    size: u64,
    sha256: &str,
) -> Result<()> {
    say(name);
    let began = Instant::now();
    let said = process::capture(command(binary).arg("demo").args(file).arg("--json"));
    let seconds = began.elapsed().as_secs_f64();
    let said: Value = match said {
        Ok(said) => serde_json::from_str(&said).context("the demo's JSON")?,
        Err(error) => {
            page.fail(format!("demo on {name}: {error:#}"));
            return Ok(());
        }
    };
    let same = said["sha256"].as_str() == Some(sha256) && said["size"].as_u64() == Some(size);
    let attacks = said["attacks"].as_array().map_or(0, Vec::len);
    let verdict = if same { "same" } else { "OTHER" };
    page.line(format_args!(
        "| {name} | {package} | {size} | `{}…` | {verdict} | {attacks} | {seconds:.1} |",
        &sha256[..16]
    ));
    if !same || attacks != 4 || seconds > DEMO_SECONDS {
        page.fail(format!("demo on {name}: digest {verdict}, {attacks} attacks refused, {seconds:.1} s"));
    }
    Ok(())
}

fn sha256sum(file: &Path) -> Result<String> {
    let line = process::capture(command("sha256sum").arg("--binary").arg(file))?;
    Ok(line.split_whitespace().next().context("sha256sum said nothing")?.to_owned())
}

/// What `firmhold demo --keep` leaves running.
struct Kept {
    _running: Background,
    binary: PathBuf,
    scratch: PathBuf,
    said: Value,
}

impl Kept {
    fn start(binary: &Path, file: &Path, scratch: &Path) -> Result<Self> {
        let mut running =
            Background::start(command(binary).arg("demo").arg(file).args(["--keep", "--json"]))?;
        running.next().context("the story")?;
        let said = running.next().context("what is kept")?;
        Ok(Self { _running: running, binary: binary.to_owned(), scratch: scratch.to_owned(), said })
    }

    fn text(&self, field: &str) -> Result<&str> {
        self.said[field].as_str().with_context(|| format!("demo --keep names no {field}"))
    }

    /// A client of the kept server.
    fn firmhold(&self, args: &[&str]) -> Result<Command> {
        let mut firmhold = command(&self.binary);
        self.connect(&mut firmhold)?;
        firmhold.args(args);
        Ok(firmhold)
    }

    fn connect(&self, command: &mut Command) -> Result<()> {
        command.env("FIRMHOLD_URL", self.text("url")?).env("FIRMHOLD_API_KEY", self.text("api_key")?);
        command.current_dir(&self.scratch);
        Ok(())
    }
}

/// Whom a command of the AWS CLI runs as.
enum Who {
    Customer,
    PlatformUser,
    Session(Value),
}

struct Cli<'a> {
    kept: &'a Kept,
    tools: &'a Tools,
}

impl Cli<'_> {
    fn run(&self, who: &Who, line: &str) -> Result<std::process::Output> {
        let mut aws = command(self.tools.aws());
        aws.args(line.split_whitespace().skip(1))
            .current_dir(&self.kept.scratch)
            .env("AWS_CONFIG_FILE", self.kept.text("config_file")?)
            .env("AWS_SHARED_CREDENTIALS_FILE", self.kept.text("credentials_file")?)
            .env("AWS_PAGER", "");
        match who {
            Who::Customer => aws.env("AWS_PROFILE", "customer"),
            Who::PlatformUser => aws.env("AWS_PROFILE", "platform"),
            Who::Session(assumed) => {
                let key = |field: &str| assumed["Credentials"][field].as_str().unwrap_or_default().to_owned();
                aws.env("AWS_ACCESS_KEY_ID", key("AccessKeyId"))
                    .env("AWS_SECRET_ACCESS_KEY", key("SecretAccessKey"))
                    .env("AWS_SESSION_TOKEN", key("SessionToken"))
            }
        };
        process::output(&mut aws)
    }

    fn session(&self, who: &Who, line: &str) -> Result<Who> {
        let output = self.run(who, line)?;
        if !output.status.success() {
            bail!("`{line}`: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(Who::Session(serde_json::from_slice(&output.stdout)?))
    }
}

/// The setup guide's own test and debug commands, against the bucket and role that the demo set up.
fn aws_cli(page: &mut Page, kept: &Kept, tools: &Tools, firmware: &Firmware) -> Result<()> {
    page.heading("The AWS CLI");
    let cli = Cli { kept, tools };
    let shown = process::capture(&mut kept.firmhold(&["backend", "list", "--json"])?)?;
    let backend = serde_json::from_str::<Value>(&shown)?[0].clone();
    let field = |name: &str| backend[name].as_str().with_context(|| format!("the backend has no {name}"));
    let (bucket, role, external_id) = (field("bucket")?, field("role_arn")?, field("external_id")?);
    std::fs::copy(&firmware.path, kept.scratch.join("test-file.bin"))?;
    let principal = field("principal")?;
    let hop = format!("aws sts assume-role --role-arn {principal} --role-session-name first-hop");
    let platform = cli.session(&Who::PlatformUser, &hop)?;
    let assume = format!("aws sts assume-role --role-arn {role} --role-session-name test");

    page.line("Against the bucket and role that the demo set up, as the customer's administrator, or as the platform's role where it says so.\n");
    page.line("| as | command | exit | answer |\n|---|---|---|---|");
    let customer = Who::Customer;
    let steps = [
        ("customer", &customer, format!("aws s3 cp test-file.bin s3://{bucket}/test/"), None),
        ("customer", &customer, format!("aws s3api list-objects-v2 --bucket {bucket} --prefix test/"), None),
        (
            "customer",
            &customer,
            format!("aws s3api get-object --bucket {bucket} --key test/test-file.bin download"),
            None,
        ),
        ("platform", &platform, assume.clone(), Some("AccessDenied")),
        ("platform", &platform, format!("{assume} --external-id a-guess"), Some("AccessDenied")),
        ("platform", &platform, format!("{assume} --external-id {external_id}"), None),
        ("customer", &customer, format!("aws s3api get-bucket-policy --bucket {bucket}"), None),
        ("customer", &customer, format!("aws s3api get-bucket-encryption --bucket {bucket}"), None),
    ];
    for (name, who, line, refusal) in steps {
        let output = cli.run(who, &line)?;
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let answer = if output.status.success() { summary(&out) } else { err.trim().to_owned() };
        let exit = output.status.code().unwrap_or(-1);
        let line = line.replace(external_id, "EXTERNAL_ID");
        page.line(format_args!("| {name} | `{line}` | {exit} | {} |", answer.replace('|', "\\|")));
        let held = match refusal {
            None => output.status.success(),
            Some(code) => err.contains(&format!("({code})")),
        };
        if !held {
            page.fail(format!("`{line}`: {answer}"));
        }
    }
    if sha256sum(&kept.scratch.join("download"))? != firmware.sha256 {
        page.fail("what `get-object` read is not what `s3 cp` wrote");
    }
    Ok(())
}

/// The names of the answer's members: values hold keys and times.
fn summary(out: &str) -> String {
    match serde_json::from_str::<Value>(out) {
        Ok(Value::Object(members)) => members.keys().cloned().collect::<Vec<_>>().join(", "),
        _ => out.split('\r').next_back().unwrap_or_default().trim().to_owned(),
    }
}

/// A push and a pull of 1 GiB under GNU time.
fn memory(page: &mut Page, kept: &Kept) -> Result<()> {
    page.heading("Memory of 1 GiB");
    let file = kept.scratch.join("large.img");
    if !std::fs::metadata(&file).is_ok_and(|found| found.len() == LARGE) {
        let script = format!("head -c {LARGE} /dev/urandom > large.img");
        process::run(command("sh").args(["-c", &script]).current_dir(&kept.scratch))?;
    }
    let sha256 = sha256sum(&file)?;
    page.line("Under `/usr/bin/time -v`; server and bucket are another process.\n");
    page.line("| command | peak memory | elapsed |\n|---|---|---|");
    for left_by_an_earlier_run in ["release.pem", "release.pub.pem"] {
        let _ = std::fs::remove_file(kept.scratch.join(left_by_an_earlier_run));
    }
    let generate = ["signing-key", "generate", "--out", "release.pem", "--add", "large", "--json"];
    let key: Value = serde_json::from_str(&process::capture(&mut kept.firmhold(&generate)?)?)?;
    let key = key["value"].as_str().context("a public key")?;
    let names = ["large.img", "--artifact", "large", "--version", "1.0.0", "--json"];
    let push = [&["push", "--sign-key", "release.pem"], &names[..]].concat();
    let Some(pushed) = timed(page, kept, &push)? else { return Ok(()) };
    let _ = std::fs::remove_file(kept.scratch.join("pulled.img"));
    let pull = [&["pull", "--output", "pulled.img", "--trust", key], &names[1..]].concat();
    if timed(page, kept, &pull)?.is_none() {
        return Ok(());
    }
    let pulled = sha256sum(&kept.scratch.join("pulled.img"))?;
    page.line(format_args!(
        "\nSHA-256 of the file, by `sha256sum`: `{sha256}`; of what `pull` wrote: `{pulled}`."
    ));
    if pushed["hash"] != sha256.as_str() || pulled != sha256 {
        page.fail(format!("push says {}, pull wrote {pulled}, the file is {sha256}", pushed["hash"]));
    }
    std::fs::remove_file(&file)?;
    Ok(std::fs::remove_file(kept.scratch.join("pulled.img"))?)
}

/// Runs `firmhold` under GNU time and notes its peak; answers what it printed.
fn timed(page: &mut Page, kept: &Kept, args: &[&str]) -> Result<Option<Value>> {
    let mut time = command("/usr/bin/time");
    kept.connect(&mut time)?;
    let output = process::output(time.arg("-v").arg(&kept.binary).args(args))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let line = format!("firmhold {}", args.join(" "));
    if !output.status.success() {
        page.fail(format!("`{line}`: {}{}", String::from_utf8_lossy(&output.stdout), said));
        return Ok(None);
    }
    let peak: u64 = figure(&said, "Maximum resident set size (kbytes)")
        .and_then(|kib| kib.parse().ok())
        .context("GNU time")?;
    let elapsed = figure(&said, "Elapsed (wall clock) time (h:mm:ss or m:ss)").context("GNU time")?;
    page.line(format_args!("| `{line}` | {:.1} MiB | {elapsed} |", peak as f64 / 1024.0));
    if peak > PEAK_KIB {
        page.fail(format!("`{line}` took {peak} KiB at its peak, more than {PEAK_KIB}"));
    }
    Ok(Some(serde_json::from_slice(&output.stdout)?))
}

fn figure<'a>(said: &'a str, name: &str) -> Option<&'a str> {
    said.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(": "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_gnu_time() {
        let said = "\tCommand being timed: \"x\"\n\tElapsed (wall clock) time (h:mm:ss or m:ss): 0:04.05\n\tMaximum resident set size (kbytes): 51200\n";
        assert_eq!(figure(said, "Maximum resident set size (kbytes)"), Some("51200"));
        assert_eq!(figure(said, "Elapsed (wall clock) time (h:mm:ss or m:ss)"), Some("0:04.05"));
    }

    #[test]
    fn an_answer_is_summed_up_without_its_values() {
        assert_eq!(
            summary(r#"{"Credentials": {"SecretAccessKey": "s"}, "AssumedRoleUser": {}}"#),
            "Credentials, AssumedRoleUser"
        );
        assert_eq!(summary("Completed 1 KiB\rupload: ./a to s3://b/a\n"), "upload: ./a to s3://b/a");
    }
}
