"""Spawns an agent, kills it, and watches its supervisor bring it back; with nothing but Python's own library."""

import json
import os
import time
import urllib.request

NODE = os.environ["AIOS_NODE"]
TOKEN = open(os.environ["AIOS_TOKEN_FILE"]).read().strip()


def ask(path, body=None):
    """A query, or with a body a command."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(NODE + path, data, {"Authorization": "Bearer " + TOKEN})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def seen(agent):
    return next(one for one in ask("/v1/view")["agents"] if one["id"] == agent)


agent = ask("/v1/agents", {"role": "macro.executor"})["agent"]
ask(f"/v1/agents/{agent}/kill", {})
for _ in range(600):
    now = seen(agent)
    if now["state"] == "running" and now["restarts"] == 1:
        break
    time.sleep(0.05)
print(agent, now["state"], "after", now["restarts"], "restart")
ask(f"/v1/agents/{agent}/stop", {})
