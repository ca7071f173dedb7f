"""mistral.rs behind a server of OpenAI's form: its Python package holds the engine and no server.

usage: mistralrs_server.py PORT FOLDER FILE
"""

import http.server
import json
import sys

import mistralrs

PORT, FOLDER, FILE = int(sys.argv[1]), sys.argv[2], sys.argv[3]
RUNNER = mistralrs.Runner(
    which=mistralrs.Which.GGUF(quantized_model_id=FOLDER, quantized_filename=FILE),
    token_source="none",
)


def asked(body):
    """The request as the engine takes it."""
    settings = {"temperature": body.get("temperature", 0.0), "max_tokens": body.get("max_tokens")}
    if body.get("stop"):
        settings["stop_seqs"] = body["stop"]
    if "top_p" in body:
        settings["top_p"] = body["top_p"]
    schema = body.get("response_format", {}).get("json_schema", {}).get("schema")
    if schema is not None:
        settings.update(grammar=json.dumps(schema), grammar_type="json_schema")
    return mistralrs.ChatCompletionRequest(
        messages=body["messages"], model="default", stream=True, **settings
    )


def chunks(body):
    """What the engine says, as chunks of a stream; the last one counts the tokens."""
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": body["model"]}
    usage = None
    for chunk in RUNNER.send_chat_completion_request(asked(body)):
        usage = chunk.usage or usage
        for choice in chunk.choices:
            delta = {"content": choice.delta.content or ""}
            yield {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": choice.finish_reason}]}
    if usage and body.get("stream_options", {}).get("include_usage"):
        counted = {name: getattr(usage, name) for name in ("prompt_tokens", "completion_tokens", "total_tokens")}
        yield {**head, "choices": [], "usage": counted}


class Door(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def answer(self, status, body):
        body = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path != "/v1/models":
            return self.answer(404, {"error": {"message": "no such path", "code": "unknown"}})
        self.answer(200, {"object": "list", "data": [{"id": "smollm2", "object": "model"}]})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path != "/v1/chat/completions":
            return self.answer(404, {"error": {"message": "no such path", "code": "unknown"}})
        said = chunks(body)
        try:
            first = next(said)
        except Exception as error:
            return self.answer(400, {"error": {"message": str(error), "code": "bad_request"}})
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        try:
            self.tell(first)
            for chunk in said:
                self.tell(chunk)
            self.wfile.write(b"data: [DONE]\n\n")
        except (BrokenPipeError, ConnectionResetError):
            # Nobody listens any more; without its reader the engine stops.
            said.close()

    def tell(self, chunk):
        self.wfile.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
        self.wfile.flush()


http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Door).serve_forever()
