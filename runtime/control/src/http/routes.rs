//! Where each request of the contract has its place among the paths, as a table. A row says which request a path is and where its fields
//! stand: in the path, in the query, in the body. A request without a row is asked by `POST /v1/ask`.

use schemars::{JsonSchema, SchemaGenerator};
use serde_json::Value;

use crate::{
    AgentLine, AgentShown, AgentTools, Asked, AuditTrail, BreakerLine, BudgetLine, Compared,
    ConversationLine, ConversationShown, Embedded, EndedAgent, EngineLine, Event, Explained,
    Figure, Forked, Generated, GoalLine, GoalState, LetterShown, Letters, ModelFreed, ModelLine,
    ModelSwapped, PlanShown, Replayed, Request, Resent, RunFile, Spawned, Submitted, ToolCalled,
    ToolLine, TreePage, Undone, Unusual,
};

/// How a path is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    /// A query or a watch; its fields stand in the path and the query.
    Get,
    /// A command; its fields stand in the path and the body.
    Post,
}

/// A path and the request it stands for.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) verb: Verb,
    pub(super) path: &'static str,
    /// The request, by the name it has in its `ask` field; empty for the row of a request that says it itself.
    pub(super) ask: &'static str,
    /// The field that all others stand in, if they do.
    pub(super) under: Option<&'static str>,
    /// Fields that the path means without saying them.
    pub(super) fixed: &'static [(&'static str, &'static str)],
    /// Whether the server's own folder stands in for a folder that was not named.
    pub(super) fills_out: bool,
    /// The field that names each of a list that is given in pieces.
    pub(super) pages: Option<&'static str>,
    /// What it is, in a sentence.
    pub(super) says: &'static str,
    /// The field of its answer that names what has come to be by it.
    pub(super) begins: Option<&'static str>,
    /// The form of its answer, where it is a type of the contract's own.
    pub(super) gives: Option<fn(&mut SchemaGenerator) -> Value>,
    /// The request, of a path whose last part says all of it.
    pub(super) by_name: Option<fn(String) -> Request>,
    /// Refusals of what follows the form that the document says, each with when it is given.
    pub(super) refuses: &'static [(u16, &'static str)],
}

/// Something in it has a grammar of its own, which no form says.
const MEANING: (u16, &str) = (
    400,
    "It follows the form and cannot be meant so: `message` says what is wrong with the plan, the charter, the criteria, the schema, the arguments,      the name or the file.",
);
/// What is taken depends on the node.
const SIZE: (u16, &str) = (
    413,
    "It is more than the node takes: `message` says how much that is.",
);
/// It has its time.
const TIME: (u16, &str) = (504, "It was not there in the time that it was given.");

const fn get(path: &'static str, ask: &'static str, says: &'static str) -> Row {
    Row {
        verb: Verb::Get,
        path,
        ask,
        under: None,
        fixed: &[],
        fills_out: false,
        pages: None,
        says,
        begins: None,
        gives: None,
        by_name: None,
        refuses: &[],
    }
}

const fn post(path: &'static str, ask: &'static str, says: &'static str) -> Row {
    Row {
        verb: Verb::Post,
        ..get(path, ask, says)
    }
}

const fn swarm(
    path: &'static str,
    view: &'static [(&'static str, &'static str)],
    says: &'static str,
) -> Row {
    Row {
        under: Some("about"),
        fixed: view,
        ..get(path, "swarm", says)
    }
}

const fn goal(path: &'static str, ask: &'static str, says: &'static str) -> Row {
    Row {
        fills_out: true,
        ..post(path, ask, says)
    }
}

impl Row {
    /// A path whose last part says all of the request, so that what lies ready is found without a look at anything else.
    const fn by_name(self, request: fn(String) -> Request) -> Self {
        Self {
            by_name: Some(request),
            ..self
        }
    }

    /// Something comes to be by it, which its answer names in this field.
    const fn begins(self, field: &'static str) -> Self {
        Self {
            begins: Some(field),
            ..self
        }
    }

    /// What is refused though it follows the form.
    const fn refuses(self, refuses: &'static [(u16, &'static str)]) -> Self {
        Self { refuses, ..self }
    }

    /// The request for one by its name, if this is its path.
    pub(super) fn whole(&self, folder: &str, name: &str) -> Option<Request> {
        let request = self.by_name?;
        let (own, _) = self.path.rsplit_once('/')?;
        (own == folder).then(|| request(name.to_owned()))
    }

    /// A list that is given in pieces, each of it named by this field.
    const fn pages(self, field: &'static str) -> Self {
        Self {
            pages: Some(field),
            ..self
        }
    }

    /// With the form of its answer.
    const fn gives<T: JsonSchema>(self) -> Self {
        Self {
            gives: Some(schema_of::<T>),
            ..self
        }
    }
}

/// Every path of the contract.
pub(super) const ROWS: &[Row] = &[
    get("/v1/goals", "goals", "The goals there are, newest first.")
        .gives::<Vec<GoalLine>>()
        .pages("goal_id"),
    goal("/v1/goals", "submit", "Begins a goal.")
        .gives::<Submitted>()
        .begins("goal_id")
        .refuses(&[MEANING, SIZE]),
    get(
        "/v1/goals/{goal_id}",
        "goal",
        "How a goal stands, and its answer.",
    )
    .gives::<GoalState>()
    .by_name(|goal_id| Request::Goal { goal_id }),
    get(
        "/v1/goals/{goal_id}/events",
        "events",
        "What happens with a goal, as server-sent events up to its end.",
    ),
    post("/v1/goals/{goal_id}/cancel", "cancel", "Calls a goal off.").gives::<()>(),
    post(
        "/v1/goals/{goal_id}/pause",
        "pause",
        "Lets a goal rest until it is resumed.",
    )
    .gives::<()>(),
    post(
        "/v1/goals/{goal_id}/resume",
        "resume",
        "Goes on with a goal from where it was.",
    )
    .gives::<()>(),
    post(
        "/v1/goals/{goal_id}/tasks/{task}/retry",
        "retry",
        "Tries a task again that came to nothing, and goes on from there.",
    )
    .gives::<()>(),
    post(
        "/v1/goals/{goal_id}/fork",
        "fork",
        "Goes on from where a goal was at a task, as a goal of its own.",
    )
    .gives::<Forked>()
    .begins("goal_id")
    .refuses(&[MEANING]),
    post(
        "/v1/goals/{goal_id}/undo",
        "undo",
        "Takes back what a goal did, the last thing first.",
    )
    .gives::<Undone>(),
    post(
        "/v1/goals/{goal_id}/replay",
        "replay",
        "Goes through a goal again from what is on record; nothing is called.",
    )
    .gives::<Replayed>(),
    get(
        "/v1/goals/{goal_id}/diff/{with}",
        "diff",
        "What is different between two goals.",
    )
    .gives::<Compared>(),
    get(
        "/v1/goals/{goal_id}/export",
        "export",
        "A goal with all that is on record of it, as one file.",
    )
    .gives::<RunFile>(),
    post("/v1/import", "import", "Takes a goal in from such a file.")
        .gives::<Submitted>()
        .begins("goal_id")
        .refuses(&[MEANING]),
    get(
        "/v1/goals/{goal_id}/explain",
        "explain",
        "Why a goal is where it is, and what can be done.",
    )
    .gives::<Explained>(),
    get(
        "/v1/goals/{goal_id}/plan",
        "goal_plan",
        "The plan of a goal: its tasks, their attempts, what they took, what the Critic said.",
    )
    .gives::<PlanShown>(),
    get(
        "/v1/goals/{goal_id}/history",
        "history",
        "What has happened with a goal so far, as a list.",
    )
    .gives::<Vec<Event>>()
    .pages("seq"),
    goal(
        "/v1/plans",
        "plan",
        "What would be done for a goal; nothing of it is.",
    )
    .refuses(&[MEANING, SIZE, TIME]),
    get("/v1/agents", "agents", "The agents there are.")
        .gives::<Vec<AgentLine>>()
        .pages("agent"),
    post(
        "/v1/agents",
        "spawn",
        "Spawns an agent of a role or a charter.",
    )
    .gives::<Spawned>()
    .begins("agent")
    .refuses(&[MEANING]),
    get("/v1/agents/{agent}", "agent", "One agent closely.").gives::<AgentShown>(),
    post(
        "/v1/agents/{agent}/ask",
        "ask",
        "Asks an agent, and waits for what it says.",
    )
    .gives::<Asked>()
    .refuses(&[MEANING, TIME]),
    post(
        "/v1/agents/{agent}/kill",
        "kill",
        "Kills an agent as a fault would; its supervisor answers.",
    )
    .gives::<()>(),
    post(
        "/v1/agents/{agent}/stop",
        "stop",
        "Stops an agent and keeps it down.",
    )
    .gives::<()>(),
    post(
        "/v1/agents/{agent}/suspend",
        "suspend",
        "Lets an agent pause; what is asked of it waits.",
    )
    .gives::<()>(),
    post(
        "/v1/agents/{agent}/resume",
        "resume_agent",
        "Lets an agent that pauses go on.",
    )
    .gives::<()>(),
    post(
        "/v1/agents/{agent}/grant",
        "grant_tool",
        "Gives an agent a tool beside those of its charter.",
    )
    .gives::<AgentTools>(),
    post(
        "/v1/agents/{agent}/revoke",
        "revoke_tool",
        "Takes a tool from an agent, from its next call on.",
    )
    .gives::<AgentTools>(),
    get("/v1/tools", "tools", "The tools there are.")
        .gives::<Vec<ToolLine>>()
        .pages("name"),
    post(
        "/v1/tools/{tool}/call",
        "call_tool",
        "Calls a tool, and waits for what it gives.",
    )
    .gives::<ToolCalled>()
    .refuses(&[MEANING, TIME]),
    get(
        "/v1/tool-servers",
        "tool_servers",
        "The servers that tools come from.",
    ),
    post(
        "/v1/tool-servers/{server}/approve",
        "approve_tools",
        "Takes the list of tools that a server offers now.",
    ),
    get("/v1/engines", "engines", "The engines there are.")
        .gives::<Vec<EngineLine>>()
        .pages("name"),
    post(
        "/v1/engines/{engine}/generate",
        "generate",
        "Has an engine write; with `watch` as server-sent events.",
    )
    .gives::<Generated>()
    .refuses(&[MEANING, SIZE, TIME]),
    post(
        "/v1/engines/{engine}/embed",
        "embed",
        "Has an engine turn texts into vectors.",
    )
    .gives::<Embedded>()
    .refuses(&[MEANING, SIZE, TIME]),
    post(
        "/v1/engines/{engine}/load",
        "load_model",
        "Has the node's own engine load a model of the catalogue, or of the folder of its models.",
    )
    .gives::<ModelLine>()
    .refuses(&[MEANING]),
    post(
        "/v1/engines/{engine}/unload",
        "unload_model",
        "Has the node's own engine free a model.",
    )
    .gives::<ModelFreed>(),
    post(
        "/v1/engines/{engine}/swap",
        "swap_model",
        "Has the node's own engine load a model in the place of another.",
    )
    .gives::<ModelSwapped>()
    .refuses(&[MEANING]),
    post(
        "/v1/judgements",
        "judge",
        "Has the Critic judge a text by criteria, without a goal.",
    )
    .refuses(&[MEANING, SIZE, TIME]),
    post(
        "/v1/judgements/{stream}",
        "judge_more",
        "Has the Critic judge a text while it grows, piece by piece.",
    )
    .refuses(&[MEANING, SIZE, TIME]),
    get("/v1/approvals", "approvals", "What humans are asked.").pages("id"),
    post(
        "/v1/approvals/{id}/decide",
        "decide",
        "Decides what a human was asked.",
    ),
    get(
        "/v1/view",
        "view",
        "The node at this moment: its tree, agents, messages and breakers.",
    ),
    get(
        "/v1/events",
        "watch",
        "What happens on the node, as server-sent events; `kinds`, `goal_id`, `agent`, `conversation` choose.",
    ),
    get(
        "/v1/tree",
        "tree",
        "A part of the supervision tree, line by line.",
    )
    .gives::<TreePage>(),
    get(
        "/v1/tree/events",
        "watch_tree",
        "A part of the tree whenever it looks otherwise, as server-sent events.",
    ),
    get(
        "/v1/ended",
        "ended",
        "The last agents that ended, with why and what became of what they had in their hands.",
    )
    .gives::<Vec<EndedAgent>>(),
    get(
        "/v1/conversations",
        "conversations",
        "Who speaks with whom, and who owes what by when.",
    )
    .gives::<Vec<ConversationLine>>(),
    get(
        "/v1/conversations/{conversation}",
        "conversation",
        "One conversation closely.",
    )
    .gives::<ConversationShown>(),
    get(
        "/v1/dead-letters",
        "dead_letters",
        "Messages that were not delivered, with why.",
    )
    .gives::<Letters>(),
    get(
        "/v1/dead-letters/{number}",
        "dead_letter",
        "One undelivered message, with what it says.",
    )
    .gives::<LetterShown>(),
    post(
        "/v1/dead-letters/{number}/resend",
        "resend",
        "Hands an undelivered message to its receivers once more.",
    )
    .gives::<Resent>(),
    post(
        "/v1/dead-letters/{number}/discard",
        "discard",
        "Throws an undelivered message away.",
    )
    .gives::<()>(),
    get(
        "/v1/breakers",
        "breakers",
        "The circuit breakers of all services that were called.",
    )
    .gives::<Vec<BreakerLine>>(),
    get(
        "/v1/budgets",
        "budgets",
        "What agents and goals may spend and have spent.",
    )
    .gives::<Vec<BudgetLine>>(),
    get(
        "/v1/figures",
        "figures",
        "The node's figures now, as `/metrics` has them; `prefix` chooses.",
    )
    .gives::<Vec<Figure>>(),
    get(
        "/v1/unusual",
        "unusual",
        "Figures whose latest value does not fit the last five minutes.",
    )
    .gives::<Vec<Unusual>>(),
    get("/v1/audit", "audit", "What was commanded and refused.").gives::<AuditTrail>(),
    swarm("/v1/swarm", &[("view", "show")], "The swarm in numbers."),
    swarm(
        "/v1/swarm/kinds/{kind}",
        &[("view", "top")],
        "The strongest agents of a kind; `most` says how many.",
    ),
    swarm(
        "/v1/swarm/agents/{id}",
        &[("view", "agent")],
        "One agent of the swarm closely.",
    ),
    get(
        "/v1/config",
        "config",
        "The settings the node was started with.",
    ),
    post(
        "/v1/ask",
        "",
        "Any request of the contract, as it is written on the node's socket: `{\"ask\": \"view\"}`.",
    )
    .refuses(&[MEANING, SIZE, TIME]),
];

impl Row {
    /// Whether files may come with what is asked.
    pub(super) fn may_hold_files(&self) -> bool {
        self.ask.is_empty() || self.fills_out
    }
}

/// A type as the document writes it, and its own types among the document's.
pub(super) fn schema_of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    generator.subschema_for::<T>().to_value()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read;

    /// A row whose name is misspelt would be refused whatever is sent.
    #[test]
    fn every_row_names_a_request_that_there_is() {
        for row in ROWS.iter().filter(|row| !row.ask.is_empty()) {
            let said = serde_json::json!({ "ask": row.ask }).to_string();
            let outcome = read(said.as_bytes());
            let unknown = outcome.is_err_and(|error| error.message.contains("unknown variant"));
            assert!(!unknown, "{}", row.path);
        }
    }
}
