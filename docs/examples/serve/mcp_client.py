"""The Model Context Protocol's own client before a node: over HTTP at /mcp, and with `aios mcp` as a program that it starts."""

import asyncio
import os
import sys

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import create_mcp_http_client, streamable_http_client

TOKEN = open(os.environ["AIOS_TOKEN_FILE"]).read().strip()


def said(result):
    return "".join(part.text for part in result.content)


async def looks(name, read, write):
    async with ClientSession(read, write) as session:
        await session.initialize()
        tools = {tool.name for tool in (await session.list_tools()).tools}
        print(name, "tools:", {"submit_goal", "goal_status", "explain_goal", "cancel_goal", "tree"} <= tools)
        tree = said(await session.call_tool("tree", {}))
        print(name, "tree:", "macro.planner.001@local" in tree)
        goal = {"goal": "Analyze Q3 sales", "files": [os.environ["DATA"]], "goal_id": f"by-{name}", "wait_s": 60}
        answer = await session.call_tool("submit_goal", goal)
        print(name, "goal:", "approved" in said(answer), answer.structured_content["phase"])
        status = await session.call_tool("goal_status", {"goal_id": f"by-{name}"})
        print(name, "status:", status.structured_content["phase"])
        refused = await session.call_tool("cancel_goal", {"goal_id": "none-such"})
        print(name, "refused:", refused.is_error, "no goal" in said(refused))


async def main():
    http = create_mcp_http_client(headers={"Authorization": "Bearer " + TOKEN})
    async with http, streamable_http_client(os.environ["AIOS_NODE"] + "/mcp", http_client=http) as streams:
        await looks("http", streams[0], streams[1])
    program = StdioServerParameters(command=sys.argv[1], args=["mcp"] + sys.argv[2:], env=dict(os.environ))
    async with stdio_client(program) as streams:
        await looks("stdio", streams[0], streams[1])


asyncio.run(main())
