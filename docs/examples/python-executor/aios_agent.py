"""An agent of AI OS in a process of its own, from the .proto files and two libraries.

It holds its key, proves it to the node, takes signed messages as their senders wrote them and answers with signed messages. What a frame
looks like is in docs/formats/message.md, what is said on the stream in protocols/wire/proto/aios/orchestration.proto.
"""

import hashlib
import json
import os
import queue
import sys
import tempfile
import threading
import time
import uuid
from pathlib import Path

import grpc
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

FILES = ["aios/common.proto", "aios/orchestration.proto"]
MESSAGE = "application/vnd.aios.fipa-acl"
CLAIM = "application/vnd.aios.key-claim"
HELLO = "application/vnd.aios.agent-hello"
AGENT = "aios.agent"  # the ontology of orders


def protos():
    """The folder with the .proto files: AIOS_PROTO, one named proto beside this file, or that of the checkout this file lies in."""
    here = Path(__file__).resolve()
    named = os.environ.get("AIOS_PROTO")
    asked = [Path(named)] if named else [here.parent / "proto"] + [up / "protocols" / "wire" / "proto" for up in here.parents]
    for folder in asked:
        if all((folder / file).is_file() for file in FILES):
            return folder
    raise SystemExit(
        f"no .proto files of AI OS in {asked[0]}: copy protocols/wire/proto there, or set AIOS_PROTO to the folder that has {FILES[0]}"
    )


def stubs():
    """Makes the Python code of the .proto files and imports it."""
    try:
        from grpc_tools import protoc
    except ImportError:
        raise SystemExit("grpcio-tools is not installed: pip install -r requirements.txt") from None
    proto, well_known = protos(), Path(protoc.__file__).parent / "_proto"
    with tempfile.TemporaryDirectory(prefix="aios-stubs-") as out:
        arguments = ["protoc", f"-I{proto}", f"-I{well_known}", f"--python_out={out}", f"--grpc_python_out={out}"]
        if protoc.main(arguments + FILES) != 0:
            raise SystemExit(f"the .proto files under {proto} cannot be compiled")
        sys.path.insert(0, out)
        try:
            from aios import common_pb2, orchestration_pb2, orchestration_pb2_grpc
        finally:
            sys.path.remove(out)
    return common_pb2, orchestration_pb2, orchestration_pb2_grpc


common, wire, services = stubs()


def key(path):
    """The key of a file that only its user reads; made at first use."""
    path = Path(path)
    if not path.exists():
        seed = Ed25519PrivateKey.generate().private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(seed.hex() + "\n")
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(path.read_text().strip()))


def public(private):
    return private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def signed_bytes(kind, body):
    """What is signed for a body: its purpose and its length are part of it."""
    return b"AIOSv1 %d %s %d %s" % (len(kind), kind.encode(), len(body), body)


def now_us():
    return time.time_ns() // 1000


def uuid7():
    """A name that sorts by time."""
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return uuid.UUID(int=value).bytes


class Refused(Exception):
    """The node says no."""


class Agent:
    """One agent. `work` is called with what is asked and returns the answer, or raises."""

    def __init__(self, address, name, private, work, say=print, certificates=None):
        self.address, self.name, self.private, self.work, self.say = address, name, private, work, say
        self.certificates = certificates
        self.epoch = now_us()
        self.sequence = {}
        self.received = None
        self.out = None
        self.lock = threading.Lock()

    # Frames.

    def sealed(self, body):
        """Stamps a body, signs its bytes, and puts both in a frame."""
        with self.lock:
            number = max(self.sequence.get(to, 0) for to in body.receivers) + 1
            for to in body.receivers:
                self.sequence[to] = number
        body.sender = self.name
        body.key_id = hashlib.sha256(public(self.private)).digest()[:8]
        body.message_id = uuid7()
        body.epoch, body.sequence, body.timestamp = self.epoch, number, now_us()
        written = body.SerializeToString(deterministic=True)
        return b"AIM\x01" + self.private.sign(signed_bytes(MESSAGE, written)) + written

    def opened(self, signed):
        """What a frame says, if it is its sender's. Raises otherwise."""
        frame = signed.frame
        if frame[:4] != b"AIM\x01" or len(frame) < 68:
            raise ValueError("it is no frame")
        key = Ed25519PublicKey.from_public_bytes(signed.public_key)
        key.verify(frame[4:68], signed_bytes(MESSAGE, frame[68:]))
        body = common.FipaBody.FromString(frame[68:])
        if self.name not in body.receivers:
            raise ValueError("it is for somebody else")
        return body

    def reply(self, asked, act, content):
        """Answers in the conversation that was asked in."""
        body = common.FipaBody(
            performative=act,
            receivers=list(asked.reply_to) or [asked.sender],
            content=content.encode(),
            protocol=asked.protocol,
            conversation_id=asked.conversation_id,
            tenant=asked.tenant,
            qos=asked.qos,
            trace=asked.trace,
        )
        if asked.HasField("ontology"):
            body.ontology = asked.ontology
        if asked.HasField("reply_with"):
            body.in_reply_to = asked.reply_with
        self.put(wire.TaskExecutionMessage(signed=wire.SignedFrame(frame=self.sealed(body))))

    # What is asked.

    def heard(self, asked):
        if asked.performative == common.CFP:
            self.reply(asked, common.PROPOSE, json.dumps({"at_work": 0}))
        elif asked.performative in (common.REQUEST, common.ACCEPT_PROPOSAL):
            threading.Thread(target=self.works, args=(asked,), daemon=True).start()
        elif asked.performative == common.CANCEL:
            self.reply(asked, common.INFORM, "cancelled")

    def works(self, asked):
        """Works on an order of another agent, or a question in plain words."""
        try:
            if asked.ontology == AGENT:
                order = json.loads(asked.content)
                value = self.work(order["operation"], order["input"])
                answer = {
                    "operation": order["operation"],
                    "value": value,
                    "facts": [],
                    "artifacts": [],
                    "turns": 1,
                    "spent": {"calls": 0, "tokens": 0, "money_micros": 0},
                    "agent": self.name,
                }
                self.reply(asked, common.INFORM, json.dumps({"done": answer}))
            else:
                value = self.work("ask-" + asked.conversation_id.hex(), asked.content.decode())
                self.reply(asked, common.INFORM, value if isinstance(value, str) else json.dumps(value))
        except Exception as error:  # whatever it is, whoever asked hears of it
            detail = str(error).replace("\\", "\\\\").replace('"', '\\"')
            self.reply(asked, common.FAILURE, f'(internal-error "{detail}")')

    # The connection.

    def put(self, message):
        out = self.out
        if out is not None:
            out.put(message)

    def hello(self, nonce):
        key_bytes, epoch = public(self.private), self.epoch.to_bytes(8, "big")
        claim = epoch + key_bytes + bytes(8) + self.name.encode()
        proof = nonce + epoch + self.name.encode()
        hello = wire.AgentHello(
            agent=self.name,
            public_key=key_bytes,
            epoch=self.epoch,
            possession=self.private.sign(signed_bytes(CLAIM, claim)),
            proof=self.private.sign(signed_bytes(HELLO, proof)),
            version="python-1",
        )
        if self.received is not None:
            hello.resumes = self.received
        return wire.TaskExecutionMessage(hello=hello)

    def channel(self, options):
        """In the clear to this machine, with certificates to any other: (authority of servers, own certificate, its key), each in PEM form."""
        if self.certificates is None:
            return grpc.insecure_channel(self.address, options=options)
        authority, own, key = self.certificates
        shown = grpc.ssl_channel_credentials(authority, key, own)
        return grpc.secure_channel(self.address, shown, options=options)

    def once(self):
        """One connection, to its end."""
        self.out = out = queue.Queue()
        options = [("grpc.keepalive_time_ms", 20_000), ("grpc.max_receive_message_length", 5 << 20)]
        with self.channel(options) as channel:
            stream = services.OrchestratorServiceStub(channel).ExecuteTask(iter(out.get, None))
            try:
                for said in stream:
                    kind = said.WhichOneof("content")
                    if kind == "challenge":
                        out.put(self.hello(said.challenge.nonce))
                    elif kind == "welcome":
                        if self.received is None:
                            self.received = 0
                        self.say(f"{self.name} is in")
                    elif kind == "signed":
                        self.received = said.signed.number
                        out.put(wire.TaskExecutionMessage(ack=wire.FrameAck(number=self.received)))
                        try:
                            self.heard(self.opened(said.signed))
                        except (InvalidSignature, ValueError) as error:
                            self.say(f"a frame was not what it says: {error!r}")
                    elif kind == "refused":
                        self.say(f"not taken ({said.refused.label}): {said.refused.problem.message}")
                    elif kind == "bye":
                        problem = said.bye.problem
                        raise Refused(f"{problem.kind}: {problem.message}; {problem.what_to_do}")
            finally:
                self.out = None
                out.put(None)

    def run(self):
        """Again and again, until the node says that it is not wanted."""
        while True:
            try:
                self.once()
            except grpc.RpcError as error:
                self.say(f"the connection is lost: {error.code().name}")
            except Refused as refused:
                self.say(str(refused))
                if str(refused).startswith(("forbidden", "unknown", "conflict")):
                    raise
            time.sleep(0.2)
