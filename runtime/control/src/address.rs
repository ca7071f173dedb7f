//! Where a node is, as whoever asks writes it: an address of this machine in the clear, or of any with certificates.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Bytes of a host's name.
const NAME_MAX: usize = 253;

/// How addresses of one transport begin.
pub(crate) struct Scheme {
    /// In the clear.
    pub(crate) plain: &'static str,
    /// With certificates.
    pub(crate) secure: &'static str,
    /// One, and who says it.
    pub(crate) example: &'static str,
    /// What both sides name when they agree on how to speak.
    #[cfg_attr(not(feature = "tls"), allow(dead_code))]
    pub(crate) protocol: &'static [u8],
}

/// Why an address is none that can be gone to.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// It does not read.
    #[error("{asked:?} is no address of a node; one is {example}")]
    NoAddress {
        /// What was written.
        asked: String,
        /// What one looks like.
        example: &'static str,
    },
    /// A token would be read on its way.
    #[error(
        "{asked} is not on this machine, and a token that goes there in the clear is read on its way; let the node serve with certificates and write \
         {secure}, or forward the port (ssh -L)"
    )]
    BeyondLoopback {
        /// What was written.
        asked: String,
        /// What such an address begins with.
        secure: &'static str,
    },
    /// Nobody knows where a token would go.
    #[error(
        "{asked} is a name, which may lead to another machine, and a token does not go there in the clear; write a loopback address such as \
         127.0.0.1, or {secure} for a node that serves with certificates"
    )]
    Name {
        /// What was written.
        asked: String,
        /// What an address with certificates begins with.
        secure: &'static str,
    },
    /// There is nothing to show.
    #[error(
        "{asked} is spoken with by certificates on both sides; set AIOS_TLS_CERT, AIOS_TLS_KEY and AIOS_TLS_CA to files in PEM form"
    )]
    NoCertificates {
        /// What was written.
        asked: String,
    },
    /// Nobody said what is shown there.
    #[error(
        "there is no token for {0}, which is on another machine; set AIOS_TOKEN or AIOS_TOKEN_FILE"
    )]
    NoToken(String),
    /// It cannot be shown.
    #[error("the token cannot travel in a header; take the one that `aios serve` wrote")]
    Token,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Host {
    Ip(IpAddr),
    Name(String),
}

/// An address that can be gone to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) host: Host,
    pub(crate) port: u16,
    pub(crate) is_secure: bool,
}

impl Address {
    pub(crate) fn read(asked: &str, scheme: &Scheme) -> Result<Self, AddressError> {
        let none = || AddressError::NoAddress {
            asked: asked.chars().take(200).collect(),
            example: scheme.example,
        };
        let secure = asked.strip_prefix(scheme.secure);
        let is_secure = secure.is_some();
        let rest = secure.or_else(|| asked.strip_prefix(scheme.plain));
        let rest = rest.ok_or_else(none)?;
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = authority.rsplit_once(':').ok_or_else(none)?;
        let host = host_of(host).ok_or_else(none)?;
        // A number may begin with a plus sign, and a port may not.
        let digits = port.bytes().all(|byte| byte.is_ascii_digit());
        let port = port.parse().ok().filter(|_| digits).ok_or_else(none)?;
        let host = match host {
            Host::Name(name) if !is_secure && name.eq_ignore_ascii_case("localhost") => {
                Host::Ip(Ipv4Addr::LOCALHOST.into())
            }
            Host::Name(_) if !is_secure => {
                return Err(AddressError::Name {
                    asked: asked.to_owned(),
                    secure: scheme.secure,
                });
            }
            Host::Ip(ip) if !is_secure && !ip.is_loopback() => {
                return Err(AddressError::BeyondLoopback {
                    asked: asked.to_owned(),
                    secure: scheme.secure,
                });
            }
            host => host,
        };
        Ok(Self {
            host,
            port,
            is_secure,
        })
    }

    /// Host and port, as they are written.
    pub(crate) fn authority(&self) -> String {
        match &self.host {
            Host::Ip(ip) => SocketAddr::new(*ip, self.port).to_string(),
            Host::Name(name) => format!("{name}:{}", self.port),
        }
    }

    /// Whether it leads nowhere but to this machine.
    fn is_here(&self) -> bool {
        match &self.host {
            Host::Ip(ip) => ip.is_loopback(),
            Host::Name(name) => name.eq_ignore_ascii_case("localhost"),
        }
    }
}

/// An address of four or six parts, or a name.
fn host_of(text: &str) -> Option<Host> {
    if let Some(inner) = text.strip_prefix('[') {
        let ip: std::net::Ipv6Addr = inner.strip_suffix(']')?.parse().ok()?;
        return Some(Host::Ip(ip.into()));
    }
    if let Ok(ip) = text.parse::<Ipv4Addr>() {
        return Some(Host::Ip(ip.into()));
    }
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    let sound = (1..=NAME_MAX).contains(&text.len()) && text.bytes().all(known);
    sound.then(|| Host::Name(text.to_owned()))
}

/// The port of an address on this machine, where this user's own token may lie; none for one that leads elsewhere.
pub(crate) fn own_port(asked: &str, scheme: &Scheme) -> Result<Option<u16>, AddressError> {
    let address = Address::read(asked, scheme)?;
    Ok(address.is_here().then_some(address.port))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const SCHEME: Scheme = Scheme {
        plain: "http://",
        secure: "https://",
        example: "http://127.0.0.1:4270",
        protocol: b"http/1.1",
    };

    #[test]
    fn in_the_clear_an_address_is_of_this_machine_and_with_certificates_of_any() {
        for (asked, authority, is_here) in [
            ("http://127.0.0.1:4270", "127.0.0.1:4270", true),
            ("http://127.0.0.1:4270/", "127.0.0.1:4270", true),
            ("http://localhost:80", "127.0.0.1:80", true),
            ("http://[::1]:80", "[::1]:80", true),
            ("https://127.0.0.1:443", "127.0.0.1:443", true),
            ("https://localhost:443", "localhost:443", true),
            ("https://node.example:8443", "node.example:8443", false),
            ("https://192.0.2.1:8443/", "192.0.2.1:8443", false),
            ("https://[2001:db8::1]:1", "[2001:db8::1]:1", false),
        ] {
            let read = Address::read(asked, &SCHEME).unwrap();
            assert_eq!(read.authority(), authority, "{asked}");
            assert_eq!(read.is_here(), is_here, "{asked}");
        }
        for asked in [
            "",
            "4270",
            "127.0.0.1:4270",
            "ftp://127.0.0.1:1",
            "http://127.0.0.1",
            "http://:1",
            "http://127.0.0.1:+1",
            "http://127.0.0.1:65536",
            "http://127.0.0.1:",
            "http://::1:80",
            "http://[node]:1",
            "https://a b:1",
            "https://a/b:1",
            "https://user@host:1",
        ] {
            let refused = Address::read(asked, &SCHEME).unwrap_err();
            let none = matches!(refused, AddressError::NoAddress { .. });
            assert!(none, "{asked:?}: {refused}");
        }
        for (asked, says) in [
            ("http://192.0.2.1:4270", "is not on this machine"),
            ("http://0.0.0.0:4270", "is not on this machine"),
            ("http://node.example:4270", "is a name"),
            ("http://localhost.example:4270", "is a name"),
        ] {
            let refused = Address::read(asked, &SCHEME).unwrap_err().to_string();
            assert!(
                refused.contains(says) && refused.contains("https://"),
                "{refused}"
            );
        }
    }
}
