//! An issuer's published keys: a JWK set (RFC 7517), and what it takes to verify a signature by one of them.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use firmhold_core::{PublicKey, Signature};
use serde::Deserialize;
use serde_json::Value;

use super::Refused;
use super::token::{Algorithm, Token};

/// Most keys of a set that are looked at.
const MAX_KEYS: usize = 64;

/// The keys of a set that could sign a token.
#[derive(Debug, Clone, Default)]
pub struct Jwks(Vec<Key>);

#[derive(Debug, Clone)]
struct Key {
    kid: Option<String>,
    material: Material,
}

/// A public key that was found usable.
#[derive(Debug, Clone)]
enum Material {
    /// Modulus and exponent, big-endian, of 2,048 to 8,192 bits.
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// An uncompressed point.
    P256(Vec<u8>),
    Ed25519(PublicKey),
}

/// A key as it is written. What else it may say is of no use here.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    kid: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<Value>,
}

impl Jwks {
    /// Reads a set. Keys of other kinds and for other purposes are left out: a set may hold what we do not know.
    ///
    /// # Errors
    /// If it is no JWK set.
    pub fn parse(bytes: &[u8]) -> Result<Self, Refused> {
        let set: Set = serde_json::from_slice(bytes)
            .map_err(|_| Refused::because("the issuer's keys are no JWK set"))?;
        let keys = set.keys.into_iter().filter_map(|key| Key::read(serde_json::from_value(key).ok()?));
        Ok(Self(keys.take(MAX_KEYS).collect()))
    }

    /// Whether there is a key that the token could be signed with.
    pub fn has_key_of(&self, token: &Token<'_>) -> bool {
        self.candidates(token).next().is_some()
    }

    /// Whether one of the keys that the token could be signed with has signed it.
    pub fn verify(&self, token: &Token<'_>) -> bool {
        self.candidates(token).any(|key| key.material.verify(token.signed.as_bytes(), &token.signature))
    }

    /// The keys with the token's `kid`, or all if it has none, that are of its algorithm's type. Two keys may share a
    /// `kid` (RFC 7517, section 4.5).
    fn candidates(&self, token: &Token<'_>) -> impl Iterator<Item = &Key> {
        self.0.iter().filter(|key| {
            key.material.algorithm() == token.algorithm
                && token.kid.as_ref().is_none_or(|kid| key.kid.as_ref() == Some(kid))
        })
    }
}

impl Key {
    fn read(jwk: Jwk) -> Option<Self> {
        let signs = jwk.purpose.as_deref().is_none_or(|purpose| purpose == "sig");
        let verifies = jwk.key_ops.as_ref().is_none_or(|ops| ops.iter().any(|op| op == "verify"));
        if !signs || !verifies {
            return None;
        }
        let decode = |text: &Option<String>| URL_SAFE_NO_PAD.decode(text.as_ref()?).ok();
        let (material, algorithm) = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("RSA", _) => (Material::Rsa { n: decode(&jwk.n)?, e: decode(&jwk.e)? }, "RS256"),
            ("EC", Some("P-256")) => {
                let (x, y) = (decode(&jwk.x)?, decode(&jwk.y)?);
                if (x.len(), y.len()) != (32, 32) {
                    return None;
                }
                (Material::P256([&[4], x.as_slice(), y.as_slice()].concat()), "ES256")
            }
            ("OKP", Some("Ed25519")) => {
                let bytes: [u8; 32] = decode(&jwk.x)?.try_into().ok()?;
                (Material::Ed25519(PublicKey::from_bytes(&bytes).ok()?), "EdDSA")
            }
            _ => return None,
        };
        // A key that names an algorithm is for no other; the name of RFC 9864 means the same curve.
        let named = jwk.alg.as_deref();
        let fits =
            named.is_none_or(|named| named == algorithm || (algorithm == "EdDSA" && named == "Ed25519"));
        fits.then_some(Self { kid: jwk.kid, material })
    }
}

impl Material {
    const fn algorithm(&self) -> Algorithm {
        match self {
            Self::Rsa { .. } => Algorithm::RS256,
            Self::P256(_) => Algorithm::ES256,
            Self::Ed25519(_) => Algorithm::EdDsa,
        }
    }

    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Rsa { n, e } => RsaPublicKeyComponents { n, e }
                .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
                .is_ok(),
            Self::P256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature).is_ok()
            }
            Self::Ed25519(key) => {
                let signature: Option<Signature> = hex::encode(signature).parse().ok();
                signature.is_some_and(|signature| key.verify_message(message, &signature))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kept(keys: Value) -> usize {
        Jwks::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap().0.len()
    }

    #[test]
    fn only_public_keys_that_sign_are_kept() {
        let rsa = json!({ "kty": "RSA", "n": "AQAB", "e": "AQAB" });
        let with = |name: &str, value: Value| {
            let mut key = rsa.clone();
            key[name] = value;
            key
        };
        assert_eq!(kept(json!([rsa, with("use", json!("sig")), with("alg", json!("RS256"))])), 3);
        let others = json!([
            with("use", json!("enc")),
            with("alg", json!("RS512")),
            with("key_ops", json!(["encrypt"])),
            with("kty", json!("oct")),
            with("n", Value::Null),
            with("n", json!("+/=")),
            { "kty": "oct", "k": "c2VjcmV0" },
            { "kty": "EC", "crv": "P-384", "x": "AA", "y": "AA" },
            { "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA" },
            { "kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode([0; 32]) },
            { "kty": "OKP", "crv": "X25519", "x": URL_SAFE_NO_PAD.encode([9; 32]) },
            7,
        ]);
        assert_eq!(kept(others), 0);
        assert_eq!(kept(Value::Array(vec![rsa; 100])), MAX_KEYS);
        for wrong in ["", "[]", "{}", r#"{"keys":{}}"#] {
            assert!(Jwks::parse(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
