//! How the swarm is heard above: its zone's totals as a signed inform to a meso agent. Micro agents do not sign and
//! reach no higher; the zone speaks for all of them.

use aios_protocols::{
    AgentId, Content, ContentError, Draft, IdentityError, SealError, Sealed, Sealer, Tier,
    Timestamp,
};

use serde::Serialize;

use crate::totals::{Alert, ZoneTotals};

/// Ontology of the content: a [`ZoneReport`] in JSON.
pub const ONTOLOGY: &str = "aios.micro.totals";

/// The role of the agent that speaks for a zone.
pub const SPEAKER_ROLE: &str = "micro.zone";

/// What a zone says of itself: its totals, and beside them what it finds wrong, so that nobody above judges them again.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ZoneReport {
    /// The numbers.
    #[serde(flatten)]
    pub totals: ZoneTotals,
    /// Kinds that have become too small.
    pub alerts: Vec<Alert>,
}

impl From<ZoneTotals> for ZoneReport {
    fn from(totals: ZoneTotals) -> Self {
        let alerts = totals.alerts();
        Self { totals, alerts }
    }
}

/// Why a report was not made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// Only meso agents hear the swarm.
    #[error("{0} is not a meso agent; the swarm reports to meso agents only")]
    NotMeso(AgentId),
    /// The numbers cannot be written.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// The message cannot be signed.
    #[error(transparent)]
    Seal(#[from] SealError),
}

/// Who signs for a zone: `micro.zone.totals@{zone}`.
///
/// # Errors
/// If the zone's name cannot stand in an identity.
pub fn speaker(zone: &str) -> Result<AgentId, IdentityError> {
    AgentId::new(Tier::Micro, "zone", "totals", zone)
}

/// The report as a signed message; `sealer` holds the key of [`speaker`].
///
/// # Errors
/// If `to` is not a meso agent, or the message cannot be made.
pub fn inform(
    report: &ZoneReport,
    to: &AgentId,
    sealer: &mut Sealer,
    now: Timestamp,
    random: [u8; 10],
) -> Result<Sealed, ReportError> {
    if to.tier() != Tier::Meso {
        return Err(ReportError::NotMeso(to.clone()));
    }
    let draft = Draft::inform(to.clone(), Content::json(report)?).ontology(ONTOLOGY);
    Ok(sealer.seal(draft, now, random)?.1)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use aios_protocols::Performative;
    use aios_protocols::{Party, SigningIdentity, TenantId, access};

    use super::*;
    use crate::totals::testing::totals_at;

    #[test]
    fn totals_go_up_signed_and_only_to_meso_agents() {
        let zone = speaker("numa-0").unwrap();
        let identity = Arc::new(SigningIdentity::from_seed(zone.clone(), [7; 32]));
        let mut sealer = Sealer::new(identity, TenantId::new("default").unwrap(), 1);
        let mut totals = totals_at(5, 700);
        totals.kinds[0].expected = Some(10);
        let report = ZoneReport::from(totals);
        let said = serde_json::to_value(&report).unwrap();
        assert_eq!((&said["zone"], &said["at_ms"]), (&"z".into(), &5.into()));
        assert_eq!(said["kinds"][0]["kind"], "page");
        assert_eq!(
            said["alerts"],
            serde_json::json!([{"kind": "page", "active": 0, "expected": 10}])
        );
        let now = Timestamp::since_epoch(Duration::from_secs(1));
        for (to, allowed) in [
            ("meso.monitor.001@global", true),
            ("macro.planner.001@global", false),
        ] {
            let to: AgentId = to.parse().unwrap();
            assert_eq!(
                inform(&report, &to, &mut sealer, now, [0; 10]).is_ok(),
                allowed,
                "{to}"
            );
            let may = access::tiers_allow(
                &Party::Agent(zone.clone()),
                &Party::Agent(to.clone()),
                Performative::Inform,
            );
            assert_eq!(
                may.is_ok(),
                allowed,
                "the access table says the same of {to}"
            );
        }
    }
}
