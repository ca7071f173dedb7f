//! Whether a request may go where it is meant to go.

use std::net::{IpAddr, SocketAddr};

use aios_work::{Capabilities, Capability, ToolError, ToolErrorKind};
use reqwest::Url;

use super::NAME;
use super::address::special;

/// Bytes of a URL.
const URL_BYTES: usize = 2_000;

/// A place on the web that can be asked.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) url: Url,
    /// The name or address, without brackets and without a dot at its end.
    pub(super) host: String,
    pub(super) port: u16,
}

impl Target {
    /// The place that `url` names.
    ///
    /// # Errors
    /// When it is none that is asked: another scheme, a password in it.
    pub(super) fn new(url: &str) -> Result<Self, ToolError> {
        let refuse = |why: String| ToolError::invalid_arguments(NAME, why);
        if url.len() > URL_BYTES {
            return Err(refuse(format!(
                "the URL has {} bytes, at most {URL_BYTES} are read",
                url.len()
            )));
        }
        let url =
            Url::parse(url).map_err(|error| refuse(format!("the URL cannot be read: {error}")))?;
        Self::of(url)
    }

    /// The same of a URL that was read already.
    pub(super) fn of(mut url: Url) -> Result<Self, ToolError> {
        let refuse = |why: String| ToolError::invalid_arguments(NAME, why);
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refuse(format!(
                "{} is not asked, only http and https",
                url.scheme()
            )));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse(
                "a URL with a name or password in it is not asked".to_owned(),
            ));
        }
        if url.as_str().len() > URL_BYTES {
            return Err(refuse(format!("the URL has more than {URL_BYTES} bytes")));
        }
        url.set_fragment(None);
        let host = url.host_str().unwrap_or_default();
        let host = host
            .trim_start_matches('[')
            .trim_end_matches(']')
            .trim_end_matches('.');
        let host = host.to_ascii_lowercase();
        let port = url.port_or_known_default().unwrap_or(0);
        if host.is_empty() || port == 0 {
            return Err(refuse("the URL names no server".to_owned()));
        }
        Ok(Self { url, host, port })
    }

    /// The address, where the URL names one instead of a server.
    pub(super) fn literal(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    fn usual_port(&self) -> bool {
        self.url.port().is_none()
    }

    /// Whether the server may be asked by whoever was granted this.
    ///
    /// # Errors
    /// Names the capability that is missing.
    pub(super) fn allowed(&self, granted: &Capabilities) -> Result<(), ToolError> {
        let host = bracketed(&self.host);
        let with_port = format!("{host}:{}", self.port);
        // What a server takes for a dot or slash must not lead out of the path that was granted.
        let path = self.url.path();
        let plain = !["%2f", "%5c", "%2e"]
            .iter()
            .any(|hidden| path.to_ascii_lowercase().contains(hidden));
        let names = [
            Some(with_port.clone()),
            self.usual_port().then_some(host.clone()),
        ];
        let may = names.into_iter().flatten().any(|name| {
            let whole = format!("{}/{name}{path}", Capability::NET_HTTP);
            let server = format!("{}/{name}", Capability::NET_HTTP);
            let covered =
                |need: String| Capability::new(need).is_ok_and(|need| granted.covers(&need));
            covered(server) || (plain && covered(whole))
        });
        if may {
            return Ok(());
        }
        let missing = if self.usual_port() { host } else { with_port };
        Err(missing_grant(
            &format!("{}/{missing}", Capability::NET_HTTP),
            &self.host,
        ))
    }

    /// Whether this address of the server may be connected to: a public one, or one that was granted as itself. A grant for all servers, or
    /// for the name, is none for what lies in somebody's own network.
    pub(super) fn reaches(&self, address: IpAddr, granted: &Capabilities) -> Result<(), ToolError> {
        let Some(what) = special(address) else {
            return Ok(());
        };
        let host = bracketed(&address.to_string());
        let mut names = vec![format!("{}/{host}:{}", Capability::NET_HTTP, self.port)];
        if self.usual_port() {
            names.push(format!("{}/{host}", Capability::NET_HTTP));
        }
        let itself = granted.iter().any(|grant| {
            let grant = grant.as_str();
            names.iter().any(|name| {
                grant == name
                    || grant
                        .strip_prefix(name.as_str())
                        .is_some_and(|rest| rest.starts_with('/'))
            })
        });
        if itself {
            return Ok(());
        }
        let about = if self.literal().is_some() {
            format!("{address} is {what}")
        } else {
            format!("{} leads to {address}, {what}", self.host)
        };
        Err(ToolError::new(
            ToolErrorKind::Permission,
            format!(
                "{about}; it is asked only if {} is granted too (tools.grants in the configuration)",
                names.last().map_or("", String::as_str)
            ),
        ))
    }

    /// The addresses of the server that may be connected to.
    ///
    /// # Errors
    /// When none of them may.
    pub(super) fn reachable(
        &self,
        addresses: &[SocketAddr],
        granted: &Capabilities,
    ) -> Result<Vec<SocketAddr>, ToolError> {
        let mut refused = None;
        let mut open = Vec::new();
        for address in addresses {
            match self.reaches(address.ip(), granted) {
                Ok(()) => open.push(*address),
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        match (open.is_empty(), refused) {
            (false, _) => Ok(open),
            (true, Some(error)) => Err(error),
            (true, None) => Err(ToolError::new(
                ToolErrorKind::Network,
                format!("{} has no address", self.host),
            )),
        }
    }
}

fn bracketed(host: &str) -> String {
    if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    }
}

fn missing_grant(need: &str, host: &str) -> ToolError {
    ToolError::new(
        ToolErrorKind::Permission,
        format!(
            "{host} may not be asked: tool {NAME} needs the capability {need}, which was not granted; add it to tools.grants in the configuration"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(names: &[&str]) -> Capabilities {
        names
            .iter()
            .map(|name| Capability::new(*name).unwrap())
            .collect()
    }

    #[test]
    fn a_server_is_asked_if_it_was_granted() {
        for (grant, url, may) in [
            ("net.http/example.org", "https://example.org/a", true),
            ("net.http/example.org", "http://example.org", true),
            ("net.http/example.org", "https://EXAMPLE.org./a", true),
            ("net.http/example.org", "https://example.org:8443/", false),
            (
                "net.http/example.org:8443",
                "https://example.org:8443/",
                true,
            ),
            ("net.http/example.org:443", "https://example.org/", true),
            ("net.http/example.org", "https://www.example.org/", false),
            (
                "net.http/example.org",
                "https://example.org.evil.net/",
                false,
            ),
            (
                "net.http/example.org",
                "https://evil.net/example.org",
                false,
            ),
            (
                "net.http/example.org",
                "https://evil.net/?example.org",
                false,
            ),
            (
                "net.http/example.org",
                "https://evil.net#example.org",
                false,
            ),
            ("net.http/example.org/v1", "https://example.org/v1/a", true),
            ("net.http/example.org/v1", "https://example.org/v1", true),
            ("net.http/example.org/v1", "https://example.org/v10", false),
            (
                "net.http/example.org/v1",
                "https://example.org/v1/../v2",
                false,
            ),
            (
                "net.http/example.org/v1",
                "https://example.org/v1/%2e%2e/v2",
                false,
            ),
            (
                "net.http/example.org/v1",
                "https://example.org/v1/%2e%2e%2fv2",
                false,
            ),
            (
                "net.http/example.org/v1",
                "https://example.org/v1/..%5cv2",
                false,
            ),
            ("net.http", "https://anything.example/", true),
            ("net", "https://anything.example/", true),
            ("net.http/{host}", "https://anything.example/", false),
            ("files.read", "https://example.org/", false),
            (
                "net.http/m\u{fc}nchen.example",
                "https://m\u{fc}nchen.example/",
                false,
            ),
        ] {
            let Ok(grant) = Capability::new(grant) else {
                continue;
            };
            let target = Target::new(url).unwrap();
            assert_eq!(
                target.allowed(&[grant.clone()].into()).is_ok(),
                may,
                "{grant} {url}"
            );
        }
        let target = Target::new("https://m\u{fc}nchen.example/").unwrap();
        target
            .allowed(&granted(&["net.http/xn--mnchen-3ya.example"]))
            .unwrap();
        let error = Target::new("http://example.org:81/")
            .unwrap()
            .allowed(&granted(&["files"]))
            .unwrap_err();
        assert_eq!(error.kind(), ToolErrorKind::Permission);
        assert!(
            error.message().contains("net.http/example.org:81"),
            "{error}"
        );
    }

    #[test]
    fn what_is_no_web_server_is_not_asked() {
        for (url, why) in [
            ("ftp://example.org/", "only http and https"),
            ("file:///etc/passwd", "only http and https"),
            ("gopher://127.0.0.1:25/", "only http and https"),
            ("data:text/plain,a", "only http and https"),
            ("https://user@example.org/", "a name or password"),
            ("https://user:pass@example.org/", "a name or password"),
            ("https://", "cannot be read"),
            ("example.org", "cannot be read"),
            ("https://example.org:99999/", "cannot be read"),
            ("http://[::1", "cannot be read"),
        ] {
            let error = Target::new(url).unwrap_err();
            assert!(error.message().contains(why), "{url}: {error}");
        }
        assert!(Target::new(&format!("https://example.org/{}", "a".repeat(3_000))).is_err());
    }

    /// However an address is spelt, it is that address.
    #[test]
    fn an_address_of_ones_own_network_is_granted_as_itself_or_not_asked() {
        for (url, address) in [
            ("http://127.0.0.1/", "127.0.0.1"),
            ("http://2130706433/", "127.0.0.1"),
            ("http://0x7f000001/", "127.0.0.1"),
            ("http://0177.0.0.1/", "127.0.0.1"),
            ("http://127.1/", "127.0.0.1"),
            ("http://127.0.0.1./", "127.0.0.1"),
            ("http://0/", "0.0.0.0"),
            ("http://[::1]/", "::1"),
            ("http://[::ffff:127.0.0.1]/", "::ffff:127.0.0.1"),
            ("http://[::ffff:7f00:1]/", "::ffff:127.0.0.1"),
            (
                "http://169.254.169.254/latest/meta-data/",
                "169.254.169.254",
            ),
            ("http://\u{2460}27.0.0.1/", "127.0.0.1"),
            ("http://127\u{3002}0\u{3002}0\u{3002}1/", "127.0.0.1"),
        ] {
            let target = Target::new(url).unwrap();
            let literal = target.literal().unwrap_or_else(|| panic!("{url}"));
            assert_eq!(literal, address.parse::<IpAddr>().unwrap(), "{url}");
            for grants in [
                &["net.http"][..],
                &["net"],
                &["net.http/localhost"],
                &["net.http/127.0.0.1:81"],
            ] {
                let error = target.reaches(literal, &granted(grants)).unwrap_err();
                assert_eq!(error.kind(), ToolErrorKind::Permission, "{url}");
            }
            let itself = format!("net.http/{}", bracketed(&literal.to_string()));
            target.reaches(literal, &granted(&[&itself])).unwrap();
        }
        let named = Target::new("http://intranet.example:8080/").unwrap();
        let private: IpAddr = "10.0.0.5".parse().unwrap();
        let error = named
            .reaches(private, &granted(&["net.http/intranet.example:8080"]))
            .unwrap_err();
        assert!(
            error
                .message()
                .contains("intranet.example leads to 10.0.0.5, a private address")
                && error.message().contains("net.http/10.0.0.5:8080"),
            "{error}"
        );
        assert!(
            named
                .reaches(private, &granted(&["net.http/10.0.0.5"]))
                .is_err(),
            "another port"
        );
        named
            .reaches(private, &granted(&["net.http/10.0.0.5:8080"]))
            .unwrap();
        // Of several addresses those remain that may be connected to.
        let both = ["10.0.0.5:80", "8.8.8.8:80"].map(|address| address.parse().unwrap());
        let open = named.reachable(&both, &granted(&["net.http"])).unwrap();
        assert_eq!(open, [both[1]]);
        assert!(
            named
                .reachable(&both[..1], &granted(&["net.http"]))
                .is_err()
        );
        assert!(named.reachable(&[], &granted(&["net.http"])).is_err());
    }
}
