//! HTTP clients, with the certificates that the person trusts.

use std::path::Path;
use std::time::Duration;

use firmhold_core::{Code, Problem};

/// A client that trusts the system's certificates and those in `ca_file`. It has no time limit for a whole answer,
/// because a transfer takes as long as it takes: who sends or receives watches that it moves.
///
/// # Errors
/// If the file cannot be read or holds no certificate.
pub fn build(ca_file: Option<&Path>) -> Result<reqwest::Client, Problem> {
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("firmhold/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(Duration::from_secs(10))
        .redirect(reqwest::redirect::Policy::limited(5));
    if let Some(path) = ca_file {
        let unreadable =
            || Problem::new(Code::Usage, format!("cannot read certificates from {}", path.display()));
        let pem = std::fs::read(path).map_err(|error| unreadable().caused_by(error))?;
        let certificates =
            reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| unreadable().caused_by(error))?;
        if certificates.is_empty() {
            return Err(unreadable().with_hint("the file must hold certificates in PEM form"));
        }
        for certificate in certificates {
            builder = builder.add_root_certificate(certificate);
        }
    }
    builder.build().map_err(Problem::internal)
}
