//! Who comes in: a request for this very server, from no other page, with a token that is known.

use std::net::SocketAddr;

use aios_protocols::PrincipalId;
use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, COOKIE, HOST, HeaderName, ORIGIN};
use subtle::ConstantTimeEq;

use super::counts::Refusal;
use super::token::{Token, TokenError};
use crate::{ControlError, ErrorKind};

/// What browsers say of where a request comes from.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Who may come in, and by what name the server is known.
pub(super) struct Access {
    port: u16,
    /// The cookie's name: browsers tell servers of one machine apart by nothing else.
    cookie: String,
    known: Vec<Known>,
}

/// Somebody who may come in. Only digests are kept.
struct Known {
    token: [u8; 32],
    /// What a browser shows instead, which ends with this server.
    session: Token,
    principal: PrincipalId,
}

impl Access {
    pub(super) fn new(
        address: SocketAddr,
        tokens: &[(Token, PrincipalId)],
    ) -> Result<Self, TokenError> {
        let known = tokens.iter().map(|(token, principal)| {
            Ok(Known {
                token: Token::digest(token.reveal()),
                session: Token::fresh()?,
                principal: principal.clone(),
            })
        });
        Ok(Self {
            port: address.port(),
            cookie: format!("aios_{}", address.port()),
            known: known.collect::<Result<_, _>>()?,
        })
    }

    /// Whether it is meant for this server and sent by nobody else's page. A name that somebody made to lead here is not this machine's,
    /// whatever address it leads to.
    pub(super) fn place(&self, headers: &HeaderMap) -> Result<(), (Refusal, ControlError)> {
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
            Some(origin) => !origin
                .strip_prefix("http://")
                .is_some_and(|host| self.is_own(host)),
            None => false,
        };
        let elsewhere =
            text(FETCH_SITE).is_some_and(|site| !["same-origin", "none"].contains(&site));
        if foreign || elsewhere {
            let error = ControlError::new(
                ErrorKind::Forbidden,
                "a page of another origin asks this server nothing",
            )
            .advise("ask from a program, or from a page that this server gave");
            return Err((Refusal::Origin, error));
        }
        Ok(())
    }

    fn is_own(&self, host: &str) -> bool {
        let Some((name, port)) = host.rsplit_once(':') else {
            return false;
        };
        port.parse() == Ok(self.port) && ["127.0.0.1", "localhost", "[::1]"].contains(&name)
    }

    /// In whose name it is asked.
    pub(super) fn principal(&self, headers: &HeaderMap) -> Option<&PrincipalId> {
        if let Some(shown) = headers.get(AUTHORIZATION) {
            let shown = shown.to_str().ok()?;
            let (scheme, token) = shown.split_once(' ')?;
            return scheme
                .eq_ignore_ascii_case("bearer")
                .then(|| self.by_token(token.trim()).map(|known| &known.principal))?;
        }
        let cookies = headers.get_all(COOKIE).iter();
        let pairs = cookies.filter_map(|line| line.to_str().ok());
        let mut pairs = pairs
            .flat_map(|line| line.split(';'))
            .filter_map(|pair| pair.trim().split_once('='));
        let session = pairs.find(|(name, _)| *name == self.cookie)?.1;
        let session = Token::digest(session);
        let of = |known: &&Known| same(&Token::digest(known.session.reveal()), &session);
        self.known.iter().find(of).map(|known| &known.principal)
    }

    fn by_token(&self, token: &str) -> Option<&Known> {
        let token = Token::digest(token);
        self.known.iter().find(|known| same(&known.token, &token))
    }

    /// The cookie of a browser that came by the printed link.
    pub(super) fn cookie(&self, token: &str) -> Option<String> {
        let known = self.by_token(token)?;
        let (name, session) = (&self.cookie, known.session.reveal());
        Some(format!(
            "{name}={session}; Path=/; HttpOnly; SameSite=Strict"
        ))
    }
}

/// Takes the same time whatever is alike.
fn same(one: &[u8; 32], other: &[u8; 32]) -> bool {
    one.ct_eq(other).into()
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;

    use super::*;

    fn access() -> (Access, Token) {
        let token = Token::fresh().unwrap();
        let owner = "user:owner@local".parse().unwrap();
        let access = Access::new("127.0.0.1:4270".parse().unwrap(), &[(token.clone(), owner)]);
        (access.unwrap(), token)
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
            let outcome = access.place(&headers(given));
            assert_eq!(outcome.err().map(|(why, _)| why), expected, "{given:?}");
        }
    }

    #[test]
    fn a_token_or_the_cookie_of_its_link_says_who_asks_and_nothing_else_does() {
        let (access, token) = access();
        let token = token.reveal();
        let cookie = access.cookie(token).unwrap();
        assert!(!cookie.contains(token), "it ends with the server");
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
            let who = access.principal(&headers(&pairs));
            assert_eq!(who.is_some(), comes_in, "{given:?}");
        }
        assert_eq!(access.cookie(other.reveal()), None);
    }
}
