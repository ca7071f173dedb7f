//! Who comes in: a request for this very server, from no other page, with a token that is known or the cookie of a link that was given out.

use std::net::SocketAddr;

use hyper::header::{AUTHORIZATION, COOKIE, HOST, HeaderName, ORIGIN};
use hyper::{HeaderMap, Method};
use tokio::time::Instant;

use super::counts::Refusal;
use super::sessions::Sessions;
use crate::access::{Known, NotKnown, Principals, TokenError};
use crate::{ControlError, ErrorKind};

/// What browsers say of where a request comes from.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Who may come in, and by what name the server is known.
pub(super) struct Access {
    port: u16,
    /// Names beside those of loopback under which it is asked; empty on loopback.
    names: Names,
    /// The cookie's name: browsers tell servers of one machine apart by nothing else.
    cookie: String,
    pub(super) principals: Principals,
    pub(super) sessions: Sessions,
}

/// By which names a server is asked.
pub(super) enum Names {
    /// Loopback alone, in the clear.
    Loopback,
    /// Any: who asks has shown a certificate, and so has the server.
    Certified,
}

/// How somebody came in, and as whom.
pub(super) struct Entered {
    pub(super) known: Known,
}

impl Access {
    pub(super) fn new(address: SocketAddr, names: Names, principals: Principals) -> Self {
        Self {
            port: address.port(),
            names,
            cookie: format!("aios_{}", address.port()),
            principals,
            sessions: Sessions::default(),
        }
    }

    /// Whether it is meant for this server and sent by nobody else's page. A name that somebody made to lead here is not this machine's,
    /// whatever address it leads to.
    pub(super) fn place(
        &self,
        method: &Method,
        headers: &HeaderMap,
    ) -> Result<(), (Refusal, ControlError)> {
        let text = |name| {
            headers
                .get(name)
                .map(|value: &hyper::header::HeaderValue| value.to_str().unwrap_or("?"))
        };
        let host = text(HOST).unwrap_or_default();
        if headers.get_all(HOST).iter().count() != 1 || !self.is_own(host) {
            let message = format!(
                "this server is not {host:?}; it is a loopback address with port {}",
                self.port
            );
            let error = ControlError::new(ErrorKind::Forbidden, message)
                .advise("ask by the address that `aios serve` printed");
            return Err((Refusal::Host, error));
        }
        let foreign = match text(ORIGIN) {
            Some(origin) => !self.is_own_origin(origin, host),
            None => false,
        };
        let site = text(FETCH_SITE);
        let elsewhere = site.is_some_and(|site| !["same-origin", "none"].contains(&site));
        // A browser sends its cookie along with whatever a page has it send; a program that shows a token does not need to say where it is.
        let changes = !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
        let unsaid = changes
            && !headers.contains_key(AUTHORIZATION)
            && !headers.contains_key(ORIGIN)
            && site != Some("same-origin");
        if foreign || elsewhere || (unsaid && headers.contains_key(COOKIE)) {
            let error = ControlError::new(
                ErrorKind::Forbidden,
                "a page of another origin asks this server nothing",
            )
            .advise("ask from a program with a token, or from a page that this server gave");
            return Err((Refusal::Origin, error));
        }
        Ok(())
    }

    fn is_own(&self, host: &str) -> bool {
        if matches!(self.names, Names::Certified) {
            return !host.is_empty();
        }
        let Some((name, port)) = host.rsplit_once(':') else {
            return false;
        };
        port.parse() == Ok(self.port) && ["127.0.0.1", "localhost", "[::1]"].contains(&name)
    }

    fn is_own_origin(&self, origin: &str, host: &str) -> bool {
        match self.names {
            Names::Loopback => origin
                .strip_prefix("http://")
                .is_some_and(|host| self.is_own(host)),
            Names::Certified => origin.strip_prefix("https://") == Some(host),
        }
    }

    /// In whose name it is asked.
    pub(super) fn entered(&self, headers: &HeaderMap) -> Result<Entered, NotKnown> {
        if let Some(shown) = headers.get(AUTHORIZATION) {
            let shown = shown.to_str().map_err(|_| NotKnown::Unknown)?;
            let (scheme, token) = shown.split_once(' ').ok_or(NotKnown::Unknown)?;
            if !scheme.eq_ignore_ascii_case("bearer") {
                return Err(NotKnown::Unknown);
            }
            let known = self.principals.by_token(token.trim())?;
            return Ok(Entered { known });
        }
        let cookies = headers.get_all(COOKIE).iter();
        let pairs = cookies.filter_map(|line| line.to_str().ok());
        let mut pairs = pairs
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='));
        let session = pairs.find(|(name, _)| *name == self.cookie);
        let (_, session) = session.ok_or(NotKnown::Unknown)?;
        let known = self.sessions.of(session, Instant::now());
        let known = known.ok_or(NotKnown::Unknown)?;
        // The key that the session came by may have been taken back.
        match self.principals.holds(known.rights.as_deref()) {
            true => Ok(Entered { known }),
            false => Err(NotKnown::Unknown),
        }
    }

    /// The cookie of a browser that came by a link: by a passing one, which opens once, or with a token that is known.
    pub(super) fn cookie(&self, shown: &str) -> Result<Option<String>, TokenError> {
        let now = Instant::now();
        let known = match self.sessions.by_link(shown, now) {
            Some(known) => known,
            None => match self.principals.by_token(shown) {
                Ok(known) => known,
                Err(_) => return Ok(None),
            },
        };
        let session = self.sessions.open(known, now)?;
        let (name, session) = (&self.cookie, session.reveal());
        let secure = match self.names {
            Names::Loopback => "",
            Names::Certified => "; Secure",
        };
        Ok(Some(format!(
            "{name}={session}; Path=/; HttpOnly; SameSite=Strict{secure}"
        )))
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;
    use crate::access::Token;

    fn access() -> (Access, Token) {
        let token = Token::fresh().unwrap();
        let owner = "user:owner@local".parse().unwrap();
        let principals = Principals::new([(token.clone(), owner)], None);
        let address = "127.0.0.1:4270".parse().unwrap();
        (Access::new(address, Names::Loopback, principals), token)
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn only_what_is_meant_for_this_server_and_from_no_other_page_comes_near() {
        let (access, _) = access();
        let own = ("host", "127.0.0.1:4270");
        type Headers<'a> = &'a [(&'static str, &'a str)];
        let rows: [(Headers<'_>, Option<Refusal>); 14] = [
            (&[own], None),
            (&[("host", "localhost:4270")], None),
            (&[("host", "[::1]:4270")], None),
            (&[], Some(Refusal::Host)),
            (&[own, own], Some(Refusal::Host)),
            (&[("host", "127.0.0.1")], Some(Refusal::Host)),
            (&[("host", "127.0.0.1:80")], Some(Refusal::Host)),
            (&[("host", "evil.example:4270")], Some(Refusal::Host)),
            (
                &[("host", "127.0.0.1.evil.example:4270")],
                Some(Refusal::Host),
            ),
            (&[own, ("origin", "http://localhost:4270")], None),
            (
                &[own, ("origin", "http://evil.example")],
                Some(Refusal::Origin),
            ),
            (
                &[own, ("origin", "http://localhost:3000")],
                Some(Refusal::Origin),
            ),
            (&[own, ("origin", "null")], Some(Refusal::Origin)),
            (
                &[own, ("sec-fetch-site", "same-site")],
                Some(Refusal::Origin),
            ),
        ];
        for (given, expected) in rows {
            let outcome = access.place(&Method::GET, &headers(given));
            assert_eq!(outcome.err().map(|(why, _)| why), expected, "{given:?}");
        }
    }

    #[test]
    fn what_changes_something_by_a_cookie_says_from_which_page() {
        let (access, _) = access();
        let own = ("host", "127.0.0.1:4270");
        let cookie = ("cookie", "aios_4270=x");
        type Headers<'a> = &'a [(&'static str, &'a str)];
        let rows: [(Method, Headers<'_>, bool); 6] = [
            (Method::GET, &[own, cookie], true),
            (Method::POST, &[own, cookie], false),
            (Method::DELETE, &[own, cookie], false),
            (
                Method::POST,
                &[own, cookie, ("origin", "http://127.0.0.1:4270")],
                true,
            ),
            (
                Method::POST,
                &[own, cookie, ("sec-fetch-site", "same-origin")],
                true,
            ),
            (Method::POST, &[own, ("authorization", "Bearer x")], true),
        ];
        for (method, given, near) in rows {
            let outcome = access.place(&method, &headers(given));
            assert_eq!(outcome.is_ok(), near, "{method} {given:?}");
        }
    }

    #[test]
    fn a_token_or_the_cookie_of_its_link_says_who_asks_and_nothing_else_does() {
        let (access, token) = access();
        let token = token.reveal();
        let cookie = access.cookie(token).unwrap().unwrap();
        assert!(!cookie.contains(token), "it ends with the server");
        assert!(cookie.contains("HttpOnly; SameSite=Strict"));
        let pair = cookie.split(';').next().unwrap();
        let other = Token::fresh().unwrap();
        let bearer = |token: &str| format!("Bearer {token}");
        for (given, comes_in) in [
            (vec![("authorization", bearer(token))], true),
            (vec![("authorization", format!("bearer  {token} "))], true),
            (vec![("cookie", format!("a=b; {pair}"))], true),
            (vec![], false),
            (vec![("authorization", bearer(other.reveal()))], false),
            (vec![("authorization", bearer(""))], false),
            (vec![("authorization", token.to_owned())], false),
            (vec![("authorization", format!("Basic {token}"))], false),
            (vec![("cookie", format!("aios_4270={token}"))], false),
            (vec![("cookie", pair.replace("4270", "4271"))], false),
            // A wrong token is not mended by a cookie.
            (
                vec![("authorization", bearer("x")), ("cookie", pair.to_owned())],
                false,
            ),
        ] {
            let pairs: Vec<_> = given
                .iter()
                .map(|(name, value)| (*name, value.as_str()))
                .collect();
            let who = access.entered(&headers(&pairs));
            assert_eq!(who.is_ok(), comes_in, "{given:?}");
        }
        assert_eq!(access.cookie(other.reveal()).unwrap(), None);
    }

    #[test]
    fn a_passing_link_opens_once() {
        let (access, token) = access();
        let known = access.principals.by_token(token.reveal()).unwrap();
        let link = access.sessions.link(known, Instant::now()).unwrap();
        assert!(access.cookie(link.reveal()).unwrap().is_some());
        assert_eq!(access.cookie(link.reveal()).unwrap(), None);
        let bearer = format!("Bearer {}", link.reveal());
        let shown = headers(&[("authorization", &bearer)]);
        assert!(access.entered(&shown).is_err(), "it is no token");
    }
}
