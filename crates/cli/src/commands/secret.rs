//! `firmhold secret`: key pairs of S3-compatible stores, on the server's host.

use std::io::{IsTerminal as _, Read as _};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use firmhold_core::{Code, OrganizationPrn, Problem};
use firmhold_server::Config;
use firmhold_server::host_secrets::HostSecrets;
use firmhold_server::secrets::parse_key_pair;
use serde_json::json;
use zeroize::Zeroizing;

use super::Outcome;
use crate::printer::Printer;

/// The largest input that is read.
const LARGEST: u64 = 16 * 1024;

/// Key pairs of S3-compatible stores (on the server's host)
#[derive(Subcommand)]
pub enum SecretCommand {
    /// Keep a key pair, sealed; in place of one of that name, also while the server runs
    Put(Put),
    /// List an organization's secrets by name
    List(List),
    /// Remove a secret
    Remove(Remove),
}

/// Where the secrets are.
#[derive(Args)]
pub struct Place {
    /// Whose: PRN or UUID of the organization [default: the only one that there is]
    #[arg(long, value_name = "ORGANIZATION")]
    organization: Option<String>,
    /// The server's data folder
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The server's settings file
    #[arg(long, value_name = "FILE", env = "FIRMHOLD_SETTINGS")]
    settings: Option<PathBuf>,
}

/// Keep a key pair, sealed; in place of one of that name, also while the server runs
#[derive(Args)]
#[command(after_help = "Examples:\n  \
    firmhold secret put minio --file minio-keys.json --data ./platform\n  \
    printf '%s\\n' \"$ID\" \"$SECRET\" | firmhold secret put minio --data ./platform\n\n\
    The key pair is read from the file or from standard input, never from the command line, where others could see\n\
    it: {\"access_key_id\": \"…\", \"secret_access_key\": \"…\"}, or the two on a line each.")]
pub struct Put {
    /// What a backend's credentials_ref calls it: letters, digits, '_' and '-'
    name: String,
    /// Read the key pair from here instead of standard input
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Where the secrets are.
    #[command(flatten)]
    place: Place,
}

/// List an organization's secrets by name
#[derive(Args)]
pub struct List {
    /// Where the secrets are.
    #[command(flatten)]
    place: Place,
}

/// Remove a secret
#[derive(Args)]
pub struct Remove {
    /// Its name
    name: String,
    /// Although a backend uses it
    #[arg(long)]
    force: bool,
    /// Where the secrets are.
    #[command(flatten)]
    place: Place,
}

impl SecretCommand {
    /// Runs the verb.
    ///
    /// # Errors
    /// If the folder or the database cannot be used, or the input is no key pair.
    pub async fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        match self {
            Self::Put(put) => put.run(printer).await,
            Self::List(list) => list.run(printer).await,
            Self::Remove(remove) => remove.run(printer).await,
        }
    }
}

impl Place {
    async fn open(&self) -> Result<(HostSecrets, OrganizationPrn), Problem> {
        // Only the two folders are needed, so a file that lacks what `serve` needs will do.
        let (data, secrets) = match (&self.data, &self.settings) {
            (Some(data), None) => (data.clone(), None),
            (data, settings) => {
                let server = Config::load(settings.as_deref())?.server;
                let secrets = server.secrets_dir();
                (data.clone().unwrap_or(server.data_dir), Some(secrets))
            }
        };
        HostSecrets::open(&data, secrets, self.organization.as_deref()).await
    }
}

impl Put {
    async fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        let text = read(self.file.as_ref())?;
        let keys = parse_key_pair(&text)?;
        let (secrets, organization) = self.place.open().await?;
        secrets.put_key_pair(&self.name, &keys)?;
        let done = json!({
            "organization_prn": organization, "name": self.name, "access_key_id": keys.access_key_id
        });
        printer.result(&done, |_| {
            format!("Key pair {} kept as {:?} for {organization}", keys.access_key_id, self.name)
        });
        Ok(Outcome::Done)
    }
}

impl List {
    async fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        let (secrets, _) = self.place.open().await?;
        let names = secrets.names()?;
        printer.result(&names, |names| names.join("\n"));
        Ok(Outcome::Done)
    }
}

impl Remove {
    async fn run(self, printer: &Printer) -> Result<Outcome, Problem> {
        let (secrets, organization) = self.place.open().await?;
        secrets.remove(&self.name, self.force).await?;
        let done = json!({ "organization_prn": organization, "name": self.name });
        printer.result(&done, |_| format!("Secret {:?} removed", self.name));
        Ok(Outcome::Done)
    }
}

fn read(file: Option<&PathBuf>) -> Result<Zeroizing<String>, Problem> {
    let mut text = Zeroizing::new(String::new());
    let (length, place) = match file {
        Some(path) => {
            let place = path.display().to_string();
            let read =
                std::fs::File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_string(&mut text));
            (read.map_err(|cause| unreadable(&place, cause))?, place)
        }
        None => {
            let stdin = std::io::stdin();
            if stdin.is_terminal() {
                return Err(Problem::new(Code::Usage, "no key pair: give --file, or pipe it in")
                    .with_hint("A terminal would show the secret while it is typed."));
            }
            let place = "standard input".to_owned();
            let read = stdin.take(LARGEST + 1).read_to_string(&mut text);
            (read.map_err(|cause| unreadable(&place, cause))?, place)
        }
    };
    if length as u64 > LARGEST {
        return Err(Problem::new(Code::Usage, format!("{place} is too large to be a key pair")));
    }
    Ok(text)
}

fn unreadable(place: &str, cause: std::io::Error) -> Problem {
    Problem::new(Code::LocalFile, format!("cannot read {place}")).caused_by(cause)
}
