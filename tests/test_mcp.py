"""`--mcp`: the endpoints as tools, asked by the protocol's own client."""

import json
import os
import subprocess

import pytest

from tests.extra_python import ROOT, python_with

pytestmark = pytest.mark.sweep

CLIENT = """
import asyncio, json, sys
from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client

async def ask(address):
    async with (
        streamablehttp_client(address) as (reading, writing, _),
        ClientSession(reading, writing) as client,
    ):
        await client.initialize()
        tools = (await client.list_tools()).tools
        answer = await client.call_tool("classify", {"task": "news", "text": "අපනයන වැඩි වෙයි"})
        refused = await client.call_tool("classify", {"task": "news", "text": " "})
        print(json.dumps({
            "tools": {tool.name: [tool.description, tool.inputSchema] for tool in tools},
            "answer": [answer.isError, answer.content[0].text],
            "refused": [refused.isError, refused.content[0].text],
        }))

asyncio.run(ask(sys.argv[1]))
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """A Python that has requirements-mcp.txt over what is installed."""
    return python_with("requirements-mcp.txt", tmp_path_factory.mktemp("python"))


@pytest.fixture(scope="module")
def said(python, tiny_checkpoints):
    """What the server says to a client that lists the tools and calls two."""
    command = [python, "app.py", "--checkpoints", str(tiny_checkpoints), "--mcp"]
    environment = os.environ | {"PYTHONUTF8": "1"}
    server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        lines = iter(server.stdout.readline, "")
        address = next(line.split()[-1] for line in lines if "Streamable HTTP URL" in line)
        asked = [python, "-c", CLIENT, address]
        done = subprocess.run(asked, env=environment, capture_output=True, text=True, timeout=120)
    finally:
        server.terminate()
        server.communicate(timeout=120)
    assert not done.returncode, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_the_tools_are_the_endpoints_with_their_arguments(said):
    assert set(said["tools"]) >= {"classify", "classify_many", "compare", "layers"}
    for description, schema in said["tools"].values():
        assert description
        assert all(
            {"type", "anyOf", "oneOf"} & set(argument) for argument in schema["properties"].values()
        ), json.dumps(schema)
    _, schema = said["tools"]["classify"]
    assert schema["required"] == ["task", "text"]
    assert all(argument["description"] for argument in schema["properties"].values())


def test_a_tool_answers_with_numbers(said):
    failed, text = said["answer"]
    assert not failed
    assert "'label': " in text
    assert "'layer_weights': [[" in text


def test_what_is_refused_comes_back_as_a_sentence(said):
    failed, text = said["refused"]
    assert failed
    assert text == "There is no text to read. Type or paste a sentence in any language."
