"""An agent as an object: ask it, kill it, watch it come back."""

import time


class Agent:
    """An agent of a node. As a context it is stopped at the end."""

    def __init__(self, node, name):
        self.node = node
        self.name = name

    def __repr__(self):
        return f"Agent({self.name!r})"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def ask(self, content, deadline_ms=120_000):
        """What it says to this."""
        body = {"content": content, "deadline_ms": deadline_ms}
        return self.node.command(f"/v1/agents/{self.name}/ask", body)["content"]

    def seen(self):
        """How it stands in the tree; none where it is not there."""
        agents = self.node.view()["agents"]
        return next((one for one in agents if one["id"] == self.name), None)

    def kill(self):
        """Kills it as a fault would, and remembers how often it had been restarted until then."""
        self._before = self.seen()["restarts"]
        self.node.command(f"/v1/agents/{self.name}/kill")

    def comes_back(self, within_s=30.0):
        """Waits until its supervisor has restarted it; how often that has been."""
        until = time.monotonic() + within_s
        while True:
            now = self.seen()
            if now and now["state"] == "running" and now["restarts"] > getattr(self, "_before", 0):
                return now["restarts"]
            if time.monotonic() > until:
                raise TimeoutError(f"{self.name} did not come back within {within_s} s: {now}")
            time.sleep(0.02)

    def stop(self):
        """Stops it and keeps it down."""
        self.node.command(f"/v1/agents/{self.name}/stop")
