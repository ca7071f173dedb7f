"""The contract's paths, as /v1/openapi.json says them: one method each for what is asked most, and `ask` for the rest."""

import base64
import json
import os
import ssl
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

PATIENCE_S = 60.0


class Refused(Exception):
    """The node says no; nothing has changed."""

    def __init__(self, status, problem):
        self.status = status
        self.kind = problem.get("kind", "other")
        self.message = problem.get("message", f"status {status}")
        self.what_to_do = problem.get("what_to_do", "")
        super().__init__(f"{self.message} ({self.what_to_do})")


class NotSet(Exception):
    """What says which node is meant, or what is shown to it, is missing."""


class Gone(Exception):
    """The node is not reached, or went away in the middle: what was asked may have been done."""


class Node:
    """A node at an address, asked with a token."""

    def __init__(self, address, token, timeout_s=630.0, context=None):
        """`context` is an ssl.SSLContext with a client's certificate, for a node at an https:// address."""
        self.address = address.rstrip("/")
        self._token = token.strip()
        self._timeout_s = timeout_s
        self._context = context

    @classmethod
    def of_environment(cls):
        """As `aios --node` finds it: AIOS_NODE, and AIOS_TOKEN or the file AIOS_TOKEN_FILE; of a node on another machine besides the files
        AIOS_TLS_CERT, AIOS_TLS_KEY and AIOS_TLS_CA."""
        address, token, file = (os.environ.get(name) for name in ("AIOS_NODE", "AIOS_TOKEN", "AIOS_TOKEN_FILE"))
        if not address:
            raise NotSet("AIOS_NODE is not set; set it to the address that `aios serve` printed, such as http://127.0.0.1:4270")
        if not token and not file:
            raise NotSet("neither AIOS_TOKEN nor AIOS_TOKEN_FILE is set; `aios serve` says where its token's file lies")
        if not token:
            try:
                with open(file, encoding="ascii") as opened:
                    token = opened.read()
            except OSError as error:
                raise NotSet(f"AIOS_TOKEN_FILE: {error}") from error
        return cls(address, token, context=_certificates() if address.startswith("https://") else None)

    def __repr__(self):
        return f"Node({self.address!r})"

    def _open(self, method, path, body=None, headers=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.address + path, data, method=method)
        request.add_header("Authorization", "Bearer " + self._token)
        request.add_header("Content-Type", "application/json")
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        try:
            return urllib.request.urlopen(request, timeout=self._timeout_s, context=self._context)
        except urllib.error.HTTPError as error:
            with error:
                try:
                    problem = json.loads(error.read())
                except ValueError:
                    problem = {}
                refused = Refused(error.code, problem)
                refused.retry_after_s = float(error.headers.get("Retry-After") or 0)
            raise refused from None
        except OSError as error:
            raise Gone(f"{self.address}: {error}") from error

    def ask(self, method, path, body=None, headers=None):
        """A query (GET) or a command (POST); the answer as JSON."""
        with self._open(method, path, body, headers) as answer:
            try:
                return json.loads(answer.read())
            except OSError as error:
                raise Gone(f"{self.address}: {error}") from error

    def command(self, path, body=None, key=None, patience_s=PATIENCE_S):
        """A command that is done once however often it has to be asked: again with the same key while the node is busy or away."""
        headers = {"Idempotency-Key": key or str(uuid.uuid4())}
        until = time.monotonic() + patience_s
        while True:
            try:
                return self.ask("POST", path, body or {}, headers)
            except Refused as refused:
                if refused.status not in (429, 503) or time.monotonic() > until:
                    raise
                time.sleep(max(refused.retry_after_s, 0.1))
            except Gone:
                if time.monotonic() > until:
                    raise
                time.sleep(0.2)

    # Goals.

    def submit(self, text, data=(), out=None, goal_id=None, private=False, key=None, files=()):
        """Begins a goal; its name. `data` are paths on the node's machine, `files` are files of this one that go there by what is in them."""
        body = {"text": text, "data": [os.path.abspath(path) for path in data], "private": private}
        if files:
            body["files"] = [_given(path) for path in files]
        if out is not None:
            body["out"] = os.path.abspath(out)
        if goal_id is not None:
            body["goal_id"] = goal_id
        return self.command("/v1/goals", body, key)["goal_id"]

    def goal(self, goal_id):
        """How it stands."""
        return self.ask("GET", "/v1/goals/" + _quoted(goal_id))

    def goals(self, page=100):
        """All goals, newest first."""
        return self._pages("/v1/goals", "goal_id", page)

    def explain(self, goal_id):
        """Why it is where it is."""
        return self.ask("GET", f"/v1/goals/{_quoted(goal_id)}/explain")

    def plan(self, goal_id):
        """Its plan: tasks, their attempts, what they took, what the Critic said."""
        return self.ask("GET", f"/v1/goals/{_quoted(goal_id)}/plan")

    def cancel(self, goal_id):
        """Calls it off."""
        self.command(f"/v1/goals/{_quoted(goal_id)}/cancel")

    def watch(self, goal_id, after=0, patience_s=PATIENCE_S):
        """What happens up to its end: (seq, kind, body). A connection that breaks is taken up again behind the last event."""
        until = time.monotonic() + patience_s
        while True:
            try:
                path = f"/v1/goals/{_quoted(goal_id)}/events?after={after}"
                with self._open("GET", path) as stream:
                    for kind, data in _events(stream):
                        until = time.monotonic() + patience_s
                        if kind == "end":
                            return
                        if kind == "refused":
                            raise Refused(403, data)
                        if kind == "reset":
                            continue
                        after = data["seq"]
                        yield data["seq"], data["kind"], data["body"]
            except (Gone, OSError):
                if time.monotonic() > until:
                    raise
            except Refused as refused:
                if refused.status != 503 or time.monotonic() > until:
                    raise
            time.sleep(0.2)

    def run(self, text, **wanted):
        """Begins a goal and waits for its answer."""
        goal_id = self.submit(text, **wanted)
        for _ in self.watch(goal_id):
            pass
        state = self.goal(goal_id)
        if state.get("answer") is None:
            raise Refused(409, state.get("error") or {"message": f"goal {goal_id} is {state['phase']}"})
        return state["answer"]

    # Agents.

    def agents(self):
        """The agents there are."""
        return self._pages("/v1/agents", "agent", 500)

    def spawn(self, role=None, charter=None):
        """Spawns an agent of a role, or of a charter's text."""
        from .sugar import Agent

        body = {"role": role} if charter is None else {"charter": charter}
        return Agent(self, self.command("/v1/agents", body)["agent"])

    def agent(self, name):
        """One that is there, by its name."""
        from .sugar import Agent

        return Agent(self, name)

    def view(self):
        """The node at this moment."""
        return self.ask("GET", "/v1/view")

    def _pages(self, path, field, page):
        after = None
        while True:
            query = {"limit": page}
            if after is not None:
                query["after"] = after
            found = self.ask("GET", path + "?" + urllib.parse.urlencode(query))
            yield from found
            if len(found) < page:
                return
            after = found[-1][field]


def _given(path):
    """A file as it comes with a goal."""
    with open(path, "rb") as file:
        content = file.read()
    given = {"name": os.path.basename(path)}
    try:
        given["content"] = content.decode()
    except UnicodeDecodeError:
        given.update(content=base64.b64encode(content).decode(), encoding="base64")
    return given


def _certificates():
    names = ("AIOS_TLS_CA", "AIOS_TLS_CERT", "AIOS_TLS_KEY")
    authority, own, key = (os.environ.get(name) for name in names)
    missing = [name for name, file in zip(names, (authority, own, key)) if not file]
    if missing:
        raise NotSet(f"{missing[0]} is not set; a node at https:// is spoken with by certificates: {', '.join(names)}, files in PEM form")
    try:
        context = ssl.create_default_context(cafile=authority)
        context.load_cert_chain(own, key)
    except OSError as error:
        raise NotSet(f"{', '.join(names)}: {error}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


def _quoted(name):
    return urllib.parse.quote(name, safe="")


def _events(stream):
    """Server-sent events, read as they come."""
    kind, data = None, []
    for line in stream:
        line = line.decode().rstrip("\r\n")
        if not line:
            if data:
                yield kind, json.loads("\n".join(data))
            kind, data = None, []
        elif line.startswith("event:"):
            kind = line[6:].strip()
        elif line.startswith("data:"):
            data.append(line[5:].strip())
