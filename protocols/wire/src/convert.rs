//! To and from our own types, in one place. What comes from outside is checked by our types' own constructors, so what is converted is
//! sound; what is not is refused with its field.

use std::time::Duration;

use aios_protocols::{
    AgentCard, AgentId, CardError, Endpoint, IdentityError, Performative, ProtocolName, Qos,
    Timestamp,
};

use crate::generated::{common, registry};

/// Why something that came is none of our types.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConvertError {
    /// A part that must be there is not.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// It is no name.
    #[error("{field}: {problem}")]
    Name {
        /// Where.
        field: &'static str,
        /// Why not.
        problem: IdentityError,
    },
    /// A number or word that nothing is called by.
    #[error("{field}: {value:?} is none that there is")]
    Value {
        /// Where.
        field: &'static str,
        /// What stands there.
        value: String,
    },
    /// A card that cannot be registered.
    #[error(transparent)]
    Card(#[from] CardError),
}

fn value(field: &'static str, value: impl ToString) -> ConvertError {
    let value = value.to_string().chars().take(100).collect();
    ConvertError::Value { field, value }
}

impl From<&AgentId> for common::AgentId {
    fn from(id: &AgentId) -> Self {
        Self {
            tier: id.tier().as_str().to_owned(),
            r#type: id.kind().to_owned(),
            instance_id: id.instance().to_owned(),
            zone: id.zone().to_owned(),
        }
    }
}

impl TryFrom<&common::AgentId> for AgentId {
    type Error = ConvertError;

    fn try_from(id: &common::AgentId) -> Result<Self, ConvertError> {
        let wrong = |problem| ConvertError::Name {
            field: "agent_id",
            problem,
        };
        let tier = id.tier.parse().map_err(wrong)?;
        Self::new(tier, &id.r#type, &id.instance_id, &id.zone).map_err(wrong)
    }
}

impl From<Performative> for common::Performative {
    fn from(act: Performative) -> Self {
        Self::try_from(act.number()).unwrap_or(Self::Unspecified)
    }
}

impl TryFrom<common::Performative> for Performative {
    type Error = ConvertError;

    fn try_from(act: common::Performative) -> Result<Self, ConvertError> {
        Self::from_number(act as i32).ok_or_else(|| value("performative", act.as_str_name()))
    }
}

impl From<Qos> for common::QosClass {
    fn from(qos: Qos) -> Self {
        Self::try_from(qos.number()).unwrap_or(Self::QosUnspecified)
    }
}

impl TryFrom<common::QosClass> for Qos {
    type Error = ConvertError;

    fn try_from(class: common::QosClass) -> Result<Self, ConvertError> {
        Self::from_number(class as i32).ok_or_else(|| value("qos_class", class.as_str_name()))
    }
}

/// A time as protobuf has it.
#[must_use]
pub fn time(at: Timestamp) -> prost_types::Timestamp {
    let micros = at.as_micros();
    prost_types::Timestamp {
        seconds: i64::try_from(micros / 1_000_000).unwrap_or(i64::MAX),
        nanos: i32::try_from(micros % 1_000_000 * 1_000).unwrap_or_default(),
    }
}

/// How long after the beginning of 1970 a time lies; zero for one before.
#[must_use]
pub fn seconds(at: &prost_types::Timestamp) -> Duration {
    let whole = Duration::from_secs(u64::try_from(at.seconds).unwrap_or_default());
    whole.saturating_add(Duration::from_nanos(
        u64::try_from(at.nanos).unwrap_or_default(),
    ))
}

/// JSON as a value of any type: a text, which every library knows.
#[must_use]
pub fn text_any(json: &str) -> prost_types::Any {
    prost_types::Any {
        type_url: "type.googleapis.com/google.protobuf.StringValue".to_owned(),
        value: prost::Message::encode_to_vec(&json.to_owned()),
    }
}

impl From<&AgentCard> for registry::AgentCapability {
    /// What a card says to others. Who may open a conversation, which acts it takes and the properties of skills have no field here.
    fn from(card: &AgentCard) -> Self {
        let texts = |texts: &std::collections::BTreeSet<String>| texts.iter().cloned().collect();
        Self {
            agent_id: Some((&card.id).into()),
            version: card.version.clone(),
            skills: texts(&card.skills),
            domains: texts(&card.domains),
            models: texts(&card.models),
            protocols: card.protocols.iter().map(ToString::to_string).collect(),
            qos_classes: card.qos.iter().map(ToString::to_string).collect(),
            status: registry::AgentStatus::StatusUnspecified.into(),
            last_heartbeat: None,
            ttl_seconds: u32::try_from(card.ttl.as_secs()).unwrap_or(u32::MAX),
            metadata: Default::default(),
            endpoint: Some(registry::AgentEndpoint {
                grpc_address: card.endpoint.grpc.clone().unwrap_or_default(),
                shared_memory_key: card.endpoint.shared_memory.clone().unwrap_or_default(),
                nats_subject: card.endpoint.nats_subject.clone().unwrap_or_default(),
            }),
            description: card.description.clone(),
        }
    }
}

impl TryFrom<&registry::AgentCapability> for AgentCard {
    type Error = ConvertError;

    fn try_from(said: &registry::AgentCapability) -> Result<Self, ConvertError> {
        let id = said.agent_id.as_ref();
        let id = AgentId::try_from(id.ok_or(ConvertError::Missing("agent_id"))?)?;
        let mut card = Self::new(id);
        if !said.version.is_empty() {
            card.version.clone_from(&said.version);
        }
        card.description.clone_from(&said.description);
        card.skills = said.skills.iter().cloned().collect();
        card.domains = said.domains.iter().cloned().collect();
        card.models = said.models.iter().cloned().collect();
        let protocols = said.protocols.iter().map(|name| {
            name.parse::<ProtocolName>()
                .map_err(|_| value("protocols", name))
        });
        card.protocols = protocols.collect::<Result<_, _>>()?;
        if !said.qos_classes.is_empty() {
            let classes = said.qos_classes.iter().map(|name| {
                let class = Qos::ALL.into_iter().find(|class| class.as_str() == name);
                class.ok_or_else(|| value("qos_classes", name))
            });
            card.qos = classes.collect::<Result<_, _>>()?;
        }
        if said.ttl_seconds > 0 {
            card.ttl = Duration::from_secs(said.ttl_seconds.into());
        }
        if let Some(endpoint) = &said.endpoint {
            let some = |text: &String| (!text.is_empty()).then(|| text.clone());
            card.endpoint = Endpoint {
                grpc: some(&endpoint.grpc_address),
                shared_memory: some(&endpoint.shared_memory_key),
                nats_subject: some(&endpoint.nats_subject),
            };
        }
        card.check()?;
        Ok(card)
    }
}

#[cfg(test)]
mod tests {
    use aios_protocols::{
        Draft, Limits, PrincipalId, Sealer, SigningIdentity, TenantId, TraceContext,
    };
    use proptest::prelude::*;
    use prost::Message;

    use super::*;

    #[test]
    fn names_acts_and_classes_come_back_as_they_were() {
        for name in ["macro.planner.001@global", "micro.page.0x7F3A2B00@numa-0"] {
            let id: AgentId = name.parse().unwrap();
            assert_eq!(AgentId::try_from(&common::AgentId::from(&id)), Ok(id));
        }
        for number in 1..=22 {
            let act = Performative::from_number(number).unwrap();
            let there = common::Performative::from(act);
            assert_eq!(there as i32, number);
            // The name is FIPA's, in the letters of protobuf.
            let name = act.as_str().to_uppercase().replace('-', "_");
            assert_eq!(there.as_str_name(), name);
            assert_eq!(Performative::try_from(there), Ok(act));
        }
        for qos in Qos::ALL {
            let there = common::QosClass::from(qos);
            assert_eq!(there.as_str_name().to_lowercase(), qos.as_str());
            assert_eq!(Qos::try_from(there), Ok(qos));
        }
        assert!(Performative::try_from(common::Performative::Unspecified).is_err());
        assert!(Qos::try_from(common::QosClass::QosUnspecified).is_err());
    }

    #[test]
    fn a_card_comes_back_as_it_was_and_one_that_is_none_is_refused() {
        let mut card = AgentCard::new("macro.clerk.001@local".parse().unwrap());
        card.description = "reads and writes".to_owned();
        card.skills = ["read".to_owned(), "write".to_owned()].into();
        card.domains = ["sales".to_owned()].into();
        card.models = ["m".to_owned()].into();
        card.protocols = [ProtocolName::FipaRequest].into();
        card.qos = [Qos::Bulk].into();
        card.endpoint.nats_subject = Some("aios.x".to_owned());
        let there = registry::AgentCapability::from(&card);
        assert_eq!(AgentCard::try_from(&there), Ok(card));
        type Change = fn(&mut registry::AgentCapability);
        let changes: [Change; 6] = [
            |it| it.agent_id = None,
            |it| it.agent_id.as_mut().unwrap().tier = "boss".to_owned(),
            |it| it.protocols.push("gossip".to_owned()),
            |it| it.qos_classes.push("soon".to_owned()),
            |it| it.skills = (0..2_000).map(|at| at.to_string()).collect(),
            |it| it.description = "x".repeat(100_000),
        ];
        for (at, change) in changes.into_iter().enumerate() {
            let mut wrong = there.clone();
            change(&mut wrong);
            assert!(AgentCard::try_from(&wrong).is_err(), "{at}");
        }
    }

    /// Whoever has only the `.proto` files reads a frame's body as we write it, and writes one that we read.
    #[test]
    fn the_body_of_a_frame_is_the_message_that_the_proto_file_says() {
        let ann: PrincipalId = "user:ann@local".parse().unwrap();
        let identity = std::sync::Arc::new(SigningIdentity::from_seed(ann, [7; 32]));
        let mut sealer = Sealer::new(identity.clone(), TenantId::new("local").unwrap(), 3);
        let clerk: AgentId = "macro.clerk.001@local".parse().unwrap();
        let now = Timestamp::since_epoch(Duration::from_secs(1_000_000));
        let draft = Draft::request(&clerk, "{\"a\":1}")
            .language("json")
            .encoding("utf-8")
            .ontology("aios.agent")
            .protocol(ProtocolName::FipaRequest)
            .reply_with("r1")
            .reply_by(now)
            .trace(TraceContext::new([1; 16], [2; 8], 1).unwrap())
            .metadata("k", "v");
        let message = sealer.stamp(draft, now, [9; 10]).unwrap();
        let frame = identity.seal(&message, &Limits::default()).unwrap();
        let bytes = frame.as_bytes();
        let body = common::FipaBody::decode(&bytes[68..]).unwrap();
        assert_eq!(body.sender, "user:ann@local");
        assert_eq!(body.performative(), common::Performative::Request);
        assert_eq!(body.receivers, ["macro.clerk.001@local"]);
        assert_eq!(body.content, b"{\"a\":1}");
        assert_eq!(body.ontology.as_deref(), Some("aios.agent"));
        assert_eq!(body.reply_with.as_deref(), Some("r1"));
        assert_eq!(body.reply_by, Some(now.as_micros()));
        assert_eq!((body.epoch, body.sequence), (3, message.envelope.sequence));
        assert_eq!(body.timestamp, now.as_micros());
        assert_eq!(body.trace.len(), 25);
        assert_eq!(body.metadata["k"], "v");
        assert_eq!(body.encode_to_vec(), &bytes[68..], "byte for byte");
    }

    proptest! {
        /// Nothing that comes makes the way here fall.
        #[test]
        fn whatever_bytes_come_they_are_converted_or_refused(bytes: Vec<u8>) {
            if let Ok(said) = registry::AgentCapability::decode(bytes.as_slice()) {
                let _ = AgentCard::try_from(&said);
            }
            if let Ok(id) = common::AgentId::decode(bytes.as_slice()) {
                let _ = AgentId::try_from(&id);
            }
            let _ = crate::problem_of(&bytes);
        }

        #[test]
        fn a_name_of_any_parts_is_refused_or_comes_back(tier in "[a-z]{0,6}", kind in ".{0,8}", instance in ".{0,8}", zone in ".{0,8}") {
            let there = common::AgentId { tier, r#type: kind, instance_id: instance, zone };
            if let Ok(id) = AgentId::try_from(&there) {
                prop_assert_eq!(common::AgentId::from(&id), there);
            }
        }
    }
}
