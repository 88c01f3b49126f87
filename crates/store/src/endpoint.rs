//! Where an S3-compatible store listens, and where none may (API contract 12.2).
//!
//! The address comes from an organization, and the server calls it from inside the operator's network: without these
//! rules a backend could be pointed at whatever answers there.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns, ResolveDnsError};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// `http(s)://HOST[:PORT]`, and nothing after it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Endpoint {
    secure: bool,
    host: Host<String>,
    port: Option<u16>,
}

/// Why a text is no endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadEndpoint(pub &'static str);

impl fmt::Display for BadEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for BadEndpoint {}

impl Endpoint {
    /// Reads the text of a setting.
    ///
    /// # Errors
    /// What is wrong with it, to be written after the field's name. AWS's own hosts are no endpoints: there a role is
    /// the only way in.
    pub fn parse(text: &str) -> Result<Self, BadEndpoint> {
        let form = BadEndpoint("must be https://HOST[:PORT] with nothing after it");
        // The parser adds a path and forgives much; what it has to forgive is a mistake here.
        let after = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).ok_or(form)?;
        if after.contains(['/', '?', '#', '@', '\\']) || after.contains(char::is_whitespace) {
            return Err(form);
        }
        let url = Url::parse(text).map_err(|_| form)?;
        let host = url.host().ok_or(form)?.to_owned();
        if let Host::Domain(name) = &host
            && is_aws(name)
        {
            return Err(BadEndpoint(
                "is a host of AWS: leave it out and give a role_arn, no static keys lead there",
            ));
        }
        Ok(Self { secure: url.scheme() == "https", host, port: url.port() })
    }

    /// Whether this may be called although nobody has allowed private endpoints.
    ///
    /// # Errors
    /// Why not, to be written after the field's name.
    pub fn must_be_public(&self) -> Result<(), BadEndpoint> {
        if !self.secure {
            return Err(BadEndpoint(
                "must be https: this server does not allow private endpoints (allow_private_endpoints)",
            ));
        }
        if is_public_host(&self.host) {
            return Ok(());
        }
        Err(BadEndpoint(
            "is a private, loopback or link-local address, which this server does not allow (allow_private_endpoints)",
        ))
    }

    /// Whether a bucket's name can stand before the host's: not before an address.
    pub const fn has_name(&self) -> bool {
        matches!(self.host, Host::Domain(_))
    }

    /// `http` or `https`.
    pub const fn scheme(&self) -> &'static str {
        if self.secure { "https" } else { "http" }
    }

    /// Host and port as a client writes them, without the scheme's own port.
    pub fn authority(&self) -> String {
        match self.port {
            Some(port) => format!("{}:{port}", self.host),
            None => self.host.to_string(),
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme(), self.authority())
    }
}

fn is_aws(host: &str) -> bool {
    let host = host.trim_end_matches('.');
    ["amazonaws.com", "amazonaws.com.cn", "amazonaws.eu", "api.aws", "on.aws"]
        .iter()
        .any(|aws| host.strip_suffix(aws).is_some_and(|before| before.is_empty() || before.ends_with('.')))
}

fn is_local(host: &str) -> bool {
    let host = host.trim_end_matches('.');
    // One label is found by the resolver's search list, in the operator's own network.
    !host.contains('.')
        || host.ends_with(".localhost")
        || host.ends_with(".local")
        || host.ends_with(".internal")
}

/// Whether a host is one of the public internet, as far as its text tells. What a name means is for [`PublicOnly`].
pub fn is_public_host<S: AsRef<str>>(host: &Host<S>) -> bool {
    match host {
        Host::Ipv4(address) => is_public(IpAddr::V4(*address)),
        Host::Ipv6(address) => is_public(IpAddr::V6(*address)),
        Host::Domain(name) => !is_local(name.as_ref()),
    }
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

/// A resolver that knows public addresses only. What a name means is looked at when it is called, not when it was
/// written into a setting: a name can change its mind in between.
#[derive(Debug, Clone, Copy)]
pub struct PublicOnly;

impl PublicOnly {
    async fn resolve(name: &str) -> io::Result<Vec<SocketAddr>> {
        let unknown = |error: io::Error| {
            io::Error::new(error.kind(), format!("the public address of {name} cannot be found: {error}"))
        };
        let found: Vec<_> = tokio::net::lookup_host((name, 0)).await.map_err(unknown)?.collect();
        // All of them, or none: one that is private in between is no accident.
        if found.iter().all(|address| is_public(address.ip())) {
            return Ok(found);
        }
        let text = format!("{name} has a private address, which allow_private_endpoints forbids");
        Err(io::Error::new(io::ErrorKind::PermissionDenied, text))
    }
}

impl ResolveDns for PublicOnly {
    fn resolve_dns<'a>(&'a self, name: &'a str) -> DnsFuture<'a> {
        DnsFuture::new(async move {
            let found = Self::resolve(name).await.map_err(ResolveDnsError::new)?;
            Ok(found.into_iter().map(|address| address.ip()).collect())
        })
    }
}

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = Self::resolve(name.as_str()).await?;
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_scheme_host_and_port() {
        for (text, written) in [
            ("https://s3.example.com", "https://s3.example.com"),
            ("https://S3.Example.com:443", "https://s3.example.com"),
            ("http://127.0.0.1:9000", "http://127.0.0.1:9000"),
            ("https://[2606:4700::1]:8443", "https://[2606:4700::1]:8443"),
        ] {
            assert_eq!(Endpoint::parse(text).unwrap().to_string(), written);
        }
        for bad in [
            "",
            "s3.example.com",
            "ftp://s3.example.com",
            "https://",
            "https://s3.example.com/",
            "https://a/b",
            "https://s3.example.com?x",
            "https://user@s3.example.com",
            "https://s3 .example.com",
            "https://a:b",
            "https://a\\b",
            "HTTPS://s3.example.com",
        ] {
            assert!(Endpoint::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_host_of_aws_is_none() {
        for host in [
            "s3.amazonaws.com",
            "bucket.s3.us-west-2.amazonaws.com",
            "s3.cn-north-1.amazonaws.com.cn",
            "s3.us-west-2.api.aws",
            "S3.AMAZONAWS.COM",
            "s3.amazonaws.com.",
            "vpce-1.s3.us-east-1.vpce.amazonaws.com",
            "amazonaws.com",
        ] {
            let refused = Endpoint::parse(&format!("https://{host}")).unwrap_err();
            assert!(refused.0.starts_with("is a host of AWS"), "{host}");
        }
        assert!(Endpoint::parse("https://notamazonaws.com").is_ok());
    }

    #[test]
    fn only_public_ones_unless_allowed() {
        let public = |text: &str| Endpoint::parse(text).unwrap().must_be_public().is_ok();
        for good in ["https://s3.example.com", "https://1.1.1.1", "https://[2606:4700::1]"] {
            assert!(public(good), "{good}");
        }
        for bad in [
            "http://s3.example.com",
            "https://localhost",
            "https://s3.localhost",
            "https://minio",
            "https://nas.local",
            "https://metadata.google.internal",
            "https://127.0.0.1",
            "https://10.1.2.3",
            "https://172.16.0.1",
            "https://192.168.1.1",
            "https://169.254.169.254",
            "https://100.64.0.1",
            "https://0.0.0.0",
            "https://[::1]",
            "https://[::]",
            "https://[fd00::1]",
            "https://[fe80::1]",
            "https://[::ffff:10.0.0.1]",
            "https://[64:ff9b::a00:1]",
            "https://[2002:a00:1::]",
            "https://2130706433",
            "https://0x7f.1",
            "https://localhost.",
        ] {
            assert!(!public(bad), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_name_that_means_a_private_address_is_not_called() {
        let refused = PublicOnly::resolve("localhost").await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied);
    }
}
