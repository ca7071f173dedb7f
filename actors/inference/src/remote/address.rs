//! Where a server is, and whether that is this machine.

use std::fmt;
use std::net::IpAddr;

use reqwest::Url;

/// A server's address, such as `http://127.0.0.1:8080/v1`: checked, without a trailing slash, without anything secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(Url);

/// Why a text is no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It is not a URL of a web server.
    #[error("{text:?} is no address of a server: {reason}; write it as http://127.0.0.1:8080/v1")]
    Unreadable {
        /// As it was written.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// It holds what belongs elsewhere, and would be shown with it.
    #[error(
        "an address holds no {what}; a key goes into key_env or key_file, where it is never shown"
    )]
    TooMuch {
        /// The part that is too much.
        what: &'static str,
    },
}

impl Address {
    /// Reads an address.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(text: &str) -> Result<Self, AddressError> {
        let unreadable = |reason: &str| AddressError::Unreadable {
            // What may hold a key is not said again.
            text: text
                .split(['@', '?'])
                .next_back()
                .unwrap_or_default()
                .chars()
                .take(100)
                .collect(),
            reason: reason.to_owned(),
        };
        let mut url = Url::parse(text.trim()).map_err(|error| unreadable(&error.to_string()))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(AddressError::TooMuch {
                what: "user and password",
            });
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(AddressError::TooMuch {
                what: "query and fragment",
            });
        }
        if !["http", "https"].contains(&url.scheme()) || url.host_str().is_none() {
            return Err(unreadable("it begins with neither http:// nor https://"));
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(Self(url))
    }

    /// The whole path of a call.
    pub(super) fn join(&self, path: &str) -> Url {
        let mut url = self.0.clone();
        let base = self.0.path().trim_end_matches('/');
        url.set_path(&format!("{base}/{path}"));
        url
    }

    /// Whether the server is on this machine, so that nothing leaves it.
    pub fn is_loopback(&self) -> bool {
        let host = self.0.host_str().unwrap_or_default();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// Whether what is sent cannot be read on the way.
    pub fn is_encrypted(&self) -> bool {
        self.0.scheme() == "https"
    }

    pub(super) fn port(&self) -> u16 {
        self.0.port_or_known_default().unwrap_or(80)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_joined_and_told_near_from_far() {
        for (text, chat, near) in [
            (
                "http://127.0.0.1:8080/v1",
                "http://127.0.0.1:8080/v1/chat",
                true,
            ),
            (
                "http://localhost:8080/v1/",
                "http://localhost:8080/v1/chat",
                true,
            ),
            ("http://[::1]:9", "http://[::1]:9/chat", true),
            (
                "https://api.example.org/v1",
                "https://api.example.org/v1/chat",
                false,
            ),
            (
                "http://127.0.0.1.example.org",
                "http://127.0.0.1.example.org/chat",
                false,
            ),
            (
                "http://localhost.example.org",
                "http://localhost.example.org/chat",
                false,
            ),
            ("http://10.0.0.7:80", "http://10.0.0.7/chat", false),
            ("http://0x7f000001", "http://127.0.0.1/chat", true),
        ] {
            let address = Address::new(text).unwrap();
            assert_eq!(address.join("chat").as_str(), chat);
            assert_eq!(address.is_loopback(), near, "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_without_saying_what_may_be_secret() {
        for text in [
            "",
            "example.org",
            "ftp://example.org",
            "unix:/run/x",
            "https://me:sk-secret@example.org/v1",
            "https://example.org/v1?key=sk-secret",
            "https://example.org/#sk-secret",
            "https://sk-secret@",
        ] {
            let error = Address::new(text).unwrap_err().to_string();
            assert!(!error.contains("sk-secret"), "{error}");
        }
    }
}
