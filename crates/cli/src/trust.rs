//! Which signing keys a download must be signed by.

use std::path::Path;

use clap::Args;
use firmhold_core::binary::HandedSignature;
use firmhold_core::{Code, Digest, Problem, PublicKey};

use crate::profile::Profile;

/// Options on trust.
#[derive(Args, Debug, Clone)]
#[command(next_help_heading = "Trust")]
pub struct TrustArgs {
    /// Trust this signing key: base64 of its 32 bytes, or a PEM file; may be repeated
    #[arg(long, value_name = "KEY")]
    pub trust: Vec<String>,
    /// Take a file that nobody signed
    #[arg(long, conflicts_with = "trust")]
    pub allow_unsigned: bool,
}

/// What a person trusts.
#[derive(Debug, Clone)]
pub enum Trust {
    /// One of these keys must have signed.
    Keys(Vec<PublicKey>),
    /// Any key that the server hands out: proves that the bytes are those that were signed, but takes the server's
    /// word for who may sign.
    Server,
    /// Signatures are not asked for.
    Unsigned,
}

impl Trust {
    /// What the options and the profile say.
    ///
    /// # Errors
    /// [`Code::Usage`] or [`Code::LocalFile`] if a key cannot be read.
    pub fn resolve(args: &TrustArgs, profile: &Profile) -> Result<Self, Problem> {
        if args.allow_unsigned {
            return Ok(Self::Unsigned);
        }
        let named = if args.trust.is_empty() { &profile.trust } else { &args.trust };
        if named.is_empty() {
            return Ok(Self::Server);
        }
        named.iter().map(|key| read_public(key)).collect::<Result<_, _>>().map(Self::Keys)
    }

    /// The id of the key whose signature over `digest` is trusted; none if signatures are not asked for.
    ///
    /// # Errors
    /// [`Code::UntrustedSignature`] if there is no such signature.
    pub fn check(&self, digest: Digest, signatures: &[HandedSignature]) -> Result<Option<String>, Problem> {
        let untrusted = |text: &str| Err(Problem::new(Code::UntrustedSignature, text));
        match self {
            Self::Unsigned => Ok(None),
            Self::Keys(keys) => {
                // Which key a signature says it is by is the server's word: each is tried with each trusted key.
                let by = keys
                    .iter()
                    .find(|key| signatures.iter().any(|s| key.verify(digest, &s.signature).is_some()));
                match by {
                    Some(key) => Ok(Some(key.keyid())),
                    None if signatures.is_empty() => untrusted("the binary is not signed"),
                    None => untrusted("no signature of the binary is by a key that you trust"),
                }
            }
            Self::Server => {
                let by = signatures.iter().find_map(|handed| {
                    let key = PublicKey::parse(&handed.public_value).ok()?;
                    key.verify(digest, &handed.signature).map(|_| key.keyid())
                });
                match by {
                    Some(keyid) => Ok(Some(keyid)),
                    None if signatures.is_empty() => {
                        Err(Problem::new(Code::UntrustedSignature, "the binary is not signed")
                            .with_hint("--allow-unsigned takes it all the same"))
                    }
                    None => untrusted("no signature of the binary verifies"),
                }
            }
        }
    }
}

/// A public key given as base64 or as the path of a PEM file.
///
/// # Errors
/// [`Code::Usage`] or [`Code::LocalFile`].
pub fn read_public(text: &str) -> Result<PublicKey, Problem> {
    if let Ok(key) = PublicKey::parse(text) {
        return Ok(key);
    }
    let path = Path::new(text);
    let pem = std::fs::read_to_string(path).map_err(|error| {
        Problem::new(Code::LocalFile, format!("{text:?} is neither a public key nor a file that can be read"))
            .caused_by(error)
    })?;
    PublicKey::parse(&pem).map_err(|error| {
        let problem = Problem::new(Code::Usage, format!("{text}: {error}"));
        if pem.contains("PRIVATE KEY") {
            problem.with_hint("that is the private half: name the .pub.pem beside it")
        } else {
            problem
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use firmhold_core::{PrivateKey, Prn, PrnKind};

    fn handed(by: &PrivateKey, claims: &PrivateKey, digest: Digest) -> HandedSignature {
        HandedSignature {
            signature: by.sign(digest),
            signing_key_prn: Prn::new(uuid::Uuid::nil(), PrnKind::SigningKey, uuid::Uuid::nil()),
            keyid: claims.public().keyid(),
            public_value: claims.public().to_pem(),
        }
    }

    #[test]
    fn a_pinned_key_must_have_signed_whatever_the_server_says() {
        let (ours, theirs) = (PrivateKey::from_seed(&[1; 32]), PrivateKey::from_seed(&[2; 32]));
        let digest = Digest::of("firmware");
        let trust = Trust::Keys(vec![ours.public()]);
        assert_eq!(
            trust.check(digest, &[handed(&ours, &theirs, digest)]).unwrap(),
            Some(ours.public().keyid())
        );
        for bad in
            [vec![], vec![handed(&theirs, &ours, digest)], vec![handed(&ours, &ours, Digest::of("other"))]]
        {
            assert_eq!(trust.check(digest, &bad).unwrap_err().code(), Code::UntrustedSignature);
        }
        assert!(Trust::Server.check(digest, &[handed(&theirs, &theirs, digest)]).is_ok());
        assert!(Trust::Server.check(digest, &[handed(&theirs, &ours, digest)]).is_err());
        assert!(Trust::Server.check(digest, &[]).is_err());
        assert_eq!(Trust::Unsigned.check(digest, &[]).unwrap(), None);
    }
}
