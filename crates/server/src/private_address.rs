//! Which addresses may be called that an organization names: those of the public internet, over TLS, unless the
//! server's settings allow others. What a name means is looked at when it is called: it can change its mind.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

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
    let public = match url.host() {
        Some(Host::Ipv4(address)) => is_public(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => is_public(IpAddr::V6(address)),
        Some(Host::Domain(name)) => !is_local(name),
        None => return Err("must have a host"),
    };
    if public || allow_private {
        return Ok(());
    }
    Err(
        "is a private, loopback or link-local address, which this server does not allow (allow_private_endpoints)",
    )
}

fn is_local(host: &str) -> bool {
    let host = host.trim_end_matches('.');
    // One label is found by the resolver's search list, in the operator's own network.
    !host.contains('.')
        || host.ends_with(".localhost")
        || host.ends_with(".local")
        || host.ends_with(".internal")
}

/// Whether an address is one of the public internet. <https://www.iana.org/assignments/iana-ipv4-special-registry> and
/// its twin for IPv6.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => match embedded_v4(address) {
            Some(embedded) => is_public_v4(embedded),
            None => is_public_v6(address),
        },
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_broadcast()
        || address.is_multicast()
        || address.is_documentation()
        || a == 0
        || a >= 240
        // Shared by carriers, benchmarks, protocol assignments.
        || (a == 100 && (64..128).contains(&b))
        || (a == 198 && (b == 18 || b == 19))
        || (a, b, c) == (192, 0, 0))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    // Only 2000::/3 is given out; of it, documentation and benchmarks are not public.
    let [first, second, ..] = address.segments();
    first & 0xe000 == 0x2000 && !(first == 0x2001 && (second == 0xdb8 || second == 2))
}

/// The IPv4 address that an IPv6 address stands for: mapped, translated (RFC 6052) or in a 6to4 prefix.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let join = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match (a, b, c, d, e, f) {
        (0, 0, 0, 0, 0, 0xffff) | (0x64, 0xff9b, 0, 0, 0, 0) => Some(join(g, h)),
        (0x2002, high, low, ..) => Some(join(high, low)),
        _ => None,
    }
}

/// A resolver that knows public addresses only.
#[derive(Debug, Clone, Copy)]
pub struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            // All of them, or none: one that is private in between is no accident.
            if found.iter().all(|address| is_public(address.ip())) {
                return Ok(Box::new(found.into_iter()) as Addrs);
            }
            let text =
                format!("{} has a private address, which allow_private_endpoints forbids", name.as_str());
            Err(io::Error::new(io::ErrorKind::PermissionDenied, text).into())
        })
    }
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

    #[tokio::test]
    async fn a_name_that_means_a_private_address_is_not_called() {
        let name: Name = "localhost".parse().unwrap();
        assert!(PublicOnly.resolve(name).await.is_err());
    }
}
