//! The control bus in protobuf: whatever bytes a client sends are decoded and converted, or refused.

use aios_protocols::{AgentCard, AgentId, Performative, Qos};
use aios_wire::generated::{
    common, control, critic, inference, orchestration, registry, supervision,
};
use aios_wire::prost::Message;
use aios_wire::{problem_of, seconds, status_details};

/// Decodes as one type, and holds that what was read is written and read the same again.
fn read<T: Message + Default>(bytes: &[u8]) -> Option<T> {
    let value = T::decode(bytes).ok()?;
    let written = value.encode_to_vec();
    let again = T::decode(written.as_slice()).expect("what is written is read");
    // Maps are written in any order, so their bytes may stand elsewhere; none is lost.
    assert_eq!(again.encoded_len(), written.len());
    Some(value)
}

/// See the module.
pub fn wire(bytes: &[u8]) {
    if let Some(id) = read::<common::AgentId>(bytes)
        && let Ok(name) = AgentId::try_from(&id)
    {
        assert!(common::AgentId::from(&name) == id, "{name}");
    }
    if let Some(said) = read::<registry::AgentCapability>(bytes)
        && let Ok(card) = AgentCard::try_from(&said)
    {
        let again = AgentCard::try_from(&registry::AgentCapability::from(&card));
        assert_eq!(again.as_ref(), Ok(&card));
    }
    if let Some(body) = read::<common::FipaBody>(bytes) {
        if let Ok(act) = Performative::try_from(body.performative()) {
            assert_eq!(act.number(), body.performative);
        }
        let _ = Qos::try_from(body.qos());
    }
    if let Some(problem) = read::<common::Problem>(bytes) {
        let details = status_details(3, &problem);
        assert!(
            problem_of(&details) == Some(problem),
            "a problem is found where it was put"
        );
    }
    let _ = problem_of(bytes);
    if let Some(dag) = read::<orchestration::TaskDag>(bytes) {
        for task in &dag.tasks {
            let _ = task.deadline.as_ref().map(seconds);
        }
    }
    read::<orchestration::TaskExecutionMessage>(bytes);
    read::<inference::InferenceRequest>(bytes);
    read::<critic::ValidationRequest>(bytes);
    read::<supervision::v1::SpawnAgentRequest>(bytes);
    read::<control::v1::AskRequest>(bytes);
}
