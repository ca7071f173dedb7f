"""A server with one behaviour a name, honest or not: `server.py BEHAVIOUR [FILE]`. It needs nothing but Python."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

BEHAVIOUR = sys.argv[1]
FILE = sys.argv[2] if len(sys.argv) > 2 else ""
LOCK = threading.Lock()


def say(message):
    with LOCK:
        sys.stdout.write(json.dumps(message) + "\n")
        sys.stdout.flush()


def answer(id, result):
    say({"jsonrpc": "2.0", "id": id, "result": result})


def text(words):
    return {"content": [{"type": "text", "text": words}]}


def tool(name, properties=None, description=None, **more):
    schema = {"type": "object", "properties": properties or {}}
    return {"name": name, "description": description or name, "inputSchema": schema, **more}


def noted(line):
    with open(FILE, "a") as file:
        file.write(line + "\n")


def notes():
    with open(FILE, "a+") as file:
        file.seek(0)
        return file.readlines()


def deep():
    schema = {}
    for _ in range(60):
        schema = {"properties": {"a": schema}}
    return schema


NUMBER = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}


def tools():
    if BEHAVIOUR == "many":
        return [tool(f"t{n}") for n in range(5000)]
    if BEHAVIOUR == "wordy":
        return [tool("t", description="word " * 1_000_000)]
    if BEHAVIOUR == "liar":
        return [tool("wrong", outputSchema=NUMBER), tool("untold", outputSchema=NUMBER)]
    if BEHAVIOUR == "schemas":
        return [
            tool("good"),
            {"name": "deep", "inputSchema": {"type": "object", **deep()}},
            {"name": "fetched", "inputSchema": {"type": "object", "properties": {"a": {"$ref": "http://127.0.0.1:1/x"}}}},
            {"name": "nonsense", "inputSchema": {"type": "object", "properties": {"a": {"type": "nonsense"}}}},
            {"name": "hidden\u202e name", "inputSchema": {"type": "object"}},
        ]
    if BEHAVIOUR == "changing" and os.path.exists(FILE):
        with open(FILE) as file:
            return json.load(file)
    return [
        tool("echo", {"words": {"type": "string"}}),
        tool("wait", {"ms": {"type": "integer"}}),
        tool("note", {"line": {"type": "string"}, "then": {"type": "string"}}),
        tool("happened", {"idempotency_key": {"type": "string"}}),
        tool("meta"),
        tool("fail"),
        tool("environment"),
        tool("number", outputSchema=NUMBER, annotations={"readOnlyHint": True}),
        tool("long", {"bytes": {"type": "integer"}}),
        tool("picture"),
        tool("ask"),
    ]


def call(id, params):
    name, args = params["name"], params.get("arguments") or {}
    meta = params.get("_meta") or {}
    if name == "echo" or BEHAVIOUR == "changing":
        answer(id, text(args.get("words", "")))
    elif name == "wait":
        time.sleep(args["ms"] / 1000)
        answer(id, text("waited"))
    elif name == "note":
        key, then = meta.get("aios/idempotency-key"), args.get("then", "")
        known = then.startswith("once") and any(line.startswith(f"{key} ") for line in notes())
        if not known:
            noted(f"{key} {args['line']}")
        if then == "die" or (then == "once, then die" and not known):
            os.kill(os.getpid(), signal.SIGKILL)
        if args.get("then") != "say nothing":
            answer(id, text("noted"))
    elif name == "happened":
        keys = [line.split(" ")[0] for line in notes()]
        happened = args["idempotency_key"] in keys
        said = {"happened": happened, "result": text("noted before")} if happened else {"happened": False}
        answer(id, {"content": [], "structuredContent": said})
    elif name == "meta":
        answer(id, text(json.dumps(meta)))
    elif name == "fail":
        answer(id, {**text("it \u001b[31mfailed with " + os.environ.get("SECRET", "")), "isError": True})
    elif name == "environment":
        answer(id, text(json.dumps(sorted(os.environ))))
    elif name == "number":
        answer(id, {"content": [], "structuredContent": {"n": 7}})
    elif name == "wrong":
        answer(id, {"content": [], "structuredContent": {"n": "seven"}})
    elif name == "untold":
        answer(id, text("7"))
    elif name == "long":
        answer(id, text("x" * args["bytes"]))
    elif name == "picture":
        answer(id, {"content": [{"type": "image", "mimeType": "image/png", "data": "iVBORw0KGgo="}]})
    elif name == "ask":
        answer(id, {"resultType": "input_required", "inputRequests": {}, "requestState": "x"})
    else:
        answer(id, text("called"))


def flood(line):
    while True:
        sys.stdout.write(line)
        sys.stdout.flush()


def hear(message):
    method, id = message.get("method"), message.get("id")
    if method == "server/discover":
        say({"jsonrpc": "2.0", "id": id, "error": {"code": -32601, "message": "Method not found"}})
    elif method == "initialize":
        version = message["params"]["protocolVersion"]
        info = {"name": "s", "version": "1"}
        answer(id, {"protocolVersion": version, "capabilities": {"tools": {"listChanged": True}}, "serverInfo": info})
    elif method == "tools/list":
        if BEHAVIOUR == "pages":
            answer(id, {"tools": [], "nextCursor": "again"})
        elif BEHAVIOUR == "long":
            tool = {"name": "t", "description": "x" * 300_000, "inputSchema": {"type": "object"}}
            answer(id, {"tools": [tool], "nextCursor": "again"})
        elif BEHAVIOUR == "garbled":
            answer(id, {"tools": [{"name": 7}]})
        else:
            answer(id, {"tools": tools()})
        if BEHAVIOUR == "flood":
            flood(json.dumps({"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": "x"}}) + "\n")
        if BEHAVIOUR == "changing":
            threading.Thread(target=watch, daemon=True).start()
        if BEHAVIOUR == "deaf":
            time.sleep(3600)
    elif method == "tools/call":
        threading.Thread(target=call, args=(id, message["params"])).start()
    elif method == "notifications/cancelled" and FILE:
        noted("cancelled")


WATCHED = []


def watch():
    if WATCHED:
        return
    WATCHED.append(True)
    while not os.path.exists(FILE):
        time.sleep(0.02)
    say({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"})


def main():
    if BEHAVIOUR == "dies":
        print("no \u001b[31mreason at all for " + os.environ.get("SECRET", "nobody"), file=sys.stderr)
        sys.exit(3)
    if BEHAVIOUR == "mute":
        time.sleep(3600)
    if BEHAVIOUR == "junk":
        flood("this is no message\n")
    if BEHAVIOUR == "line":
        flood("x" * 65536)
    if BEHAVIOUR == "nested":
        flood("[" * 100_000 + "\n")
    if BEHAVIOUR == "errors":
        threading.Thread(target=lambda: [sys.stderr.write("e" * 65536) for _ in iter(int, 1)], daemon=True).start()
    if BEHAVIOUR == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child = subprocess.Popen(["sleep", "3600"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        with open(FILE, "w") as file:
            file.write(f"{os.getpid()} {child.pid}")
    for line in sys.stdin:
        hear(json.loads(line))
    if BEHAVIOUR == "stubborn":
        time.sleep(3600)


main()
