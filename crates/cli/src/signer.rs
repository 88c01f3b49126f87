//! Who signs a push: a key file on this machine, or a command that talks to an HSM or a signing service.

use std::path::{Path, PathBuf};

use clap::Args;
use firmhold_core::{Code, Digest, PrivateKey, Problem, PublicKey, Signature};
use zeroize::Zeroizing;

/// Options on signing.
#[derive(Args, Debug, Clone)]
#[command(next_help_heading = "Signing")]
pub struct SignerArgs {
    /// Sign with this Ed25519 private key (PKCS #8 PEM); it never leaves this machine
    #[arg(long, env = "FIRMHOLD_SIGN_KEY", value_name = "FILE", conflicts_with = "sign_command")]
    pub sign_key: Option<PathBuf>,
    /// Sign by a command: gets the digest as 64 hex digits on standard input and in FIRMHOLD_DIGEST, prints the
    /// signature as 128 hex digits
    #[arg(long, env = "FIRMHOLD_SIGN_COMMAND", value_name = "COMMAND", requires = "sign_public_key")]
    pub sign_command: Option<String>,
    /// Public key of --sign-command: base64, or a PEM file
    #[arg(long, env = "FIRMHOLD_SIGN_PUBLIC_KEY", value_name = "KEY")]
    pub sign_public_key: Option<String>,
}

/// A way to sign, and the public key that its signatures verify with.
#[derive(Debug)]
pub struct Signer {
    how: How,
    public: PublicKey,
}

#[derive(Debug)]
enum How {
    Key(Box<PrivateKey>),
    Command(String),
}

impl Signer {
    /// The signer that the options name, if any.
    ///
    /// # Errors
    /// [`Code::Usage`] or [`Code::LocalFile`] if the key cannot be read.
    pub fn from_args(args: &SignerArgs) -> Result<Option<Self>, Problem> {
        if let Some(path) = &args.sign_key {
            let key = read_private(path)?;
            return Ok(Some(Self { public: key.public(), how: How::Key(Box::new(key)) }));
        }
        let (Some(command), Some(public)) = (&args.sign_command, &args.sign_public_key) else {
            return Ok(None);
        };
        Ok(Some(Self { public: crate::trust::read_public(public)?, how: How::Command(command.clone()) }))
    }

    /// The public key.
    pub const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs `digest`. Whatever a command prints is verified before it is believed.
    ///
    /// # Errors
    /// [`Code::SignatureInvalid`] if the command fails or its signature does not verify.
    pub async fn sign(&self, digest: Digest) -> Result<Signature, Problem> {
        let signature = match &self.how {
            How::Key(key) => key.sign(digest),
            How::Command(command) => run(command, digest).await?,
        };
        match self.public.verify(digest, &signature) {
            Some(_) => Ok(signature),
            None => {
                Err(Problem::new(Code::SignatureInvalid, "the signing command's signature does not verify")
                    .with_hint("is --sign-public-key the public half of the key that it signs with?"))
            }
        }
    }
}

fn read_private(path: &Path) -> Result<PrivateKey, Problem> {
    let pem = std::fs::read_to_string(path).map(Zeroizing::new).map_err(|error| {
        Problem::new(Code::LocalFile, format!("cannot read the key {}", path.display())).caused_by(error)
    })?;
    PrivateKey::from_pem(&pem).map_err(|error| {
        Problem::new(Code::Usage, format!("{}: {error}", path.display())).with_hint(
            "`firmhold signing-key generate` makes one, and so does `openssl genpkey -algorithm ed25519`",
        )
    })
}

async fn run(command: &str, digest: Digest) -> Result<Signature, Problem> {
    use tokio::io::AsyncWriteExt as _;
    let failed = |what: String| Problem::new(Code::SignatureInvalid, what);
    let mut child = tokio::process::Command::new("sh")
        .args(["-c", command])
        .env("FIRMHOLD_DIGEST", digest.to_hex())
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .map_err(|error| failed("cannot run the signing command".to_owned()).caused_by(error))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A command that reads FIRMHOLD_DIGEST instead may close its input unread.
        let _ = stdin.write_all(format!("{digest}\n").as_bytes()).await;
    }
    let output = child
        .wait_with_output()
        .await
        .map_err(|error| failed("cannot read the signing command".to_owned()).caused_by(error))?;
    if !output.status.success() {
        return Err(failed(format!("the signing command failed ({})", output.status)));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().map_err(|error| failed(format!("the signing command's output: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(text: &str) -> Signer {
        let key = PrivateKey::from_seed(&[7; 32]);
        Signer { public: key.public(), how: How::Command(text.to_owned()) }
    }

    #[tokio::test]
    async fn a_command_gets_the_digest_and_is_not_believed() {
        let digest = Digest::of("firmware");
        let right = PrivateKey::from_seed(&[7; 32]).sign(digest);
        let checks_input =
            format!("read d; [ \"$d\" = {digest} ] && [ \"$FIRMHOLD_DIGEST\" = {digest} ] && echo {right}");
        assert_eq!(command(&checks_input).sign(digest).await.unwrap(), right);
        let foreign = PrivateKey::from_seed(&[8; 32]).sign(digest);
        for bad in [format!("echo {foreign}"), "echo nonsense".into(), "exit 3".into()] {
            let problem = command(&bad).sign(digest).await.unwrap_err();
            assert_eq!(problem.code(), Code::SignatureInvalid, "{bad}");
        }
    }
}
