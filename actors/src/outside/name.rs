//! Names of outside agents as names of their envoys, and back.

use aios_protocols::{AgentId, IdentityError, Tier};
use sha2::{Digest, Sha256};

/// The type that all envoys have, and nobody else.
const KIND: &str = "outside";
/// Longest instance of an agent's name, in bytes.
const MAX_INSTANCE: usize = 64;

/// The envoy of an outside agent. No two names give the same: letters, digits and `-` stay, any other byte is written as
/// `_` and two hexadecimal digits; a name that gets too long so is hashed, and `__` stands in front, which no other has.
pub(super) fn envoy(outside: &str, zone: &str) -> Result<AgentId, IdentityError> {
    let mut instance = String::new();
    for byte in outside.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' {
            instance.push(char::from(byte));
        } else {
            instance.push_str(&format!("_{byte:02x}"));
        }
        if instance.len() > MAX_INSTANCE {
            instance = "__".to_owned();
            for byte in &Sha256::digest(outside.as_bytes())[..16] {
                instance.push_str(&format!("{byte:02x}"));
            }
            break;
        }
    }
    AgentId::new(Tier::Macro, KIND, &instance, zone)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The outside name of an envoy that was not hashed.
    fn outside(envoy: &AgentId) -> Option<String> {
        let mut bytes = Vec::new();
        let mut rest = envoy.instance();
        while let Some(first) = rest.chars().next() {
            let (byte, length) = match first {
                '_' => (u8::from_str_radix(rest.get(1..3)?, 16).ok()?, 3),
                other => (u8::try_from(other).ok()?, 1),
            };
            bytes.push(byte);
            rest = &rest[length..];
        }
        String::from_utf8(bytes).ok()
    }

    #[test]
    fn a_name_can_be_read_back_from_its_envoy() {
        for name in [
            "buyer@192.168.1.5:1099/JADE",
            "a_b",
            "a_5fb",
            "müller@host",
            "x y",
            "__00",
            "macro.planner.001@global",
            "user:alice@acme",
        ] {
            let envoy = envoy(name, "jade").unwrap();
            assert_eq!(outside(&envoy).as_deref(), Some(name), "{envoy}");
            assert_eq!(envoy.role(), "macro.outside");
        }
    }

    #[test]
    fn a_long_name_has_an_envoy_of_its_own() {
        let long = |end: &str| envoy(&format!("{}{end}", "n".repeat(300)), "jade").unwrap();
        assert_ne!(long("1"), long("2"));
        assert_eq!(long("1"), long("1"));
        assert!(long("1").instance().starts_with("__"));
        let border = envoy(&"n".repeat(64), "jade").unwrap();
        assert_eq!(outside(&border), Some("n".repeat(64)));
    }
}
