"""OpenAI's own client before a node: a conversation is a goal, an engine writes, texts become vectors."""

import os

import openai

client = openai.OpenAI(
    base_url=os.environ["AIOS_NODE"] + "/v1",
    api_key=open(os.environ["AIOS_TOKEN_FILE"]).read().strip(),
)

print("models:", [model.id for model in client.models.list()])

# `aios` takes a conversation for a goal: it is planned, carried out and judged. Files and the like go in `aios`.
answer = client.chat.completions.create(
    model="aios",
    messages=[{"role": "user", "content": "Analyze Q3 sales"}],
    extra_body={"aios": {"data": [os.environ["DATA"]]}},
)
print("goal:", answer.model_extra["aios"]["status"], len(answer.choices[0].message.content) > 100)

# An engine is heard as it writes.
text, finish, usage = "", None, None
for chunk in client.chat.completions.create(
    model="local",
    messages=[{"role": "user", "content": "Say hello."}],
    stream=True,
    stream_options={"include_usage": True},
):
    for choice in chunk.choices:
        text += choice.delta.content or ""
        finish = choice.finish_reason or finish
    usage = chunk.usage or usage
print("engine:", len(text) > 0, finish, usage.total_tokens > 0)

# The client asks for bytes and gives numbers.
vectors = client.embeddings.create(model="local", input=["sales", "revenue"])
print("vectors:", len(vectors.data), len(vectors.data[0].embedding) > 1)

try:
    client.chat.completions.create(model="nobody", messages=[{"role": "user", "content": "hello"}])
except openai.NotFoundError as error:
    print("error:", error.code, error.param)

# Leaving a stream calls the goal off.
with client.chat.completions.create(
    model="aios",
    messages=[{"role": "user", "content": "Summarise the notes"}],
    extra_body={"aios": {"goal_id": "left-early", "data": [os.environ["NOTES"]]}},
    stream=True,
) as stream:
    first = next(iter(stream))
    print("left:", first.choices[0].delta.role)
