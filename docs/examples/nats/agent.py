"""An agent of AI OS in a process of its own, over a NATS server.

    pip install nats-py pynacl
    python agent.py key KEYFILE                       makes a key and prints its public half
    aios agent spawn CHARTER --key PUBLIC             tells the node to expect it, and prints the agent's name
    python agent.py run KEYFILE NAME nats://127.0.0.1:4222

It says how many words a text has, proves who asks, and signs what it answers.
"""

import asyncio
import json
import os
import sys

import nats
from nacl.encoding import HexEncoder
from nacl.signing import SigningKey

import aios_messages as aios


class Agent:
    def __init__(self, name, key, answer):
        self.signer, self.answer = aios.Signer(name, key), answer
        self.welcome, self.last, self.heard = None, None, asyncio.Event()

    async def run(self, nc):
        """Comes in, and answers until the node says that it is over or is not heard of for ten seconds."""
        zone = self.signer.party.rsplit("@", 1)[1]
        base = f"aios.control.remote.{zone}"
        told = self.result(await nc.request(f"{base}.hello", b"", timeout=5))
        session = f"{base}.{told['session']}"
        queue = asyncio.Queue(1024)

        async def take(message):
            await queue.put(message)

        await nc.subscribe(f"{session}.out", cb=take)
        await nc.flush()
        epoch = self.signer.epoch
        number = bytes.fromhex(told["nonce"]) + epoch.to_bytes(8, "big") + self.signer.party.encode()
        hello = {
            "agent": self.signer.party,
            "key": self.signer.public.hex(),
            "epoch": epoch,
            "possession": aios.claim(self.signer.key, epoch, self.signer.party).hex(),
            "proof": aios.sign(self.signer.key, aios.HELLO, number).hex(),
            "resumes": self.last,
            "version": "1.0.0",
        }
        said = json.dumps(hello).encode()
        self.welcome = self.result(await nc.request(f"{session}.in", said, timeout=5))
        self.last = self.last or 0
        print(json.dumps({"in": self.welcome["agent"]}), flush=True)
        while True:
            message = await asyncio.wait_for(queue.get(), 10)
            method = (message.headers or {}).get("Aios-Method")
            if method == "ping":
                await message.respond(b"")
            elif method == "frame":
                await self.frame(nc, session, message)
            elif method == "refused":
                print(json.dumps({"refused": json.loads(message.data)}), flush=True)
            elif method == "bye":
                return json.loads(message.data)

    async def frame(self, nc, session, message):
        self.last = int(message.headers["Aios-Number"])
        await self.say(nc, session, "ack", b"", {"Aios-Number": str(self.last)})
        try:
            asked = aios.opened(message.data, bytes.fromhex(message.headers["Aios-Key"]))
        except aios.Refused as refused:
            print(json.dumps({"refused": str(refused)}), flush=True)
            return
        act, content = self.respond(asked)
        if act is not None:
            answer = asked.answer(act, content.encode(), self.signer.party)
            await self.say(nc, session, "frame", self.signer.seal(answer))

    def respond(self, asked):
        """What is answered: to a call for offers an offer, to an order or a question the work."""
        if asked.performative == aios.CFP:
            return aios.PROPOSE, json.dumps({"at_work": 0})
        if asked.performative == aios.CANCEL:
            return aios.INFORM, "cancelled"
        if asked.performative not in (aios.REQUEST, aios.ACCEPT_PROPOSAL):
            return None, ""
        try:
            if asked.ontology != aios.ORDER:
                return aios.INFORM, self.answer(asked.content.decode())
            order = json.loads(asked.content)
            done = {
                "operation": order["operation"],
                "value": self.answer(order["input"]),
                "facts": [],
                "artifacts": [],
                "turns": 1,
                "spent": {"calls": 0, "tokens": 0, "money_micros": 0},
                "agent": self.signer.party,
            }
            return aios.INFORM, json.dumps({"done": done})
        except Exception as error:  # whoever asks hears why
            detail = str(error).replace("\\", "\\\\").replace('"', '\\"')
            return aios.FAILURE, f'(internal-error "{detail}")'

    async def say(self, nc, session, method, payload, headers=None):
        headers = {"Aios-Method": method, **(headers or {})}
        await nc.publish(f"{session}.in", payload, headers=headers)

    @staticmethod
    def result(message):
        said = json.loads(message.data)
        if "error" in said:
            raise SystemExit(said["error"]["message"])
        return said["result"]


def count(text):
    """What this agent is good at."""
    return f"{len(str(text).split())} words"


async def main(arguments):
    match arguments:
        case ["key", file]:
            key = SigningKey.generate()
            handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as out:
                out.write(key.encode(HexEncoder))
            print(bytes(key.verify_key).hex())
        case ["run", file, name, address]:
            with open(file, "rb") as text:
                key = SigningKey(text.read().strip(), encoder=HexEncoder)
            nc = await nats.connect(address, ping_interval=3)
            try:
                print(json.dumps(await Agent(name, key, count).run(nc)), flush=True)
            finally:
                await nc.close()
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
