//! A CI system's token issuer on loopback: its discovery document, its keys, and whatever can be wrong with both.

use std::sync::{Arc, Mutex};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256};
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use firmhold_core::PrivateKey;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

/// How it answers.
#[derive(Clone, Default)]
pub enum Mood {
    #[default]
    Well,
    /// 500 to everything.
    Broken,
    /// Never.
    Silent,
    /// Elsewhere.
    Redirect(String),
    /// With keys beyond all measure.
    Huge,
    /// A discovery document that says so.
    Discovery(Value),
}

#[derive(Default)]
struct Inner {
    keys: Vec<Value>,
    mood: Mood,
    asked: usize,
    url: String,
}

pub struct Issuer {
    pub url: String,
    inner: Arc<Mutex<Inner>>,
    task: JoinHandle<()>,
}

/// A key pair of the issuer's.
pub enum Pair {
    Rsa(RsaKeyPair),
    P256(EcdsaKeyPair),
    Ed25519(PrivateKey),
}

impl Issuer {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let inner = Arc::new(Mutex::new(Inner { url: url.clone(), ..Inner::default() }));
        let routes = Router::new().fallback(answer).with_state(Arc::clone(&inner));
        let task = tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        Self { url, inner, task }
    }

    /// Publishes these keys from now on.
    pub fn publish(&self, keys: &[(&str, &Pair)]) {
        self.inner.lock().unwrap().keys = keys.iter().map(|(kid, pair)| pair.jwk(kid)).collect();
    }

    pub fn be(&self, mood: Mood) {
        self.inner.lock().unwrap().mood = mood;
    }

    /// How often it was asked for anything.
    pub fn asked(&self) -> usize {
        self.inner.lock().unwrap().asked
    }

    /// Closes its port for good.
    pub async fn go_down(&mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(State(inner): State<Arc<Mutex<Inner>>>, uri: Uri) -> Response {
    let (mood, keys, url) = {
        let mut inner = inner.lock().unwrap();
        inner.asked += 1;
        (inner.mood.clone(), inner.keys.clone(), inner.url.clone())
    };
    let discovery = uri.path() == "/.well-known/openid-configuration";
    match mood {
        Mood::Broken => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        Mood::Silent => std::future::pending().await,
        Mood::Redirect(to) => (StatusCode::FOUND, [(header::LOCATION, to)]).into_response(),
        Mood::Huge if !discovery => "x".repeat(1024 * 1024).into_response(),
        Mood::Discovery(document) if discovery => axum::Json(document).into_response(),
        _ if discovery => {
            axum::Json(json!({ "issuer": url, "jwks_uri": format!("{url}/keys") })).into_response()
        }
        _ => axum::Json(json!({ "keys": keys })).into_response(),
    }
}

impl Pair {
    pub fn rsa() -> Self {
        Self::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap())
    }

    pub fn p256() -> Self {
        Self::P256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    pub fn ed25519(seed: u8) -> Self {
        Self::Ed25519(PrivateKey::from_seed(&[seed; 32]))
    }

    pub const fn alg(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "RS256",
            Self::P256(_) => "ES256",
            Self::Ed25519(_) => "EdDSA",
        }
    }

    pub fn jwk(&self, kid: &str) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match self {
            Self::Rsa(pair) => {
                let n = rsa_modulus(pair.public_key().as_ref());
                json!({ "kty": "RSA", "use": "sig", "alg": "RS256", "kid": kid, "n": text(n), "e": "AQAB" })
            }
            Self::P256(pair) => {
                let point = pair.public_key().as_ref();
                json!({ "kty": "EC", "crv": "P-256", "kid": kid, "x": text(&point[1..33]), "y": text(&point[33..]) })
            }
            Self::Ed25519(key) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "kid": kid, "x": text(key.public().as_bytes()) })
            }
        }
    }

    /// A token with this header and these claims.
    pub fn token_with(&self, header: &Value, claims: &Value) -> String {
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(header), encode(claims));
        let signature = self.sign(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    pub fn token(&self, kid: &str, claims: &Value) -> String {
        self.token_with(&json!({ "alg": self.alg(), "kid": kid, "typ": "JWT" }), claims)
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                signature
            }
            Self::P256(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Self::Ed25519(key) => hex::decode(key.sign_message(message).to_string()).unwrap(),
        }
    }
}

/// Of an RSAPublicKey of 2,048 bits (RFC 8017, A.1.1): after two headers and the zero that makes it positive.
fn rsa_modulus(der: &[u8]) -> &[u8] {
    &der[9..9 + 256]
}
