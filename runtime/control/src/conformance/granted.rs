//! Tools are given to an agent and taken from it by command, and each of that stands in the audit.

use super::{Stage, done, refused};
use crate::{
    AgentShown, AgentTools, AuditAsked, AuditTrail, Client, ErrorKind, Request, Spawn, ToolLine,
};

fn grant(agent: &str, tool: &str) -> Request {
    Request::GrantTool {
        agent: agent.to_owned(),
        tool: tool.to_owned(),
    }
}

fn revoke(agent: &str, tool: &str) -> Request {
    Request::RevokeTool {
        agent: agent.to_owned(),
        tool: tool.to_owned(),
    }
}

async fn has(client: &mut Client, agent: &str) -> Vec<String> {
    let asked = Request::Agent {
        agent: agent.to_owned(),
    };
    let shown: AgentShown = done("one closely", client.ask(&asked).await);
    shown.tools
}

async fn changed(client: &mut Client, request: Request) -> Vec<String> {
    let what = format!("{request:?}");
    let tools: AgentTools = done(&what, client.ask(&request).await);
    tools.tools
}

pub(super) async fn tools_are_given_to_an_agent_and_taken_from_it(stage: &mut Stage) {
    let tool = stage.tool.0.tool.clone();
    let tools: Vec<ToolLine> = done("tools", stage.owner.ask(&Request::Tools {}).await);
    let other = tools.iter().map(|line| &line.spec.name).find(|name| {
        let line = tools.iter().find(|line| line.spec.name == **name);
        **name != tool
            && line.is_some_and(|line| line.missing.is_empty() && !name.starts_with("agent__"))
    });
    let charter =
        format!("---\nname: keeper\ndescription: For a test.\ntools: [{tool}]\n---\n\nDo.\n");
    let spawn = Spawn {
        charter: Some(charter),
        ..Spawn::default()
    };
    let keeper = done("a spawn", stage.owner.spawn(spawn).await).agent;
    let owner = &mut stage.owner;
    assert_eq!(has(&mut stage.other, &keeper).await, [tool.as_str()]);
    let none = Vec::<String>::new();
    assert_eq!(changed(owner, revoke(&keeper, &tool)).await, none);
    assert_eq!(has(&mut stage.other, &keeper).await, none, "others see it");
    let again = owner.ask::<AgentTools>(&revoke(&keeper, &tool)).await;
    refused("what it does not have", again, ErrorKind::Conflict);
    if let Some(other) = other {
        assert_eq!(
            changed(owner, grant(&keeper, other)).await,
            [other.as_str()]
        );
        let both = changed(owner, grant(&keeper, &tool)).await;
        assert_eq!(both, [tool.as_str(), other.as_str()]);
        assert_eq!(
            changed(owner, revoke(&keeper, other)).await,
            [tool.as_str()]
        );
    } else {
        assert_eq!(changed(owner, grant(&keeper, &tool)).await, [tool.as_str()]);
    }
    assert_eq!(
        changed(owner, grant(&keeper, &tool)).await,
        [tool.as_str()],
        "once more"
    );
    for (what, wrong, kind) in [
        (
            "a tool that is not there",
            grant(&keeper, "none"),
            ErrorKind::Unknown,
        ),
        (
            "an agent as a tool",
            grant(&keeper, "agent__keeper"),
            ErrorKind::Invalid,
        ),
        (
            "an agent that is not there",
            grant("macro.none.001@local", &tool),
            ErrorKind::Unknown,
        ),
        (
            "a name that may mean several",
            revoke("keeper", &tool),
            ErrorKind::Unknown,
        ),
        (
            "one without a charter",
            grant(&stage.agent, &tool),
            ErrorKind::Conflict,
        ),
    ] {
        refused(what, owner.ask::<AgentTools>(&wrong).await, kind);
    }
    let stranger = stage
        .stranger
        .ask::<AgentTools>(&revoke(&keeper, &tool))
        .await;
    refused("a stranger", stranger, ErrorKind::Forbidden);
    assert_eq!(has(&mut stage.other, &keeper).await, [tool.as_str()]);
    let trail = Request::Audit(AuditAsked { after_seq: 0 });
    let trail: AuditTrail = done("the audit", owner.ask(&trail).await);
    let entry = trail.entries.iter().rev().find(|line| line.label == "done");
    let entry = entry.unwrap_or_else(|| panic!("a command in {trail:?}"));
    assert_eq!(entry.what, format!("grant tool {tool:?} to {keeper:?}"));
    assert!(!entry.by.is_empty(), "{entry:?}");
    done("a stop", owner.stop(&keeper).await);
}
