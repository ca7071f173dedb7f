//! Commands as the log and the audit trail tell of them.

use aios_control::{Ask, Judge, Request, Spawn, Submit};

/// The most of a name that is logged: names come from outside and may be of any length.
const NAME_LOGGED: usize = 100;

/// A command as the log tells of it: what is asked, of whom or what, and how long the texts are. What they say is its owner's and is not
/// written down, nor are the names of files.
pub(crate) fn named(request: &Request) -> String {
    let short = |name: &str| -> String {
        let shown: String = name.chars().take(NAME_LOGGED).collect();
        format!("{shown:?}")
    };
    match request {
        Request::Submit(goal) => format!("submit {}", described(goal)),
        Request::Plan(goal) => format!("plan {}", described(goal)),
        Request::Cancel { goal_id } => format!("cancel goal {}", short(goal_id)),
        Request::Pause { goal_id } => format!("pause goal {}", short(goal_id)),
        Request::Resume { goal_id } => format!("resume goal {}", short(goal_id)),
        Request::Retry { goal_id, task } => {
            format!("retry task {} of goal {}", short(task), short(goal_id))
        }
        Request::Fork(fork) => format!("fork goal {} at {}", short(&fork.goal_id), short(&fork.at)),
        Request::Undo { goal_id } => format!("undo goal {}", short(goal_id)),
        Request::Import { run, .. } => format!("import a goal of {} bytes", run.to_string().len()),
        Request::Replay { goal_id } => format!("replay goal {}", short(goal_id)),
        Request::GoalPlan { goal_id } => format!("plan of goal {}", short(goal_id)),
        Request::Diff { goal_id, with } => {
            format!("compare goal {} with {}", short(goal_id), short(with))
        }
        Request::Export { goal_id } => format!("export goal {}", short(goal_id)),
        Request::Spawn(Spawn {
            charter: Some(charter),
            ..
        }) => format!("spawn by a charter of {} bytes", charter.len()),
        Request::Spawn(agent) => format!("spawn {}", short(&agent.role)),
        Request::Ask(Ask {
            agent,
            content,
            deadline_ms,
        }) => {
            let (agent, content) = (short(agent), content.len());
            format!("ask {agent}, content of {content} bytes, within {deadline_ms} ms")
        }
        Request::CallTool(call) => {
            let (tool, args) = (short(&call.tool), call.args.to_string().len());
            let (files, within) = (call.data.len(), call.deadline_ms);
            format!(
                "call tool {tool}, arguments of {args} bytes, {files} files, within {within} ms"
            )
        }
        Request::Generate(asked) => {
            let text: usize = asked.turns.iter().map(|turn| turn.text.len()).sum();
            let (engine, turns) = (short(&asked.engine), asked.turns.len());
            format!("generate with {engine}, {turns} turns of {text} bytes")
        }
        Request::Embed(asked) => {
            let (engine, texts) = (short(&asked.engine), asked.texts.len());
            format!("embed with {engine}, {texts} texts")
        }
        Request::Judge(asked) => format!("judge {}", to_judge(asked)),
        Request::JudgeMore(piece) => {
            let (stream, more) = (short(&piece.stream), piece.more.len());
            match &piece.begin {
                Some(asked) => format!("judge {stream} as it grows: {}", to_judge(asked)),
                None => format!("judge {more} bytes more of {stream}"),
            }
        }
        // A model's file is the node's, and which one it is has to be on the trail.
        Request::LoadModel(asked) => format!("load model {}", short(&asked.model)),
        Request::UnloadModel(asked) => format!("unload model {}", short(&asked.model)),
        Request::SwapModel(asked) => {
            format!(
                "swap model {} for {}",
                short(&asked.current),
                short(&asked.model)
            )
        }
        Request::Kill { agent } => format!("kill {}", short(agent)),
        Request::Stop { agent } => format!("stop {}", short(agent)),
        Request::Decide {
            id,
            decision,
            reason,
        } => {
            let (id, reason) = (short(id), reason.len());
            format!("decide {id}: {decision:?}, reason of {reason} bytes")
        }
        Request::ApproveTools { server, list } => {
            format!(
                "approve tools of server {}, list {}",
                short(server),
                short(list)
            )
        }
        Request::Suspend { agent } => format!("suspend {}", short(agent)),
        Request::ResumeAgent { agent } => format!("resume agent {}", short(agent)),
        Request::GrantTool { agent, tool } => {
            format!("grant tool {} to {}", short(tool), short(agent))
        }
        Request::RevokeTool { agent, tool } => {
            format!("revoke tool {} from {}", short(tool), short(agent))
        }
        Request::Resend { number } => format!("resend dead letter {number}"),
        Request::Discard { number } => format!("discard dead letter {number}"),
        Request::Tree(_) => "tree".to_owned(),
        Request::Ended {} => "ended".to_owned(),
        Request::Conversations(_) => "conversations".to_owned(),
        Request::Conversation { conversation } => format!("conversation {}", short(conversation)),
        Request::DeadLetters {} => "dead letters".to_owned(),
        Request::DeadLetter { number } => format!("dead letter {number}"),
        Request::Breakers {} => "breakers".to_owned(),
        Request::Budgets {} => "budgets".to_owned(),
        Request::Figures(_) => "figures".to_owned(),
        Request::Unusual {} => "unusual".to_owned(),
        Request::Audit(_) => "audit".to_owned(),
        Request::Watch(_) => "events of the node".to_owned(),
        Request::WatchTree(_) => "events of the tree".to_owned(),
        Request::ToolServers {} => "tool servers".to_owned(),
        Request::Agents {} => "agents".to_owned(),
        Request::Agent { agent } => format!("agent {}", short(agent)),
        Request::View {} => "view".to_owned(),
        Request::Swarm { .. } => "swarm".to_owned(),
        Request::Approvals {} => "approvals".to_owned(),
        Request::Goals {} => "goals".to_owned(),
        Request::Goal { goal_id } => format!("goal {}", short(goal_id)),
        Request::History(events) => format!("history of goal {}", short(&events.goal_id)),
        Request::Explain { goal_id } => format!("explain goal {}", short(goal_id)),
        Request::Tools {} => "tools".to_owned(),
        Request::Engines {} => "engines".to_owned(),
        Request::Config {} => "config".to_owned(),
        Request::Events(events) => format!("events of goal {}", short(&events.goal_id)),
    }
}

fn to_judge(asked: &Judge) -> String {
    let (goal, text, files) = (asked.goal.len(), asked.answer.len(), asked.files.len());
    let criteria = asked.criteria.as_ref().map_or(0, String::len);
    format!(
        "goal of {goal} bytes, text of {text} bytes, criteria of {criteria} bytes, {files} files"
    )
}

fn described(goal: &Submit) -> String {
    let Submit {
        goal_id,
        text,
        data,
        files,
        out: _,
        private: _,
        plan,
    } = goal;
    let name = goal_id
        .as_deref()
        .map_or("of a fresh name".to_owned(), |id| {
            let shown: String = id.chars().take(NAME_LOGGED).collect();
            format!("{shown:?}")
        });
    let (text, files) = (text.len(), data.len() + files.len());
    let plan = match plan {
        Some(plan) => format!(", a plan of {} tasks", plan.tasks.len()),
        None => String::new(),
    };
    format!("goal {name}, text of {text} bytes, {files} files{plan}")
}

#[cfg(test)]
mod tests {
    use aios_control::{CallTool, Decision, SwapModel};

    use super::*;

    #[test]
    fn the_log_names_a_command_and_holds_nothing_of_what_it_says() {
        let secret = "the merger with Globex".to_owned();
        let long = "x".repeat(10_000);
        for (request, told) in [
            (
                Request::Submit(Submit {
                    goal_id: Some("q3".to_owned()),
                    text: secret.clone(),
                    data: vec![format!("/home/{secret}.csv")],
                    files: Vec::new(),
                    out: format!("/home/{secret}"),
                    private: true,
                    plan: None,
                }),
                "submit goal \"q3\", text of 22 bytes, 1 files".to_owned(),
            ),
            (
                Request::Ask(Ask {
                    agent: "macro.clerk".to_owned(),
                    content: secret.clone(),
                    deadline_ms: 500,
                }),
                "ask \"macro.clerk\", content of 22 bytes, within 500 ms".to_owned(),
            ),
            (
                Request::CallTool(CallTool {
                    out: Some(format!("/home/{secret}")),
                    ..CallTool::new("letter", serde_json::json!({ "text": secret }))
                }),
                "call tool \"letter\", arguments of 33 bytes, 0 files, within 30000 ms".to_owned(),
            ),
            (
                Request::Decide {
                    id: "ap-1".to_owned(),
                    decision: Decision::Reject,
                    reason: secret.clone(),
                },
                "decide \"ap-1\": Reject, reason of 22 bytes".to_owned(),
            ),
            (
                Request::Judge(Judge {
                    criteria: Some(secret.clone()),
                    ..Judge::new(&*secret, &*secret)
                }),
                "judge goal of 22 bytes, text of 22 bytes, criteria of 22 bytes, 0 files"
                    .to_owned(),
            ),
            (
                Request::SwapModel(SwapModel {
                    current: "small".to_owned(),
                    model: "/models/large.gguf".to_owned(),
                    name: None,
                    engine: None,
                }),
                "swap model \"small\" for \"/models/large.gguf\"".to_owned(),
            ),
            (
                Request::RevokeTool {
                    agent: "macro.clerk.001@local".to_owned(),
                    tool: "calc".to_owned(),
                },
                "revoke tool \"calc\" from \"macro.clerk.001@local\"".to_owned(),
            ),
            // A name cannot end the line it is logged in, and is not logged at any length.
            (
                Request::Kill {
                    agent: "a\nb".to_owned(),
                },
                "kill \"a\\nb\"".to_owned(),
            ),
            (
                Request::Cancel {
                    goal_id: long.clone(),
                },
                format!("cancel goal \"{}\"", &long[..NAME_LOGGED]),
            ),
        ] {
            assert!(request.is_command());
            let logged = named(&request);
            assert_eq!(logged, told);
            assert!(!logged.contains("Globex"), "{logged}");
        }
    }
}
