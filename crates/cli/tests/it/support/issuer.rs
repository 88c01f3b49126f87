//! A CI system's token issuer on loopback, with one Ed25519 key.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use firmhold_core::{Clock, PrivateKey};
use serde_json::{Value, json};

/// See the module. It answers until the test's process ends.
pub struct Issuer {
    /// What its tokens have as `iss`.
    pub url: String,
    key: PrivateKey,
}

impl Issuer {
    /// Starts it.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let key = PrivateKey::from_seed(&[7; 32]);
        let x = URL_SAFE_NO_PAD.encode(key.public().as_bytes());
        let keys = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": "ci", "x": x }] });
        let discovery = json!({ "issuer": url, "jwks_uri": format!("{url}/keys") });
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                // A client that goes away is no matter of the issuer's.
                let _ = answer(stream, &discovery, &keys);
            }
        });
        Self { url, key }
    }

    /// A new token for `audience` about `subject`.
    pub fn token(&self, audience: &str, subject: &str) -> String {
        let encode = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let claims = json!({
            "iss": self.url, "aud": audience, "sub": subject, "exp": Clock::system().now().as_secs() + 300,
            "jti": uuid::Uuid::new_v4(),
        });
        let signed = format!("{}.{}", encode(json!({ "alg": "EdDSA", "kid": "ci" })), encode(claims));
        let signature = hex::decode(self.key.sign_message(signed.as_bytes()).to_string()).expect("hex");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn answer(mut stream: TcpStream, discovery: &Value, keys: &Value) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let body = if first.starts_with("GET /keys ") { keys } else { discovery }.to_string();
    let length = body.len();
    write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}")
}
