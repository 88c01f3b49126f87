//! `firmhold signing-key`: the keys that sign firmware.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use firmhold_core::signing_key::CreateSigningKey;
use firmhold_core::{Code, PrivateKey, Prn, Problem, SigningKey};
use serde::Serialize;

use super::{Outcome, Session};
use crate::client::{self, Client};
use crate::printer::{self, Printer, Tone, toned};

/// Keys that sign firmware
#[derive(Subcommand)]
pub enum SigningKeyCommand {
    /// Make a private key on this machine
    Generate(Generate),
    /// Tell the platform a public key
    Add(Add),
    /// List the keys that the platform knows
    List,
    /// Revoke a key, for good
    Revoke(Revoke),
}

/// Make a private key on this machine
#[derive(Args)]
#[command(after_help = "Example: firmhold signing-key generate --out release.pem --add release")]
pub struct Generate {
    /// Where to write it (PKCS #8 PEM, readable by its owner only; the public half beside it as .pub.pem); never
    /// replaces a file
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Tell the platform its public half under this name
    #[arg(long, value_name = "NAME")]
    add: Option<String>,
}

/// Tell the platform a public key
#[derive(Args)]
#[command(after_help = "Example: firmhold signing-key add release release.pub.pem")]
pub struct Add {
    /// What to call it
    name: String,
    /// The public key: base64 of its 32 bytes, or a PEM file
    key: String,
}

/// Revoke a key, for good
#[derive(Args)]
#[command(after_help = "Binaries without another signature are no longer offered to devices.")]
pub struct Revoke {
    /// The key: PRN, key id or name
    key: String,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

/// What is printed of a new private key: its public half.
#[derive(Serialize)]
struct Generated {
    file: String,
    public_file: String,
    keyid: String,
    value: String,
    public_value: String,
    prn: Option<Prn>,
}

impl SigningKeyCommand {
    /// Runs the verb; only some need a server.
    ///
    /// # Errors
    /// As the API's; [`Code::LocalFile`].
    pub async fn run<'a>(
        self,
        printer: &Printer,
        session: impl Fn() -> Result<Session<'a>, Problem>,
    ) -> Result<Outcome, Problem> {
        match self {
            Self::Generate(generate) => generate.run(printer, session).await,
            Self::Add(add) => add.run(&session()?).await,
            Self::List => list(&session()?).await,
            Self::Revoke(revoke) => revoke.run(&session()?).await,
        }
    }
}

impl Generate {
    async fn run<'a>(
        self,
        printer: &Printer,
        session: impl Fn() -> Result<Session<'a>, Problem>,
    ) -> Result<Outcome, Problem> {
        // The server first: a key file must not be left behind because no server was named.
        let session = self.add.as_ref().map(|_| session()).transpose()?;
        // Likewise where the public half has no room: half a pair is worse than none.
        let public_file = self.out.with_extension("pub.pem");
        if public_file.exists() {
            return Err(Problem::new(Code::LocalFile, format!("{} is there already", public_file.display()))
                .with_hint("an existing file is never replaced: choose another name"));
        }
        let key = PrivateKey::generate().map_err(Problem::internal)?;
        crate::local_file::create_private(&self.out, key.to_pem().as_bytes())?;
        let public = key.public();
        crate::local_file::create_private(&public_file, public.to_pem().as_bytes())?;
        let prn = match (&self.add, &session) {
            (Some(name), Some(session)) => {
                Some(register(&session.client, name, public.to_base64()).await?.meta.prn)
            }
            _ => None,
        };
        let generated = Generated {
            file: self.out.display().to_string(),
            public_file: public_file.display().to_string(),
            keyid: public.keyid(),
            value: public.to_base64(),
            public_value: public.to_pem(),
            prn,
        };
        printer.result(&generated, |generated| {
            format!(
                "Private key written to {}. Keep it: nobody else has it.\nkey id  {}\npublic  {}, also in {}",
                generated.file, generated.keyid, generated.value, generated.public_file
            )
        });
        if generated.prn.is_none() {
            printer.note(&format!("Tell the platform: firmhold signing-key add NAME {}", generated.value));
        }
        Ok(Outcome::Done)
    }
}

impl Add {
    async fn run(self, session: &Session<'_>) -> Result<Outcome, Problem> {
        let public = crate::trust::read_public(&self.key)?;
        let key = register(&session.client, &self.name, public.to_base64()).await?;
        session.printer.result(&key, |key| format!("Signing key {} added.\nkey id  {}", key.name, key.keyid));
        Ok(Outcome::Done)
    }
}

/// Tells the platform a public key.
///
/// # Errors
/// As the API's.
pub async fn register(client: &Client, name: &str, value: String) -> Result<SigningKey, Problem> {
    let body = CreateSigningKey { name: Some(name.to_owned()), value: Some(value) };
    client::object(client.post("/signing_keys", &body).await?, "signing_key")
}

async fn list(session: &Session<'_>) -> Result<Outcome, Problem> {
    let keys: Vec<SigningKey> = session.client.list("signing_keys", None).await?;
    session.printer.result(&keys, |keys| {
        let mut rows = vec![vec!["name".to_owned(), "state".to_owned(), "key id".to_owned()]];
        rows.extend(keys.iter().map(|key| {
            let state = match key.revoked_at {
                Some(at) => toned(Tone::Bad, &format!("revoked {at}")),
                None => toned(Tone::Good, "active"),
            };
            vec![key.name.clone(), state, key.keyid.clone()]
        }));
        printer::table(&rows)
    });
    Ok(Outcome::Done)
}

impl Revoke {
    async fn run(self, session: &Session<'_>) -> Result<Outcome, Problem> {
        let key = find(&session.client, &self.key).await?;
        if !self.yes {
            return Err(Problem::new(
                Code::Usage,
                format!("revoking {} ({}) cannot be undone", key.name, key.keyid),
            )
            .with_hint("repeat the command with --yes"));
        }
        let path = format!("/signing_keys/{}/revoke", key.meta.prn);
        let key: SigningKey = client::object(session.client.post_empty(&path).await?, "signing_key")?;
        session.printer.result(&key, |key| format!("Signing key {} is revoked.", key.name));
        Ok(Outcome::Done)
    }
}

/// The key with this PRN, key id or name.
async fn find(client: &Client, text: &str) -> Result<SigningKey, Problem> {
    let keys: Vec<SigningKey> = client.list("signing_keys", None).await?;
    let mut found = keys
        .into_iter()
        .filter(|key| key.meta.prn.to_string() == text || key.keyid == text || key.name == text);
    match (found.next(), found.next()) {
        (Some(key), None) => Ok(key),
        (None, _) => Err(Problem::new(Code::NotFound, format!("no signing key {text:?}"))
            .with_hint("`firmhold signing-key list` shows those that there are")),
        (Some(_), Some(_)) => {
            Err(Problem::new(Code::Usage, format!("several signing keys are called {text:?}"))
                .with_hint("name it by its key id"))
        }
    }
}
