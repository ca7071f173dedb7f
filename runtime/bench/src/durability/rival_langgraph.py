"""A chain of steps of LangGraph over SQLite, each checkpoint written before the next step begins."""

import importlib.metadata
import json
import os
import sqlite3
import sys
import time
from typing import TypedDict

from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph

folder, steps, result = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])


class State(TypedDict):
    at: int
    result: str


def step(state):
    return {"at": state["at"] + 1, "result": "7" * result}


def follows(state):
    return END if state["at"] >= steps else "step"


builder = StateGraph(State)
builder.add_node("step", step)
builder.add_edge(START, "step")
builder.add_conditional_edges("step", follows)
connection = sqlite3.connect(os.path.join(folder, "langgraph.sqlite"), check_same_thread=False)
graph = builder.compile(checkpointer=SqliteSaver(connection))
config = {"configurable": {"thread_id": "1"}, "recursion_limit": steps + 10}
begun = time.perf_counter()
graph.invoke({"at": 0, "result": ""}, config, durability="sync")
took = time.perf_counter() - begun
connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
size = sum(os.path.getsize(os.path.join(folder, name)) for name in os.listdir(folder))
version = importlib.metadata.version("langgraph")
print(json.dumps({"step_us": took / steps * 1e6, "step_bytes": size / steps, "version": version}))
