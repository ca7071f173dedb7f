"""LangChain before a node: a goal, an engine whole and as it writes, vectors, errors, and leaving early."""

import os

import openai
from langchain_openai import ChatOpenAI, OpenAIEmbeddings

NODE = os.environ["AIOS_NODE"] + "/v1"
TOKEN = open(os.environ["AIOS_TOKEN_FILE"]).read().strip()


def model(name, **more):
    return ChatOpenAI(model=name, base_url=NODE, api_key=TOKEN, **more)


goal = model("aios", extra_body={"aios": {"data": [os.environ["DATA"]]}})
print("goal:", len(goal.invoke("Analyze Q3 sales").content) > 100)

whole = model("local").invoke([("system", "Be brief."), ("user", "Say hello.")])
print("engine:", len(whole.content) > 0, whole.response_metadata["finish_reason"], whole.usage_metadata["total_tokens"] > 0)
pieces = list(model("local", stream_usage=True).stream("Say hello."))
print("stream:", len("".join(piece.content for piece in pieces)) > 0, any(piece.usage_metadata for piece in pieces))

# A node takes texts, not numbers of another model's tokens.
embeddings = OpenAIEmbeddings(model="local", base_url=NODE, api_key=TOKEN, check_embedding_ctx_length=False)
print("vectors:", [len(vector) > 1 for vector in embeddings.embed_documents(["sales", "revenue"])])

try:
    model("nobody").invoke("hello")
except openai.NotFoundError as error:
    print("error:", error.code)

notes = {"aios": {"goal_id": "left-by-langchain", "data": [os.environ["NOTES"]]}}
stream = model("aios", extra_body=notes).stream("Summarise the notes")
next(stream)
stream.close()
print("left")
