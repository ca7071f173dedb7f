//! What an agent does, once for each turn: it calls a tool it was granted, or hands work to a delegate. Each is a durable step.

use std::time::Instant;

use aios_actors::agent::{AgentError, Undone};
use aios_actors::recovery::{ApprovalStatus, Decision, Question, tool_key};
use aios_tools::CallError;
use aios_work::content::{AgentOrder, AgentReply, NoAnswer, hex};
use aios_work::{AGENT_TOOLS, Effect, ToolCall};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::delegate::delegate;
use super::ended::{Ended, failed, told};
use super::errand::Errand;
use super::seen::Seen;
use crate::doubt;
use crate::services::elsewhere;

/// Characters of arguments that a person is shown; a call with more is not made.
const SHOWN: usize = 4_000;

impl Errand<'_> {
    /// Calls a tool or hands work to a delegate, once for each turn.
    pub(super) async fn act(&self, turn: u32, tool: &str, args: Value) -> Result<Seen, Ended> {
        let step = self.step("act", turn);
        if let Some(seen) = self.ctx.done::<Seen>(&step)? {
            return Ok(seen);
        }
        if let Some(name) = tool.strip_prefix(AGENT_TOOLS) {
            return self.hand_over(turn, &step, name, args).await;
        }
        let spec = self.tools.iter().find(|spec| spec.name == tool);
        let private = spec.filter(|_| self.ctx.is_private());
        if let Some(why) = self.lost(tool).or_else(|| private.and_then(elsewhere)) {
            return self.not_called(&step, Seen::error(why)).await;
        }
        let effect = spec.map(|spec| spec.effect);
        if effect == Some(Effect::Ask)
            && let Some(said_no) = self.permission(turn, tool, &args).await?
        {
            return self.not_called(&step, said_no).await;
        }
        // A person may have taken it while another was asked.
        if let Some(why) = self.lost(tool) {
            return self.not_called(&step, Seen::error(why)).await;
        }
        let pure = effect == Some(Effect::Pure);
        let attempt = |again| self.attempted(turn, tool, args, effect, again);
        match self.ctx.once_written(&step, pure, attempt).await {
            Ok(seen) => Ok(seen.read_json().map_err(AgentError::from)?),
            Err(error) => Err(match doubt::of(&error) {
                // Called anew, it would be called under another key, and perhaps done a second time.
                Some(why) => Ended::Unanswered(NoAnswer::InDoubt {
                    reason: why.to_owned(),
                }),
                None => error.into(),
            }),
        }
    }

    /// What is seen instead of a call, as the step that the call would have been.
    async fn not_called(&self, step: &str, seen: Seen) -> Result<Seen, Ended> {
        Ok(self
            .ctx
            .once_pure(step, async || Ok::<_, AgentError>(seen))
            .await?)
    }

    /// The call as a step, unless an earlier try at it may have been carried out and nobody but a person can know.
    async fn attempted(
        &self,
        turn: u32,
        tool: &str,
        args: Value,
        effect: Option<Effect>,
        again: bool,
    ) -> Result<Seen, Undone> {
        if again && effect == Some(Effect::Ask) {
            return Err(doubt::not_repeated(tool).into());
        }
        self.call(turn, tool, args, effect, again).await
    }

    async fn call(
        &self,
        turn: u32,
        tool: &str,
        args: Value,
        effect: Option<Effect>,
        again: bool,
    ) -> Result<Seen, Undone> {
        let key = format!("{}/{turn}", self.order.operation);
        let left = self.left();
        let span = self.ctx.span("execute_tool", tool);
        let call = ToolCall {
            idempotency_key: tool_key(&key, self.ctx.tenant(), self.ctx.system().tenant()),
            again,
            tenant: self.ctx.tenant().as_str().to_owned(),
            goal: key.split('/').next().unwrap_or_default().to_owned(),
            traceparent: self.ctx.traceparent(span.as_deref()),
            inputs: self.order.inputs.clone(),
            out_dir: self.order.out_dir.clone(),
            ..ToolCall::new(args, Instant::now() + left)
        };
        self.under_way.begins(tool, effect);
        let tools = &self.services.tools;
        let called = tools.call_apart(tool, &self.granted, call).await;
        if let Some(span) = span {
            span.note("gen_ai.tool.name", tool);
            span.note("gen_ai.tool.call.id", &key);
            if let Err(error) = &called {
                span.fail(error);
            }
        }
        self.under_way.ends();
        let called = called.map_err(|error| match error {
            CallError::Failed(error) => Ok(error),
            // It may have left its caches in any state: a new incarnation starts from clean ones.
            fallen => Err(AgentError::broken(fallen.to_string())),
        });
        Ok(match called {
            Err(Err(fallen)) => return Err(fallen.into()),
            Ok(output) => Seen {
                outcome: Ok(output.value),
                facts: output.facts,
                artifacts: output.artifacts,
            },
            // What an earlier try left in doubt stays so.
            Err(Ok(error))
                if matches!(effect, Some(Effect::Ask | Effect::Query))
                    && (again || error.is_in_doubt()) =>
            {
                return Err(doubt::failed(&format!("tool {tool} failed: {error}")).into());
            }
            Err(Ok(error)) if error.kind().is_for_models() => Seen::error(error.message()),
            // What others answered may hold anything, also orders to a model.
            Err(Ok(error)) => {
                tracing::warn!(agent = %self.ctx.me(), tool, %error, "a tool of an agent failed");
                let kind = serde_json::to_value(error.kind()).unwrap_or_default();
                Seen::error(format!(
                    "the tool failed: {}",
                    kind.as_str().unwrap_or("other")
                ))
            }
        })
    }

    /// Asks a person before a tool whose effect nobody else can know. What comes back is their no, for the model to see.
    async fn permission(&self, turn: u32, tool: &str, args: &Value) -> Result<Option<Seen>, Ended> {
        let queue = self.services.people();
        let name = &self.member.charter().name;
        let about = self.about();
        let arguments = args.to_string();
        let length = arguments.chars().count();
        if length > SHOWN {
            // Nobody says yes to what they were not shown.
            return Ok(Some(Seen::error(format!(
                "a person is asked before {tool} is called and is shown {SHOWN} characters of arguments at most; these have {length}: give it less"
            ))));
        }
        let question = Question {
            goal: about.clone(),
            task: format!("{name}, turn {turn}"),
            tool: tool.to_owned(),
            arguments: hex(&Sha256::digest(&arguments)),
            round: 0,
            text: format!(
                "agent {name} would call {tool} with {arguments}; whether it has an effect a second time nobody knows"
            ),
        };
        let asked = queue.propose(question, &self.ctx).await;
        let approval = asked.map_err(|error| failed(format!("nobody could be asked: {error}")))?;
        let decided = match approval.status {
            ApprovalStatus::Accepted => Some((Decision::Accept, String::new())),
            ApprovalStatus::Rejected => {
                Some((Decision::Reject, approval.reason.unwrap_or_default()))
            }
            _ => queue
                .wait(&approval.id, self.left().mul_f64(0.9))
                .await
                .map_err(|error| failed(error.to_string()))?,
        };
        match decided {
            Some((Decision::Accept, _)) => {
                let spent = queue.spend(&approval.id, &about, &self.ctx).await;
                spent.map_err(|error| failed(error.to_string()))?;
                Ok(None)
            }
            Some((Decision::Reject, why)) => {
                let why = if why.is_empty() {
                    why
                } else {
                    format!(": {why}")
                };
                Ok(Some(Seen::error(format!("a person said no{why}"))))
            }
            None => Err(Ended::Unanswered(NoAnswer::Waits {
                approval: approval.id,
            })),
        }
    }

    /// What a question to a person is about. Of a question that came by itself it is the same however often it is asked, so that a yes is
    /// found again.
    fn about(&self) -> String {
        let root = self.order.operation.split('/').next().unwrap_or_default();
        if self.order.operation.contains('/') || !root.starts_with("ask-") {
            return root.to_owned();
        }
        let asked = format!("{}\0{}", self.member.charter().name, self.order.input);
        format!("ask-{}", &hex(&Sha256::digest(asked))[..32])
    }

    /// Hands work to a delegate: it has no more than this agent has.
    async fn hand_over(
        &self,
        turn: u32,
        step: &str,
        name: &str,
        args: Value,
    ) -> Result<Seen, Ended> {
        let Some(delegate_to) = self.services.crew().member(name) else {
            return Ok(Seen::error(format!("no agent {name} is here")));
        };
        let spec = delegate_to.spec();
        if let Err(why) = aios_tools::Schema::new(&spec.input)?.check(&args) {
            let seen = Seen::error(format!("{} cannot use its arguments: {why}", spec.name));
            return Ok(self
                .ctx
                .once_pure(step, async || Ok::<_, AgentError>(seen))
                .await?);
        }
        let mut chain = self.order.chain.clone();
        chain.push(self.member.charter().name.clone());
        let left = self.left();
        let order = AgentOrder {
            operation: format!("{}/{turn}", self.order.operation),
            input: delegate_to.asked(args),
            chain,
            tools: Some(self.tools.iter().map(|spec| spec.name.clone()).collect()),
            granted: self.granted.clone(),
            inputs: self.order.inputs.clone(),
            out_dir: self.order.out_dir.clone(),
            // It ends before this agent does, so that there is time to say what came of it.
            deadline_ms: (left.mul_f64(0.9)).as_millis() as u64,
        };
        // What is not this agent's to mend: a person decides, or nobody knows.
        let mut open = None;
        let seen = self.ctx.once(step, async || {
            let reply = match delegate(name, &order, &self.ctx, left).await {
                Ok(reply) => reply,
                Err(error) => {
                    self.ctx.unless_over().await;
                    return Ok(Seen::error(error.reason().map_or_else(
                        || error.to_string(),
                        |reason| reason.detail.clone(),
                    )));
                }
            };
            match reply {
                AgentReply::Done(answer) => Ok(Seen {
                    outcome: Ok(answer.value),
                    facts: answer.facts,
                    artifacts: answer.artifacts,
                }),
                AgentReply::None(none @ (NoAnswer::Waits { .. } | NoAnswer::InDoubt { .. })) => {
                    let error = AgentError::failure(told(&none));
                    open = Some(none);
                    Err(error)
                }
                AgentReply::None(none) => Ok(Seen::error(told(&none))),
            }
        });
        let seen = seen.await;
        match open {
            Some(none) => Err(Ended::Unanswered(none)),
            None => Ok(seen?),
        }
    }
}
