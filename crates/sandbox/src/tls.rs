//! The sandbox's own certificate authority. Its certificate and key live in the data folder, so that a client that
//! trusts it goes on doing so after a restart; the server's certificate is made anew at each start.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::durable;

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The authority's files cannot be read or written.
    #[error("cannot keep the certificate authority in {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// A certificate cannot be made, or the stored key is not one.
    #[error("cannot make a certificate")]
    Certificate(#[from] rcgen::Error),
    /// The TLS library refuses what was made.
    #[error("cannot set TLS up")]
    Rustls(#[from] rustls::Error),
}

/// The names that the server's certificate is good for.
const NAMES: [&str; 3] = ["localhost", "*.localhost", "127.0.0.1"];

/// The authority's certificate file and a server configuration that it vouches for.
pub(crate) fn open(dir: &Path) -> Result<(PathBuf, Arc<ServerConfig>), TlsError> {
    let ca_file = dir.join("ca.pem");
    let issuer = open_authority(&ca_file, &dir.join("ca-key.pem"))?;
    Ok((ca_file, Arc::new(server_config(&issuer)?)))
}

fn open_authority(cert_file: &Path, key_file: &Path) -> Result<Issuer<'static, KeyPair>, TlsError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| TlsError::Io { path, source }
    };
    let params = authority_params();
    if cert_file.exists() {
        let key = KeyPair::from_pem(&fs::read_to_string(key_file).map_err(failed(key_file))?)?;
        return Ok(Issuer::new(params, key));
    }
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    // The key first: a certificate without its key would be kept and be of no use.
    durable::write(key_file, key.serialize_pem().as_bytes(), 0o600).map_err(failed(key_file))?;
    durable::write(cert_file, certificate.pem().as_bytes(), 0o644).map_err(failed(cert_file))?;
    Ok(Issuer::new(params, key))
}

fn authority_params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.distinguished_name.push(DnType::CommonName, "Firmhold sandbox CA");
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn server_config(issuer: &Issuer<'static, KeyPair>) -> Result<ServerConfig, TlsError> {
    let mut params = CertificateParams::new(NAMES.map(str::to_owned).to_vec())?;
    params.distinguished_name.push(DnType::CommonName, "localhost");
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, issuer)?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
