//! What is said: requests, and the lines in which they and their answers travel between processes.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Ask, AuditAsked, CallTool, ControlError, ConversationsAsked, Decision, EmbedTexts, ErrorKind,
    Events, FiguresAsked, Fork, Generate, Judge, JudgeMore, LoadModel, Spawn, Submit, SwapModel,
    SwarmQuestion, Told, TreeAsked, UnloadModel, Watch, form,
};

/// The longest answer in bytes; a tree of ten thousand agents fits.
pub const LINE_MAX: usize = 4 * 1024 * 1024;

/// The most events of a goal in one answer; the last one's number asks for the next.
pub const HISTORY_MAX: usize = 2_048;

/// How long a node may take over an answer, beside what an agent is given for its part.
const PATIENCE: Duration = Duration::from_secs(10);

/// What may be asked of a node. Commands first, then queries, then watches.
#[cfg_attr(feature = "http", derive(schemars::JsonSchema))]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// Begins a goal. The answer is [`Submitted`](crate::Submitted).
    Submit(Submit),
    /// What would be done for a goal, and nothing of it is. The answer is a [`PlanFile`](aios_work::PlanFile), which can be handed in with
    /// the goal.
    Plan(Submit),
    /// Calls a goal off: nobody waits for its answer any more.
    Cancel {
        /// Which.
        goal_id: String,
    },
    /// Lets a goal under way rest: what it has done stays, and it goes on when it is resumed.
    Pause {
        /// Which.
        goal_id: String,
    },
    /// Goes on with a goal that rests, was set aside, was called off or failed, from where it was.
    Resume {
        /// Which.
        goal_id: String,
    },
    /// Tries a task again that came to nothing, and goes on from there. What was finished is not done again.
    Retry {
        /// Which goal.
        goal_id: String,
        /// Which task of it.
        task: String,
    },
    /// Goes on from where a goal was at a task, as a goal of its own and another way if a plan is given. The answer is
    /// [`Forked`](crate::Forked).
    Fork(Fork),
    /// Takes back what a goal did, the last thing first, by the tools that its tools name for it. The answer is [`Undone`](crate::Undone).
    Undo {
        /// Which.
        goal_id: String,
    },
    /// Takes a goal in from a file. It rests until somebody goes on with it. The answer is [`Submitted`](crate::Submitted).
    Import {
        /// What [`Export`](Self::Export) gave: a [`RunFile`](crate::RunFile).
        #[cfg_attr(feature = "http", schemars(with = "crate::RunFile"))]
        run: Value,
        /// A name for it, where its own is taken.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(
            feature = "http",
            schemars(regex(pattern = Submit::ID), length(min = 1, max = Submit::ID_MAX))
        )]
        new_id: Option<String>,
    },
    /// Goes through a goal again from what is on record of it: no tool is called and no model asked. The answer is
    /// [`Replayed`](crate::Replayed).
    Replay {
        /// Which.
        goal_id: String,
    },
    /// Spawns an agent. The answer is [`Spawned`](crate::Spawned).
    Spawn(Spawn),
    /// Asks an agent, and waits for what it says: [`Asked`](crate::Asked).
    Ask(Ask),
    /// Calls a tool, and waits for what it gives: [`ToolCalled`](crate::ToolCalled).
    CallTool(CallTool),
    /// Has an engine write: [`Generated`](crate::Generated), or a watch of it as it is written.
    Generate(Generate),
    /// Has an engine turn texts into vectors: [`Embedded`](crate::Embedded).
    Embed(EmbedTexts),
    /// Has the Critic judge a text by criteria, without a goal: a [`Report`](aios_work::Report).
    Judge(Judge),
    /// Has the Critic judge a text while it grows: a [`StreamReply`](aios_work::StreamReply) to each piece.
    JudgeMore(JudgeMore),
    /// Has the node's own engine load a model: its [`ModelLine`](crate::ModelLine).
    LoadModel(LoadModel),
    /// Has the node's own engine free a model: [`ModelFreed`](crate::ModelFreed).
    UnloadModel(UnloadModel),
    /// Has the node's own engine load a model in the place of another: [`ModelSwapped`](crate::ModelSwapped).
    SwapModel(SwapModel),
    /// Kills an agent as a fault would; its supervisor answers.
    Kill {
        /// Its name.
        agent: String,
    },
    /// Stops an agent and keeps it down.
    Stop {
        /// Its name.
        agent: String,
    },
    /// Decides what a human was asked. The answer is the [`Approval`](crate::Approval) as it is then.
    Decide {
        /// Which question.
        id: String,
        /// What is said: `accept` or `reject`.
        #[cfg_attr(feature = "http", schemars(with = "String", extend("enum" = ["accept", "reject"])))]
        decision: Decision,
        /// Why; may be empty.
        reason: String,
    },
    /// Lets an agent pause: what is asked of it waits, through restarts too, until it is resumed.
    Suspend {
        /// Its name.
        agent: String,
    },
    /// Lets an agent that pauses go on.
    ResumeAgent {
        /// Its name.
        agent: String,
    },
    /// Gives an agent a tool beside those of its charter, within what the node grants. It holds from its next call on, and through restarts.
    /// The answer is its [`AgentTools`](crate::AgentTools) then.
    GrantTool {
        /// Its whole name.
        agent: String,
        /// Which.
        tool: String,
    },
    /// Takes a tool from an agent: from its next call on, whatever it is at work on. The answer is its [`AgentTools`](crate::AgentTools) then.
    RevokeTool {
        /// Its whole name.
        agent: String,
        /// Which.
        tool: String,
    },
    /// Hands a message that was not delivered to its receivers once more. The answer is [`Resent`](crate::Resent).
    Resend {
        /// Its number.
        #[serde(deserialize_with = "crate::integer::integer")]
        number: u64,
    },
    /// Throws a message away that was not delivered.
    Discard {
        /// Its number.
        #[serde(deserialize_with = "crate::integer::integer")]
        number: u64,
    },
    /// Takes the list of tools that a server offers now: a person has read it. The answer is the [`ToolServer`](crate::ToolServer) as it is then.
    ApproveTools {
        /// Which server.
        server: String,
        /// The hash of the list that was read.
        list: String,
    },
    /// The servers that tools come from: a list of [`ToolServer`](crate::ToolServer)s.
    ToolServers {},
    /// The node at this moment: its tree, agents, messages, breakers.
    View {},
    /// The swarm.
    Swarm {
        /// What about it.
        about: SwarmQuestion,
    },
    /// The agents there are: a list of [`AgentLine`](crate::AgentLine)s.
    Agents {},
    /// One of them: its [`AgentShown`](crate::AgentShown).
    Agent {
        /// Its name, its role, or the name of its charter.
        agent: String,
    },
    /// What humans are asked: a list of [`Approval`](crate::Approval)s.
    Approvals {},
    /// The goals that came by the contract, newest first: a list of [`GoalLine`](crate::GoalLine)s.
    Goals {},
    /// One of them: its [`GoalState`](crate::GoalState).
    Goal {
        /// Which.
        goal_id: String,
    },
    /// What has happened with a goal so far: a list of [`Event`](crate::Event)s, at most [`HISTORY_MAX`] of them.
    History(Events),
    /// Why a goal is where it is and what can be done about it: its [`Explained`](crate::Explained).
    Explain {
        /// Which.
        goal_id: String,
    },
    /// The plan of a goal and how far it has come: its [`PlanShown`](crate::PlanShown).
    GoalPlan {
        /// Which.
        goal_id: String,
    },
    /// What is different between two goals: [`Compared`](crate::Compared).
    Diff {
        /// One.
        goal_id: String,
        /// The other.
        with: String,
    },
    /// A goal with all that is on record of it: its [`RunFile`](crate::RunFile).
    Export {
        /// Which.
        goal_id: String,
    },
    /// The tools there are: a list of [`ToolLine`](crate::ToolLine)s, by name.
    Tools {},
    /// The engines there are: a list of [`EngineLine`](crate::EngineLine)s.
    Engines {},
    /// A part of the supervision tree, line by line: a [`TreePage`](crate::TreePage).
    Tree(TreeAsked),
    /// The last children of supervisors that ended, newest first: a list of [`EndedAgent`](crate::EndedAgent)s.
    Ended {},
    /// Conversations that are under way or were seen of late, the latest first: a list of [`ConversationLine`](crate::ConversationLine)s.
    Conversations(ConversationsAsked),
    /// One of them: its [`ConversationShown`](crate::ConversationShown).
    Conversation {
        /// Which.
        conversation: String,
    },
    /// Messages that were not delivered: [`Letters`](crate::Letters).
    DeadLetters {},
    /// One of them: its [`LetterShown`](crate::LetterShown).
    DeadLetter {
        /// Its number.
        #[serde(deserialize_with = "crate::integer::integer")]
        number: u64,
    },
    /// The circuit breakers of all services that were called: a list of [`BreakerLine`](crate::BreakerLine)s.
    Breakers {},
    /// What agents and goals may spend and have spent: a list of [`BudgetLine`](crate::BudgetLine)s.
    Budgets {},
    /// The node's figures now (engines, buses, agents, swarm), none if it keeps none: a list of [`Figure`](crate::Figure)s.
    Figures(FiguresAsked),
    /// Figures whose latest value does not fit the last five minutes, the farthest off first: a list of [`Unusual`](crate::Unusual)s.
    Unusual {},
    /// What was commanded and refused: an [`AuditTrail`](crate::AuditTrail).
    Audit(AuditAsked),
    /// The settings the node was started with.
    Config {},
    /// What happens while a goal is under way, up to its end: [`Event`](crate::Event)s.
    Events(Events),
    /// What happens on the node: [`Event`](crate::Event)s, each with a body of its kind. It ends with the node.
    Watch(Watch),
    /// A part of the tree whenever it looks otherwise, at most four times a second: events of kind `tree`, each with a whole
    /// [`TreePage`](crate::TreePage).
    WatchTree(TreeAsked),
}

impl Request {
    /// Whether it changes something; a query and a watch do not.
    pub fn is_command(&self) -> bool {
        match self {
            Self::Submit(_)
            | Self::Plan(_)
            | Self::Cancel { .. }
            | Self::Pause { .. }
            | Self::Resume { .. }
            | Self::Retry { .. }
            | Self::Fork(_)
            | Self::Undo { .. }
            | Self::Import { .. }
            | Self::Replay { .. }
            | Self::Spawn(_)
            | Self::Ask(_)
            | Self::CallTool(_)
            | Self::Generate(_)
            | Self::Embed(_)
            | Self::Judge(_)
            | Self::JudgeMore(_)
            | Self::LoadModel(_)
            | Self::UnloadModel(_)
            | Self::SwapModel(_)
            | Self::Kill { .. }
            | Self::Stop { .. }
            | Self::Decide { .. }
            | Self::Suspend { .. }
            | Self::ResumeAgent { .. }
            | Self::GrantTool { .. }
            | Self::RevokeTool { .. }
            | Self::Resend { .. }
            | Self::Discard { .. }
            | Self::ApproveTools { .. } => true,
            Self::View {}
            | Self::ToolServers {}
            | Self::Swarm { .. }
            | Self::Agents {}
            | Self::Agent { .. }
            | Self::Approvals {}
            | Self::Goals {}
            | Self::Goal { .. }
            | Self::Explain { .. }
            | Self::GoalPlan { .. }
            | Self::Diff { .. }
            | Self::Export { .. }
            | Self::History(_)
            | Self::Tools {}
            | Self::Engines {}
            | Self::Tree(_)
            | Self::Ended {}
            | Self::Conversations(_)
            | Self::Conversation { .. }
            | Self::DeadLetters {}
            | Self::DeadLetter { .. }
            | Self::Breakers {}
            | Self::Budgets {}
            | Self::Figures(_)
            | Self::Unusual {}
            | Self::Audit(_)
            | Self::Config {}
            | Self::Events(_)
            | Self::Watch(_)
            | Self::WatchTree(_) => false,
        }
    }

    /// Whether its answer is what happens from then on.
    pub fn is_watch(&self) -> bool {
        match self {
            Self::Events(_) | Self::Watch(_) | Self::WatchTree(_) => true,
            Self::Generate(asked) => asked.watch,
            _ => false,
        }
    }

    /// Whether it is over when whoever asked has left. An agent's answer, a tool's result, a judgement and a plan are worth nothing to nobody; everything
    /// else is quickly done, or has to be brought to its end, and is done whether or not somebody stays to hear of it.
    pub fn ends_with_its_asker(&self) -> bool {
        matches!(
            self,
            Self::Ask(_)
                | Self::CallTool(_)
                | Self::Plan(_)
                | Self::Generate(_)
                | Self::Embed(_)
                | Self::Judge(_)
                | Self::JudgeMore(_)
        )
    }

    /// How long whoever carries it waits for the answer: ten seconds, and what an agent or a tool is given besides.
    pub fn patience(&self) -> Duration {
        let given_ms = match self {
            Self::Ask(ask) => ask.deadline_ms.min(Ask::DEADLINE_MS_MAX),
            Self::CallTool(call) => call.deadline_ms.min(CallTool::DEADLINE_MS_MAX),
            Self::Generate(Generate { deadline_ms, .. })
            | Self::Embed(EmbedTexts { deadline_ms, .. }) => {
                (*deadline_ms).min(Generate::DEADLINE_MS_MAX)
            }
            Self::Judge(Judge { deadline_ms, .. })
            | Self::JudgeMore(JudgeMore { deadline_ms, .. }) => {
                (*deadline_ms).min(Judge::DEADLINE_MS_MAX)
            }
            // A model may think it over; the node ends it by the deadline of its goals.
            Self::Plan(_) | Self::Replay { .. } | Self::Undo { .. } => Ask::DEADLINE_MS_MAX,
            // What is under way is finished first, and weights take their time.
            Self::LoadModel(_) | Self::UnloadModel(_) | Self::SwapModel(_) => Ask::DEADLINE_MS_MAX,
            _ => 0,
        };
        PATIENCE + Duration::from_millis(given_ms)
    }
}

/// What travels back, one line each: to a command or query one answer; to a watch an answer, events and an end. A refusal stands for any
/// of them and is the last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// What was asked for; nothing for a watch that begins.
    Answer(Value),
    /// Something that happened.
    Event(Told),
    /// The watch is over.
    End {},
    /// Why not.
    Refused(ControlError),
}

impl Reply {
    /// The line that travels, and whether more may follow it. A reply that does not fit is refused instead.
    pub fn line(&self) -> (Vec<u8>, bool) {
        let mut line = match self {
            // It is in words already, once for everybody who hears of it.
            Self::Event(told) if !told.json().is_empty() => {
                [&br#"{"event":"#[..], told.json().as_bytes(), b"}"].concat()
            }
            _ => serde_json::to_vec(self).unwrap_or_default(),
        };
        let mut more = matches!(self, Self::Answer(_) | Self::Event(_));
        if line.is_empty() || line.len() >= LINE_MAX {
            let most = LINE_MAX;
            let sentence = format!(
                "the answer has {} bytes, {most} are allowed; ask for less",
                line.len()
            );
            let refused = Self::Refused(ControlError::new(ErrorKind::TooLarge, sentence));
            line = serde_json::to_vec(&refused).unwrap_or_default();
            more = false;
        }
        line.push(b'\n');
        (line, more)
    }
}

/// Reads a request.
///
/// # Errors
/// What is wrong with it.
pub fn read(line: &[u8]) -> Result<Request, ControlError> {
    form::read(line).map_err(|error| {
        ControlError::invalid(format!("this is no request: {error}"))
            .advise("write one JSON object a line, such as {\"ask\":\"view\"}")
    })
}

#[cfg(test)]
mod tests {
    use aios_work::PlanFile;

    use super::*;

    #[test]
    fn a_request_reads_as_it_was_written_and_nothing_else_reads() {
        let requests = [
            Request::View {},
            Request::Swarm {
                about: SwarmQuestion::Top {
                    kind: "page".into(),
                    most: 5,
                },
            },
            Request::Kill {
                agent: "macro.planner.001@local".into(),
            },
            Request::Submit(Submit {
                goal_id: Some("q3".into()),
                text: "Analyze Q3 sales".into(),
                data: vec!["/data/q3.csv".into()],
                files: Vec::new(),
                out: "/out".into(),
                private: true,
                plan: None,
            }),
            Request::Plan(Submit {
                goal_id: None,
                text: "Plan it".into(),
                data: vec![],
                files: vec![],
                out: "/out".into(),
                plan: PlanFile::read(br#"{"goal":"x","tasks":[{"id":"a","tool":"t","args":{}}]}"#)
                    .ok()
                    .map(Box::new),
                private: false,
            }),
            Request::Spawn(Spawn {
                role: "macro.executor".into(),
                restart: Some(crate::RestartRule::Transient),
                ..Spawn::default()
            }),
            Request::Spawn(Spawn {
                charter: Some("---\nname: a\n---\n".into()),
                ..Spawn::default()
            }),
            Request::Retry {
                goal_id: "q3".into(),
                task: "fetch".into(),
            },
            Request::Fork(Fork {
                goal_id: "q3".into(),
                at: "fetch".into(),
                plan: None,
                new_id: Some("q3-b".into()),
            }),
            Request::Import {
                run: serde_json::json!({"form": 1}),
                new_id: None,
            },
            Request::Agents {},
            Request::Agent {
                agent: "clerk".into(),
            },
            Request::Ask(Ask {
                agent: "macro.greeter".into(),
                content: "Alice".into(),
                deadline_ms: 1_000,
            }),
            Request::Tools {},
            Request::CallTool(CallTool {
                data: vec!["/data/q3.csv".into()],
                out: Some("/out".into()),
                ..CallTool::new("calc", serde_json::json!({"expression": "1 + 1"}))
            }),
            Request::Events(Events {
                goal_id: "q3".into(),
                after_seq: 7,
            }),
        ];
        for request in requests {
            let line = serde_json::to_vec(&request).unwrap();
            assert_eq!(read(&line), Ok(request));
        }
        for line in [
            "",
            "{}",
            "[]",
            r#"{"ask":"everything"}"#,
            r#"{"ask":"view","as":"root"}"#,
            r#"{"ask":"kill"}"#,
            r#"{"ask":"kill","agent":"a","agent":"b"}"#,
            r#"{"ask":"call_tool","tool":"calc"}"#,
            r#"{"ask":"call_tool","tool":"calc","args":{},"granted":["net"]}"#,
            r#"{"ask":"submit","text":"x"}"#,
            r#"{"ask":"submit","text":"x","out":"/out","as":"root"}"#,
            r#"{"ask":"submit","text":"x","out":"/out","plan":{"goal":"x","task":[]}}"#,
            r#"{"ask":"events","goal_id":"g","after_seq":-1}"#,
        ] {
            let refused = read(line.as_bytes()).unwrap_err().to_string();
            assert!(refused.starts_with("this is no request: "), "{line}");
        }
    }

    #[test]
    fn what_has_to_be_brought_to_its_end_does_not_end_with_its_asker() {
        let goal_id = "q3".to_owned();
        assert!(!Request::Replay { goal_id }.ends_with_its_asker());
        let call = CallTool::new("calc", serde_json::json!({}));
        assert!(Request::CallTool(call).ends_with_its_asker());
    }

    #[test]
    fn an_event_travels_in_the_words_that_it_has_and_reads_as_any_reply() {
        let told = Told::from(crate::Event {
            seq: 7,
            kind: crate::EventKind::Task,
            body: serde_json::json!({"goal_id": "q3"}),
        });
        let reply = Reply::Event(told);
        let (line, more) = reply.line();
        assert_eq!(
            line,
            [serde_json::to_vec(&reply).unwrap(), b"\n".to_vec()].concat()
        );
        assert_eq!(serde_json::from_slice::<Reply>(&line).unwrap(), reply);
        assert!(more);
    }

    #[test]
    fn an_answer_that_is_too_long_is_refused_in_words() {
        let long = Reply::Answer(Value::String("x".repeat(LINE_MAX)));
        let (line, more) = long.line();
        assert!(line.len() < 200);
        assert!(String::from_utf8(line).unwrap().contains("ask for less"));
        assert!(!more);
    }
}
