"""LiteLLM before a node: a goal, an engine whole and as it writes, vectors, errors."""

import os

import litellm

litellm.suppress_debug_info = True
NODE = {"api_base": os.environ["AIOS_NODE"] + "/v1", "api_key": open(os.environ["AIOS_TOKEN_FILE"]).read().strip()}
HELLO = [{"role": "user", "content": "Say hello."}]

goal = litellm.completion(
    model="openai/aios",
    messages=[{"role": "user", "content": "Analyze Q3 sales"}],
    extra_body={"aios": {"data": [os.environ["DATA"]]}},
    **NODE,
)
print("goal:", len(goal.choices[0].message.content) > 100)

whole = litellm.completion(model="openai/local", messages=HELLO, **NODE)
print("engine:", len(whole.choices[0].message.content) > 0, whole.choices[0].finish_reason, whole.usage.total_tokens > 0)

text, finish = "", None
for chunk in litellm.completion(model="openai/local", messages=HELLO, stream=True, **NODE):
    text += chunk.choices[0].delta.content or ""
    finish = chunk.choices[0].finish_reason or finish
print("stream:", len(text) > 0, finish)

vectors = litellm.embedding(model="openai/local", input=["sales", "revenue"], encoding_format="float", **NODE)
print("vectors:", [len(vector["embedding"]) > 1 for vector in vectors.data])

try:
    litellm.completion(model="openai/nobody", messages=HELLO, num_retries=0, **NODE)
except litellm.NotFoundError:
    print("error: not found")

stream = litellm.completion(
    model="openai/aios",
    messages=[{"role": "user", "content": "Summarise the notes"}],
    extra_body={"aios": {"goal_id": "left-by-litellm", "data": [os.environ["NOTES"]]}},
    stream=True,
    **NODE,
)
next(iter(stream))
stream.completion_stream.close()
print("left")
