"""Signed FIPA messages of AI OS in Python: made, read and proven. Needs PyNaCl alone.

The form is that of docs/formats/message.md. Nothing here knows how a message travels.
"""

import hashlib
import os
import struct
import time
import uuid
from dataclasses import dataclass, field

from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

MESSAGE = "application/vnd.aios.fipa-acl"
CLAIM = "application/vnd.aios.key-claim"
HELLO = "application/vnd.aios.agent-hello"
DATA = "application/vnd.aios.data-bus"

REQUEST, INFORM, PROPOSE, ACCEPT_PROPOSAL, CANCEL, FAILURE, CFP = 1, 2, 3, 4, 8, 9, 14
ORDER = "aios.agent"  # the ontology of orders


class Refused(Exception):
    """A frame that is not what it says."""


def micros():
    return time.time_ns() // 1000


def pae(purpose, body):
    """What is signed for a body."""
    kind = purpose.encode()
    return b"AIOSv1 %d %s %d " % (len(kind), kind, len(body)) + body


def sign(key, purpose, body):
    return key.sign(pae(purpose, body)).signature


def key_id(public):
    return hashlib.sha256(public).digest()[:8]


def claim(key, epoch, party):
    """The proof that whoever brings a key holds its secret half."""
    statement = struct.pack(">Q", epoch) + bytes(key.verify_key) + bytes(8) + party.encode()
    return sign(key, CLAIM, statement)


def varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def number(tag, value):
    return varint(tag << 3) + varint(value) if value else b""


def octets(tag, value):
    return varint(tag << 3 | 2) + varint(len(value)) + value


def text(tag, value):
    return octets(tag, value.encode()) if value else b""


def fields(body):
    """Number, value of each field of a body, in order."""
    at = 0

    def read():
        nonlocal at
        value = shift = 0
        while True:
            if at >= len(body) or shift > 63:
                raise Refused("the body is cut short")
            byte = body[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(body):
        tag = read()
        if tag & 7 == 0:
            yield tag >> 3, read()
        elif tag & 7 == 2:
            length = read()
            if at + length > len(body):
                raise Refused("the body is cut short")
            yield tag >> 3, body[at : at + length]
            at += length
        else:
            raise Refused("a field of a kind that no body has")


@dataclass
class Message:
    sender: str
    performative: int
    receivers: list
    content: bytes
    tenant: str
    ontology: str = ""
    language: str = ""
    protocol: int = 0
    conversation: bytes = b""
    reply_with: str = ""
    in_reply_to: str = ""
    reply_to: list = field(default_factory=list)
    trace: bytes = b""
    qos: int = 2

    def answer(self, act, content, me, language=""):
        """The answer to this message: the same conversation, protocol, tenant, urgency and trace."""
        return Message(
            sender=me,
            performative=act,
            receivers=self.reply_to or [self.sender],
            content=content,
            tenant=self.tenant,
            ontology=self.ontology,
            language=language,
            protocol=self.protocol,
            conversation=self.conversation,
            in_reply_to=self.reply_with,
            trace=self.trace,
            qos=self.qos,
        )


def opened(frame, public):
    """Proves who wrote a frame and reads it."""
    if len(frame) < 68 or frame[:4] != b"AIM\x01":
        raise Refused("this is no frame")
    body = frame[68:]
    try:
        VerifyKey(public).verify(pae(MESSAGE, body), frame[4:68])
    except BadSignatureError as error:
        raise Refused("the signature does not hold") from error
    got, receivers, reply_to = {}, [], []
    for tag, value in fields(body):
        if tag == 4:
            receivers.append(value.decode())
        elif tag == 5:
            reply_to.append(value.decode())
        else:
            got[tag] = value
    words = lambda tag: got.get(tag, b"").decode()
    if got.get(2) != key_id(public):
        raise Refused("it names another key")
    return Message(
        sender=words(1),
        performative=got.get(3, 0),
        receivers=receivers,
        reply_to=reply_to,
        content=got.get(6, b""),
        language=words(7),
        ontology=words(9),
        protocol=got.get(10, 0),
        conversation=got.get(11, b""),
        reply_with=words(12),
        in_reply_to=words(13),
        tenant=words(16),
        qos=got.get(19, 2),
        trace=got.get(21, b""),
    )


class Signer:
    """Signs in one party's name. Its epoch is when it began."""

    def __init__(self, party, key=None):
        self.party, self.key = party, key or SigningKey.generate()
        self.epoch, self.sequence = micros(), 0

    @property
    def public(self):
        return bytes(self.key.verify_key)

    def seal(self, message):
        self.sequence += 1
        now = micros()
        name = bytearray((now // 1000).to_bytes(6, "big") + os.urandom(10))
        name[6], name[8] = name[6] & 0x0F | 0x70, name[8] & 0x3F | 0x80
        body = text(1, self.party) + octets(2, key_id(self.public))
        body += number(3, message.performative)
        body += b"".join(text(4, to) for to in sorted(message.receivers))
        body += b"".join(text(5, to) for to in sorted(message.reply_to))
        body += octets(6, message.content) if message.content else b""
        body += text(7, message.language) + text(9, message.ontology)
        body += number(10, message.protocol)
        body += octets(11, message.conversation or uuid.uuid4().bytes)
        body += text(12, message.reply_with) + text(13, message.in_reply_to)
        body += octets(15, bytes(name)) + text(16, message.tenant)
        body += number(17, self.epoch) + number(18, self.sequence)
        body += number(19, message.qos) + number(20, now)
        body += octets(21, message.trace) if message.trace else b""
        return b"AIM\x01" + sign(self.key, MESSAGE, body) + body


def proven(subject, headers, payload, keys):
    """Proves who published a frame of the data bus; `keys` has public keys by party. See docs/formats/data-bus.md."""
    headers = headers or {}
    signer = headers.get("Aios-Signer", "")
    public = keys.get(signer)
    if public is None:
        raise Refused(f"{signer or 'nobody'} is not known")
    lines = [
        subject,
        signer,
        headers.get("Aios-Tenant", ""),
        headers.get("Nats-Msg-Id", ""),
        headers.get("Aios-Time", ""),
        headers.get("traceparent", ""),
    ]
    signed = "".join(line + "\n" for line in lines).encode() + payload
    try:
        signature = bytes.fromhex(headers.get("Aios-Signature", ""))
        VerifyKey(public).verify(pae(DATA, signed), signature)
    except (BadSignatureError, ValueError, TypeError) as error:
        raise Refused("the signature does not hold") from error
    return signer
