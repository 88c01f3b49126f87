//! Which addresses may be called that an organization names: those of the public internet, over TLS, unless the
//! server's settings allow others. What a name means is looked at when it is called: it can change its mind.

use firmhold_store::is_public_host;
use url::Url;

/// Whether `url` may be called as far as its text tells: `https`, or `http` where private addresses are allowed.
///
/// # Errors
/// What is wrong with it, to be written after its name.
pub fn check(url: &Url, allow_private: bool) -> Result<(), &'static str> {
    match url.scheme() {
        "https" => {}
        "http" if allow_private => {}
        _ => return Err("must be https"),
    }
    let host = url.host().ok_or("must have a host")?;
    if allow_private || is_public_host(&host) {
        return Ok(());
    }
    Err(
        "is a private, loopback or link-local address, which this server does not allow (allow_private_endpoints)",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn may(url: &str, allow_private: bool) -> bool {
        check(&url.parse().unwrap(), allow_private).is_ok()
    }

    #[test]
    fn only_the_public_internet_over_tls() {
        for good in
            ["https://token.actions.githubusercontent.com", "https://1.1.1.1/x", "https://[2606:4700::1]"]
        {
            assert!(may(good, false), "{good}");
        }
        for bad in [
            "http://example.com",
            "https://localhost",
            "https://gitlab",
            "https://gitlab.internal",
            "https://127.0.0.1:8080",
            "https://10.1.2.3",
            "https://169.254.169.254/latest",
            "https://100.64.0.1",
            "https://[::1]",
            "https://[fd00::1]",
            "https://[::ffff:10.0.0.1]",
            "https://[2002:a00:1::]",
            "https://2130706433",
        ] {
            assert!(!may(bad, false) && may(bad, true), "{bad}");
        }
        assert!(!may("ftp://example.com", true) && !may("data:x", true));
    }
}
