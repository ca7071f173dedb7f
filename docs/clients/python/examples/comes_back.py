"""Spawns an agent, asks it, kills it, watches it come back, and has a goal carried out meanwhile."""

import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "src"))

from aios_node import Node, Refused

node = Node.of_environment()

CHARTER = """---
name: greeter
description: Greets whoever asks.
---
Say hello in one sentence.
"""

goal = node.submit("Analyze Q3 sales", files=[os.environ["DATA"]])
with node.spawn(charter=CHARTER) as agent:
    print("said something:", len(agent.ask("Hello, who are you?")) > 0)
    agent.kill()
    print("came back after restarts:", agent.comes_back())
    print("said something again:", len(agent.ask("And now?")) > 0)

events = [kind for _, kind, _ in node.watch(goal)]
print("events:", len(events) > 2, "goal:", node.goal(goal)["answer"]["status"])
print("listed:", goal in [line["goal_id"] for line in node.goals(page=1)])
try:
    node.agent("macro.nobody.001@local").stop()
except Refused as refused:
    print("refused:", refused.kind)
