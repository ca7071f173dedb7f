//! What goals are called: a guest's goal says in its name whose it is, so that whoever hears of it knows, also when nothing else is known of it.

use std::borrow::Cow;

use aios_control::Submit;
use aios_work::content::hex;
use sha2::{Digest, Sha256};

/// What stands between the tenant of a guest's goal and the name that it has beside. No name of the node's own tenant holds it.
const OF: &str = "..";
/// Characters of a goal's name.
const NAME_MAX: usize = Submit::ID_MAX;
/// Characters of a tenant in the name of a goal: a name that is drawn fits behind them.
const TENANT_MAX: usize = NAME_MAX - OF.len() - 34;

/// What the digest of a tenant's name begins with.
const DIGEST: &str = "t-";

/// How a tenant is called in the names of its goals: as it is called, or by a digest of it where that is too long or could be a digest.
pub(crate) fn of(tenant: &str) -> Cow<'_, str> {
    if tenant.len() <= TENANT_MAX && !tenant.starts_with(DIGEST) {
        return tenant.into();
    }
    let digest = hex(&Sha256::digest(tenant));
    format!("{DIGEST}{}", &digest[..TENANT_MAX - DIGEST.len()]).into()
}

/// How the tenant is called whose a goal is by its name; none for one of the node's own.
pub(crate) fn guest(goal_id: &str) -> Option<&str> {
    goal_id.split_once(OF).map(|(tenant, _)| tenant)
}

/// The name of a guest's goal that the guest calls so, or by its whole name; none if that is too long.
pub(crate) fn of_guest(tenant: &str, name: &str) -> Option<String> {
    let tenant = of(tenant);
    let whole = match guest(name) == Some(&*tenant) {
        true => name.to_owned(),
        false => format!("{tenant}{OF}{name}"),
    };
    (whole.len() <= NAME_MAX).then_some(whole)
}

/// The whole name of a goal whose name was drawn: of a guest's it says whose it is.
pub(crate) fn of_drawn(own: &str, tenant: &str, drawn: String) -> String {
    match tenant == own {
        true => drawn,
        false => format!("{}{OF}{drawn}", of(tenant)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_a_goal_is_stands_in_its_name_however_long_the_tenants_name_is() {
        for tenant in [
            "acme",
            &"t".repeat(TENANT_MAX),
            &"t".repeat(TENANT_MAX + 1),
            &"t".repeat(64),
        ] {
            let drawn = of_drawn("local", tenant, format!("g-{}", "0".repeat(32)));
            assert_eq!(guest(&drawn), Some(&*of(tenant)), "{drawn}");
            assert!(drawn.len() <= NAME_MAX, "{drawn}");
            let named = of_guest(tenant, "q3").unwrap();
            assert_eq!(of_guest(tenant, &named), Some(named.clone()));
            assert_eq!(guest(&named), Some(&*of(tenant)));
            assert_ne!(of_guest("other", &named), Some(named));
        }
        assert_ne!(of(&"t".repeat(63)), of(&"t".repeat(64)));
        let digest = of(&"t".repeat(64)).into_owned();
        assert_ne!(of(&digest), digest, "nobody is called by another's digest");
        assert_eq!(of_drawn("local", "local", "g-1".to_owned()), "g-1");
        assert_eq!(guest("g-1"), None);
        assert_eq!(of_guest("acme", &"x".repeat(60)), None);
    }
}
