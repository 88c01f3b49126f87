//! A token as it came: a JWS in compact form (RFC 7515) that holds claims (RFC 7519). Nothing in it is believed until
//! its signature was verified, but what cannot be right is refused before anybody is asked for keys.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use firmhold_core::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Refused;

/// Longest token. Those of CI systems have 1 to 3 KiB.
const MAX_TOKEN: usize = 16 * 1024;
/// Most audiences of a token.
const MAX_AUDIENCES: usize = 16;
/// How far the issuer's clock and ours may be apart.
pub const SKEW: Duration = Duration::from_secs(60);
/// How far ahead a token may end. Those of CI systems live for minutes, and each is noted until its end.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// The algorithms that are accepted (RFC 7518 and RFC 8037); all of them are asymmetric.
///
/// INVARIANT: the key's own type must be the algorithm's, or a public key could be passed off as another kind's secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    RS256,
    /// ECDSA on P-256 with SHA-256.
    ES256,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

/// The protected header.
#[derive(Deserialize)]
struct Header {
    alg: Algorithm,
    kid: Option<String>,
    /// Extensions that must be understood: there are none that we do.
    crit: Option<serde_json::Value>,
}

/// The claims that matter. A claim that occurs twice is refused.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Claims {
    /// Who issued it.
    pub iss: String,
    /// Whom it is for.
    pub aud: Audiences,
    /// Whom it is about.
    pub sub: String,
    exp: f64,
    nbf: Option<f64>,
    /// Names this token among the issuer's.
    pub jti: Option<String>,
}

/// One audience, or several.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Audiences {
    /// As a text.
    One(String),
    /// As a list.
    Several(Vec<String>),
}

impl Audiences {
    /// All of them.
    pub fn as_slice(&self) -> &[String] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Several(several) => several,
        }
    }
}

/// A token that was taken apart. It has no `Debug`: its signature makes it worth a key.
pub struct Token<'a> {
    /// How it is signed.
    pub algorithm: Algorithm,
    /// Which of the issuer's keys signed it, if it says.
    pub kid: Option<String>,
    /// What it claims.
    pub claims: Claims,
    /// What was signed.
    pub signed: &'a str,
    /// The signature.
    pub signature: Vec<u8>,
}

impl<'a> Token<'a> {
    /// Takes a token apart.
    ///
    /// # Errors
    /// If it is no JWS in compact form, is too long, is signed in a way that is not accepted, or lacks a claim.
    pub fn parse(text: &'a str) -> Result<Self, Refused> {
        if text.len() > MAX_TOKEN {
            return Err(Refused::because(format!("the token has more than {MAX_TOKEN} bytes")));
        }
        let no_jws = || Refused::because("the token is no JWS in compact form");
        let (signed, signature) = text.rsplit_once('.').ok_or_else(no_jws)?;
        let (header, claims) = signed.split_once('.').ok_or_else(no_jws)?;
        let header: Header = segment(header, "header")?;
        if header.crit.is_some() {
            return Err(Refused::because("the token's header has critical extensions"));
        }
        let claims: Claims = segment(claims, "claims")?;
        if claims.aud.as_slice().len() > MAX_AUDIENCES {
            return Err(Refused::because(format!("the token has more than {MAX_AUDIENCES} audiences")));
        }
        let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| no_jws())?;
        Ok(Self { algorithm: header.alg, kid: header.kid, claims, signed, signature })
    }
}

/// A part of the token that is JSON. What is wrong with it is told by its place only: the parser's own words may quote
/// the token.
fn segment<T: DeserializeOwned>(text: &str, what: &str) -> Result<T, Refused> {
    let bytes = URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| Refused::because(format!("the token's {what} is no base64url")))?;
    serde_json::from_slice(&bytes).map_err(|error| {
        let place = error.column();
        Refused::because(format!("the token's {what} does not have the form that is needed (byte {place})"))
    })
}

impl Claims {
    /// Until when the token is accepted, the skew included.
    pub fn end(&self) -> Timestamp {
        moment(self.exp).plus(SKEW)
    }

    /// Whether `now` is within the token's time.
    ///
    /// # Errors
    /// If it has ended, has not begun, or ends too far ahead.
    pub fn check_time(&self, now: Timestamp) -> Result<(), Refused> {
        if now >= self.end() {
            return Err(Refused::because(format!("the token ended at {}", moment(self.exp))));
        }
        if self.end() > now.plus(LONGEST).plus(SKEW) {
            return Err(Refused::because(format!(
                "the token ends at {}, more than a day ahead",
                moment(self.exp)
            )));
        }
        if let Some(nbf) = self.nbf.map(moment)
            && now.plus(SKEW) < nbf
        {
            return Err(Refused::because(format!("the token begins at {nbf}")));
        }
        Ok(())
    }
}

/// A NumericDate (RFC 7519, section 2), which may have a fraction. One beyond what can be told is at the end of time.
fn moment(seconds: f64) -> Timestamp {
    // A float becomes the nearest integer that there is, and no JSON is NaN.
    Timestamp::from_millis((seconds * 1000.0) as i64)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn token(header: &Value, claims: &str) -> String {
        let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.{}", encode(&header.to_string()), encode(claims), encode("signature"))
    }

    fn refused(text: &str) -> String {
        Token::parse(text).err().map(|refused| refused.to_string()).unwrap_or_default()
    }

    const CLAIMS: &str = r#"{"iss":"i","aud":"a","sub":"s","exp":100}"#;

    #[test]
    fn a_token_comes_apart() {
        let claims =
            r#"{"iss":"i","aud":["a","b"],"sub":"s","exp":100.5,"nbf":50,"jti":"j","iat":"ignored"}"#;
        let text = token(&json!({ "alg": "ES256", "kid": "k", "typ": "JWT" }), claims);
        let token = Token::parse(&text).unwrap();
        assert_eq!((token.algorithm, token.kid.as_deref()), (Algorithm::ES256, Some("k")));
        assert_eq!(token.claims.aud.as_slice(), ["a", "b"]);
        assert_eq!(token.claims.end(), Timestamp::from_millis(160_500));
        assert!(text.starts_with(token.signed) && token.signature == b"signature");
    }

    #[test]
    fn what_cannot_be_right_is_refused_unread() {
        for alg in ["none", "None", "HS256", "RS512", "ES384", "PS256", "", "rs256"] {
            assert!(refused(&token(&json!({ "alg": alg }), CLAIMS)).contains("header"), "{alg}");
        }
        assert!(refused(&token(&json!({ "kid": "k" }), CLAIMS)).contains("header"));
        assert!(refused(&token(&json!({ "alg": "RS256", "crit": ["b64"] }), CLAIMS)).contains("critical"));
        for claims in [
            r#"{"aud":"a","sub":"s","exp":1}"#,
            r#"{"iss":"i","sub":"s","exp":1}"#,
            r#"{"iss":"i","aud":"a","exp":1}"#,
            r#"{"iss":"i","aud":"a","sub":"s"}"#,
            r#"{"iss":"i","aud":"a","sub":"s","exp":"1"}"#,
            r#"{"iss":"i","aud":"a","sub":"s","exp":1e999}"#,
            r#"{"iss":"i","aud":"a","sub":"s","sub":"t","exp":1}"#,
            r#"{"iss":"i","aud":["a",1],"sub":"s","exp":1}"#,
            "[]",
            "x",
        ] {
            assert!(refused(&token(&json!({ "alg": "RS256" }), claims)).contains("claims"), "{claims}");
        }
        let seventeen = json!({ "iss": "i", "aud": vec!["a"; 17], "sub": "s", "exp": 1 }).to_string();
        assert!(refused(&token(&json!({ "alg": "RS256" }), &seventeen)).contains("audiences"));
        let good = token(&json!({ "alg": "RS256" }), CLAIMS);
        for text in
            ["", ".", "..", "...", "a.b.c", &good.replace('.', ""), &format!("{good}="), &format!("{good}.x")]
        {
            assert!(Token::parse(text).is_err(), "{text}");
        }
        assert!(refused(&format!("{good}{}", "A".repeat(MAX_TOKEN))).contains("bytes"));
    }

    #[test]
    fn a_minute_of_skew_is_forgiven_on_both_ends() {
        let claims: Claims =
            serde_json::from_str(r#"{"iss":"i","aud":"a","sub":"s","exp":1000,"nbf":500}"#).unwrap();
        let at = |seconds| claims.check_time(Timestamp::from_secs(seconds)).is_ok();
        assert_eq!([439, 440, 700, 1059, 1060].map(at), [false, true, true, true, false]);
        let far: Claims = serde_json::from_str(r#"{"iss":"i","aud":"a","sub":"s","exp":100000}"#).unwrap();
        let at = |seconds| far.check_time(Timestamp::from_secs(seconds)).is_ok();
        assert_eq!([13_599, 13_600].map(at), [false, true]);
    }

    #[test]
    fn times_beyond_all_bounds_are_the_end_of_time() {
        let claims: Claims = serde_json::from_str(r#"{"iss":"i","aud":"a","sub":"s","exp":1e300}"#).unwrap();
        assert_eq!(claims.end(), Timestamp::from_millis(i64::MAX));
        assert!(claims.check_time(Timestamp::from_secs(1)).is_err());
        let claims: Claims = serde_json::from_str(r#"{"iss":"i","aud":"a","sub":"s","exp":-1e300}"#).unwrap();
        assert!(claims.check_time(Timestamp::EPOCH).is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "[A-Za-z0-9_.=-]{0,200}") {
            let _ = Token::parse(&text);
        }
    }
}
