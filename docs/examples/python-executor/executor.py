"""Carries out tasks of a node's goals in Python: it says how many words a text has.

  python executor.py --key agent.key --show-key           the public key, for `aios agent spawn clerk.md --key KEY`
  python executor.py --key agent.key --agent NAME --node 127.0.0.1:4271
  python executor.py --key agent.key --agent NAME --node node.example:8444 --tls ca.pem me.pem me.key
"""

import argparse
import sys
import time
from pathlib import Path

import aios_agent


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--key", required=True, help="the agent's key; made if it is not there")
    options.add_argument("--show-key", action="store_true", help="print the public key and end")
    options.add_argument("--agent", help="the agent's name, as `aios agent spawn` printed it")
    options.add_argument("--node", default="127.0.0.1:4271", help="where `aios serve --grpc` listens")
    options.add_argument("--tls", nargs=3, metavar=("CA", "CERT", "KEY"), help="files in PEM form, for a node on another machine")
    options.add_argument("--seconds", type=float, default=0, help="how long a task takes")
    arguments = options.parse_args()
    key = aios_agent.key(arguments.key)
    if arguments.show_key:
        print(aios_agent.public(key).hex())
        return

    def say(text):
        print(text, flush=True)

    def work(operation, asked):
        say(f"begun {operation}")
        # A task that has effects of its own uses the operation as the key under which it is done once.
        time.sleep(arguments.seconds)
        count = len(asked.split())
        say(f"done {operation}")
        return f"{count} words"

    shown = None
    if arguments.tls:
        shown = tuple(Path(file).read_bytes() for file in arguments.tls)
    try:
        aios_agent.Agent(arguments.node, arguments.agent, key, work, say, shown).run()
    except aios_agent.Refused as refused:
        sys.exit(f"not wanted: {refused}")


if __name__ == "__main__":
    main()
