//! Two agents, one signed request, its verification, and a copy that somebody altered on the way.

use std::error::Error;
use std::io::Write;
use std::sync::Arc;

use aios_protocols::{
    AgentId, Draft, KeyRegistry, Party, Sealed, Sealer, SigningIdentity, TenantId, Tier, Timestamp,
    Verifier,
};

fn main() -> Result<(), Box<dyn Error>> {
    let mut out = std::io::stdout();
    let planner: Party = AgentId::new(Tier::Macro, "planner", "001", "global")?.into();
    let executor: Party = AgentId::new(Tier::Macro, "executor", "001", "global")?.into();
    // A program takes the time from its clock and secrets from the system's random numbers.
    let now = Timestamp::from_micros(1_795_420_800_000_000)?;
    let identity = Arc::new(SigningIdentity::from_seed(planner.clone(), [42; 32]));

    let keys = KeyRegistry::new();
    keys.register(&identity.claim(1), now)?;

    let mut sealer = Sealer::new(identity, TenantId::new("acme")?, now.as_micros());
    let draft = Draft::request(executor.clone(), "add up the sales of July").ontology("aios.tasks");
    let (_, sealed) = sealer.seal(draft, now, [7; 10])?;

    let mut altered = sealed.as_bytes().to_vec();
    if let Some(byte) = altered.last_mut() {
        *byte ^= 1;
    }
    let mut verifier = Verifier::new(Timestamp::ZERO);
    for frame in [sealed.clone(), Sealed::from_bytes(altered), sealed] {
        match verifier.open(&frame, &keys, &executor, now) {
            Ok(message) => writeln!(out, "{}: {:?}", message.sender, message.content)?,
            Err(refusal) => writeln!(out, "refused ({}): {refusal}", refusal.label())?,
        }
    }
    Ok(())
}
