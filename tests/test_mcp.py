"""The MCP server, asked by the official client, in process and over standard input and output."""

from __future__ import annotations

import sys
from pathlib import Path

import anyio
import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from logcorr.mcp.server import server

CASES = Path(__file__).parent / "fixtures" / "cases"


def talk(conversation, target):
    async def main():
        async with Client(target) as client:
            return await conversation(client)

    return anyio.run(main)


async def ask(client, tool, **arguments):
    answer = await client.call_tool(tool, arguments)
    assert not answer.is_error, answer.content
    return answer.structured_content


@pytest.fixture
def ticketq():
    return server([CASES])


def test_the_tools_say_that_they_only_read(ticketq):
    listed = talk(lambda client: client.list_tools(), ticketq).tools
    assert [tool.name for tool in listed] == ["analyze", "timeline_query", "explain_finding", "get_evidence", "rules"]
    assert all(tool.annotations.read_only_hint and tool.output_schema for tool in listed)


def test_from_the_summary_to_the_lines(ticketq):
    async def conversation(client):
        summary = await ask(client, "analyze", path="ticketq/input", limit=5)
        cause = summary["causes"][0]
        told = await ask(client, "explain_finding", analysis=summary["analysis"], id=cause["id"])
        lines = await ask(client, "get_evidence", analysis=summary["analysis"], places=["scripts/health-check.sh:7"], context=1)
        return summary, cause, told, lines

    summary, cause, told, lines = talk(conversation, ticketq)
    assert (summary["verdict"], cause["at"]["path"], cause["at"]["line"]) == ("root-cause", "scripts/health-check.sh", 7)
    assert len(summary["findings"]) == 5
    assert summary["left_out"] > 0
    assert told["told"]["chain"]
    assert lines["excerpts"][0]["line"] == 6
    assert lines["excerpts"][0]["lines"][1] == 'HEALTH_URL="http://localhost/health"'


def test_the_timeline_comes_in_pages_and_redacted(ticketq):
    async def conversation(client):
        name = (await ask(client, "analyze", path="ticketq/input"))["analysis"]
        refused = {"analysis": name, "kind": "upstream.refused", "limit": 2}
        first = await ask(client, "timeline_query", **refused)
        second = await ask(client, "timeline_query", analysis=name, limit=2, cursor=first["cursor"])
        client_name = first["events"][0]["client"]
        return first, second, await ask(client, "timeline_query", analysis=name, kind="upstream.refused", contains=client_name)

    first, second, same = talk(conversation, ticketq)
    assert [event["line"] for event in (*first["events"], *second["events"])] == [5, 6, 7, 8]
    assert first["events"][0]["client"].startswith("<IP-")
    assert {event["client"] for event in same["events"]} == {first["events"][0]["client"]}


def test_the_timeline_keeps_to_the_window_of_its_analysis(ticketq):
    async def conversation(client):
        name = (await ask(client, "analyze", path="ticketq/input", since="2026-11-18T06:30:00Z", until="2026-11-18T06:31:00Z"))[
            "analysis"
        ]
        return (await ask(client, "timeline_query", analysis=name, limit=200))["events"]

    times = [event["time"] for event in talk(conversation, ticketq)]
    assert "2026-11-18T06:30:00Z" <= min(times) <= max(times) <= "2026-11-18T06:31:00Z"


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        ("analyze", {"path": "../.."}, "outside of the roots"),
        ("analyze", {"path": "/etc"}, "outside of the roots"),
        ("analyze", {"path": "ticketq/input", "since": "yesterday"}, "write it as 2025-10-16T09:55:00Z"),
        ("explain_finding", {"analysis": "A9", "id": "C1"}, "call analyze first"),
        ("rules", {"code": "XYZ"}, "no such rule"),
        ("timeline_query", {"analysis": "A1", "limit": 10_000}, "limit"),
        ("timeline_query", {"analysis": "A1", "cursor": "e50"}, "give the one that the last page came with"),
        ("timeline_query", {"analysis": "A1", "cursor": "e30="}, "give the one that the last page came with"),
    ],
)
def test_mistakes_are_told_in_words(ticketq, tool, arguments, said):
    answer = talk(lambda client: client.call_tool(tool, arguments), ticketq)
    assert answer.is_error
    assert said in answer.content[0].text


def test_mistakes_do_not_tell_what_a_pseudonym_stands_for(tmp_path):
    (tmp_path / "198.51.100.7.log").write_text("2026-01-31 12:00:00 [error] 198.51.100.7 gone\n")

    async def conversation(client):
        name = (await ask(client, "analyze", path="."))["analysis"]
        event = (await ask(client, "timeline_query", analysis=name))["events"][0]
        return await client.call_tool("get_evidence", {"analysis": name, "places": [f"{event['path']}:9"]})

    answer = talk(conversation, server([tmp_path]))
    assert answer.is_error
    assert "<IP-1>" in answer.content[0].text
    assert "198.51" not in answer.content[0].text


def test_a_link_out_of_the_root_is_not_followed(tmp_path):
    (tmp_path / "root").mkdir()
    (tmp_path / "root/link").symlink_to(CASES / "ticketq")
    answer = talk(lambda client: client.call_tool("analyze", {"path": "link"}), server([tmp_path / "root"]))
    assert answer.is_error


def test_over_standard_input_and_output():
    command = StdioServerParameters(command=sys.executable, args=["-m", "logcorr", "mcp", "--root", str(CASES)])
    page = talk(lambda client: ask(client, "rules", code="SH006"), stdio_client(command))
    assert page["page"].startswith("# ")
