//! What agents say about themselves. A crowd of one role says the same but for the names, so it is kept once for all of them.

use std::collections::HashMap;
use std::sync::Arc;

use aios_protocols::{AgentCard, OpenTo};

/// Roles whose last card is remembered. There are as many as there are constructors and charters; should there be more, all begin anew.
const ROLES: usize = 256;

/// A card, perhaps under the name of another who says the same.
#[derive(Clone)]
pub(crate) struct Said {
    pub(crate) card: Arc<AgentCard>,
    pub(crate) open_to: Arc<OpenTo>,
}

/// The last that each role said.
#[derive(Default)]
pub(crate) struct Sayings {
    of_role: HashMap<String, Said>,
}

impl Sayings {
    /// What a card says, in one place with the last of its role that said the same.
    pub(crate) fn share(&mut self, mut card: AgentCard) -> Said {
        if let Some(last) = self.of_role.get(card.id.role()) {
            let id = std::mem::replace(&mut card.id, last.card.id.clone());
            if card == *last.card {
                return last.clone();
            }
            card.id = id;
        }
        if self.of_role.len() >= ROLES {
            self.of_role.clear();
        }
        let role = card.id.role().to_owned();
        let said = Said {
            open_to: Arc::new(card.open_to.clone()),
            card: Arc::new(card),
        };
        self.of_role.insert(role, said.clone());
        said
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_say_the_same_share_it_and_nobody_says_what_another_does() {
        let card = |name: &str, about: &str| AgentCard {
            description: about.to_owned(),
            ..AgentCard::new(name.parse().unwrap())
        };
        let mut sayings = Sayings::default();
        let mut share = |name: &str, about: &str| sayings.share(card(name, about)).card;
        let first = share("macro.clerk.001@global", "files");
        let same = share("macro.clerk.002@global", "files");
        assert!(Arc::ptr_eq(&first, &same));
        let other = share("macro.clerk.003@global", "sorts");
        assert_eq!(*other, card("macro.clerk.003@global", "sorts"));
        assert_eq!(*first, card("macro.clerk.001@global", "files"));
        for at in 0..2 * ROLES {
            let role = share(&format!("macro.clerk{at}.001@global"), "files");
            assert_eq!(role.role, format!("macro.clerk{at}"));
        }
        assert!(sayings.of_role.len() <= ROLES);
    }
}
