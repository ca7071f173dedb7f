"""Prints what a node tells on a NATS server, each frame proven.

    pip install nats-py pynacl
    python watch.py nats://127.0.0.1:4222 service:node@local=PUBLIC_KEY [COUNT]

The key is the one that `aios serve --nats` prints.
"""

import asyncio
import json
import sys

import nats

import aios_messages as aios


async def main(address, known, count=None):
    party, public = known.rsplit("=", 1)
    keys = {party: bytes.fromhex(public)}
    nc = await nats.connect(address)
    heard = await nc.subscribe("aios.>")
    await nc.flush()
    print(json.dumps({"listening": address}), flush=True)
    seen = 0
    async for message in heard.messages:
        if message.subject.startswith("aios.control."):
            continue
        try:
            signer = aios.proven(message.subject, message.headers, message.data, keys)
        except aios.Refused as refused:
            print(json.dumps({"subject": message.subject, "refused": str(refused)}), flush=True)
            continue
        told = json.loads(message.data)
        # What was told in a burst comes together, as a batch.
        for one in told if isinstance(told, list) else [told]:
            content = one["params"]["semantic"]["content"]
            line = {"subject": message.subject, "signer": signer, "content": content}
            print(json.dumps(line), flush=True)
            seen += 1
        if count and seen >= int(count):
            break
    await nc.close()


if __name__ == "__main__":
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    asyncio.run(main(*sys.argv[1:]))
