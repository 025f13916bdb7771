"""Files become artifacts: nothing is lost, nothing is followed outside, every reason is given."""

import bz2
import gzip
import hashlib
import io
import lzma
import os
import random
import tarfile
import zipfile
from pathlib import Path

import polars as pl
import pytest

from logcorr.collect import collect, quotes
from logcorr.collect.content import zstd
from logcorr.errors import LogcorrError
from logcorr.model.source import Span


def write(root, path, data):
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data if isinstance(data, bytes) else data.encode())
    return file


def texts(artifact):
    return artifact.lines.collect().rows()


def only(root):
    collection = collect([root], {})
    (artifact,) = collection.artifacts
    return artifact


def test_the_walk_is_sorted_and_what_is_skipped_is_listed(tmp_path):
    write(tmp_path, "b.log", "x\n")
    write(tmp_path, "a/z.log", "x\n")
    write(tmp_path, ".github/workflows/ci.yml", "x\n")
    write(tmp_path, ".git/config", "x\n")
    write(tmp_path, "node_modules/x/index.js", "x\n")
    write(tmp_path, "empty.log", "")
    write(tmp_path, "image.bin", bytes(range(256)) * 8)
    collection = collect([tmp_path], {})
    assert [artifact.path for artifact in collection.artifacts] == [".github/workflows/ci.yml", "a/z.log", "b.log"]
    assert [(problem.path, problem.message) for problem in collection.skipped] == [
        (".git/", "skipped: version control"),
        ("empty.log", "skipped: empty"),
        ("image.bin", "skipped: binary"),
        ("node_modules/", "skipped: dependencies"),
    ]


def test_links_out_of_the_folder_and_pipes_are_not_read(tmp_path):
    outside = write(tmp_path, "outside/secret", "x\n")
    write(tmp_path, "root/real.log", "x\n")
    (tmp_path / "root/inside.log").symlink_to("real.log")
    (tmp_path / "root/outside.log").symlink_to(outside)
    (tmp_path / "root/folder").symlink_to(tmp_path / "outside")
    (tmp_path / "root/loop").symlink_to(tmp_path / "root")
    (tmp_path / "root/dangling").symlink_to("nothing")
    os.mkfifo(tmp_path / "root/pipe")
    collection = collect([tmp_path / "root"], {})
    assert [artifact.path for artifact in collection.artifacts] == ["inside.log", "real.log"]
    assert {problem.path: problem.message for problem in collection.skipped} == {
        "dangling": "not read: No such file or directory",
        "folder": "skipped: a link that leads out of the folder",
        "loop": "skipped: a link to a folder",
        "outside.log": "skipped: a link that leads out of the folder",
        "pipe": "skipped: not a regular file",
    }


def test_several_roots_are_told_apart(tmp_path):
    write(tmp_path, "one/logs/a.log", "x\n")
    write(tmp_path, "two/logs/a.log", "x\n")
    single = write(tmp_path, "b.log", "x\n")
    collection = collect([tmp_path / "one/logs", tmp_path / "two/logs", single], {})
    assert [artifact.path for artifact in collection.artifacts] == ["logs/a.log", "logs~2/a.log", "b.log"]
    assert [artifact.path for artifact in collect([single], {}).artifacts] == ["b.log"]


def test_a_path_that_does_not_exist_is_an_error(tmp_path):
    with pytest.raises(LogcorrError, match="no such file or folder"):
        collect([tmp_path / "nothing"], {})


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress, zstd.compress])
def test_compressed_files_are_read_whatever_their_name(tmp_path, compress):
    data = compress(b"one\r\ntwo\n\nlast")
    write(tmp_path, "app.log", data)
    artifact = only(tmp_path)
    assert texts(artifact) == [(1, "one"), (2, "two"), (3, ""), (4, "last")]
    assert (artifact.size, artifact.line_count) == (len(data), 4)
    assert artifact.sha256 == hashlib.sha256(data).hexdigest()
    assert (
        quotes([artifact], [Span("app.log", 1, 2)])[Span("app.log", 1, 2)].sha256 == hashlib.sha256(b"one\r\ntwo\n").hexdigest()
    )


def test_a_truncated_gzip_file_is_read_as_far_as_it_goes(tmp_path):
    whole = b"".join(b"%06d %s\n" % (number, hashlib.sha256(b"%d" % number).hexdigest().encode()) for number in range(4000))
    write(tmp_path, "app.log.gz", gzip.compress(whole)[:-2000])
    artifact = only(tmp_path)
    frame = artifact.lines.collect()
    assert 3000 < frame.height == artifact.line_count < 4000
    assert frame["text"][0].startswith("000000 ")
    assert "damaged" in artifact.problems[0].message


@pytest.mark.parametrize(
    ("data", "expected", "encoding"),
    [
        (b"a\r\nb\r\n", ["a", "b"], "utf-8"),
        (b"\xef\xbb\xbfa\nb", ["a", "b"], "utf-8-sig"),
        ("é\r\nb\n".encode("utf-16"), ["é", "b"], "utf-16-le"),
        ("é\nb".encode("utf-16-be"), ["é", "b"], "utf-16-be"),
        (b"a\n\xff\xfeb\xe9\nc\n", ["a", "\\xff\\xfeb\\xe9", "c"], "utf-8"),
        (b"\0\0\0\0a\nb\n", ["a", "b"], "utf-8"),
        (b"\x1b[32minfo\x1b[39m: \x1b]0;title\x07ok\n", ["info: ok"], "utf-8"),
        ("早安\n".encode(), ["早安"], "utf-8"),
        (b"one\rtwo\n", ["one\rtwo"], "utf-8"),
        ("æ—¥èªŒ: cafÃ© âœ…\nplain\n".encode(), ["日誌: café ✅", "plain"], "utf-8"),
        ("CAFÉ…\nMÃO\nà «â€”»\næ—¥ 早\næ—\n".encode(), ["CAFÉ…", "MÃO", "à «â€”»", "æ—¥ 早", "æ—"], "utf-8"),
    ],
)
def test_bytes_become_text(tmp_path, data, expected, encoding):
    write(tmp_path, "app.log", data)
    artifact = only(tmp_path)
    assert [text for _, text in texts(artifact)] == expected
    assert list(artifact.sample.lines) == expected
    assert (artifact.encoding, artifact.line_count) == (encoding, len(expected))


def test_lines_that_are_not_utf8_are_counted(tmp_path):
    write(tmp_path, "app.log", b"good\nbad \xff\ngood\nbad \xe9\n")
    (problem,) = only(tmp_path).problems
    assert (problem.line, problem.message[:7]) == (2, "2 lines")


def test_five_megabytes_on_one_line(tmp_path):
    write(tmp_path, "app.log", b"a\n" + b"x" * 5_000_000 + b"\nb\n")
    artifact = only(tmp_path)
    assert artifact.lines.collect()["text"].str.len_bytes().to_list() == [1, 5_000_000, 1]
    assert len(artifact.sample.lines) == 1  # the rest of the head is one unfinished line


def test_the_surest_recogniser_gets_the_file_and_doubt_keeps_it_listed(tmp_path):
    write(tmp_path, "app.log", "x\n")

    def formats(**claims):
        recognisers = {name: lambda sample, claim=claim: claim for name, claim in claims.items()}
        return collect([tmp_path], recognisers).artifacts[0].format

    assert formats(a=0.5, b=0.9) == "b"
    assert formats(b=0.9, a=0.9) == "a"
    assert formats(a=0.05) is None


def test_dockers_json_file_is_peeled(tmp_path):
    lines = [
        r'{"log":"15:12:19 \u001b[32minfo\u001b[39m said \"hi\" \\ bye\n","stream":"stdout","time":"2026-11-03T15:12:19.71Z"}',
        r'{"log":"plain\n","stream":"stderr","time":"2026-11-03T15:12:20Z"}',
        r'{"log":"pair \ud83d\ude00\n","stream":"stderr","time":"2026-11-03T15:12:20Z"}',
    ]
    write(tmp_path, "x-json.log", "\n".join(lines * 5 + ['{"log":"cut sho', ""]))
    artifact = only(tmp_path)
    frame = artifact.lines.collect()
    assert artifact.envelopes == ("docker-json", "ansi")
    assert frame["text"][0] == r'15:12:19 info said "hi" \ bye'
    assert frame["text"][1] == "plain"
    assert frame["text"][2] == r"pair \ud83d\ude00"
    assert frame["text"][15] == '{"log":"cut sho'
    assert str(frame["logged_at"][0]) == "2026-11-03 15:12:19.710000+00:00"
    assert frame["logged_at"][15] is None
    assert artifact.sample.lines[0] == frame["text"][0]


def test_quotes_are_the_raw_lines(tmp_path):
    raw = b"one\r\n\x1b[31mtwo\x1b[0m\nthree \xff\nfour"
    write(tmp_path, "a.log", raw)
    artifact = only(tmp_path)
    spans = [Span("a.log", 2), Span("a.log", 1, 3), Span("a.log", 4), Span("a.log", 9), Span("other", 1)]
    found = quotes([artifact], spans)
    assert {span: quote.text for span, quote in found.items()} == {
        spans[0]: "\x1b[31mtwo\x1b[0m",
        spans[1]: "one\n\x1b[31mtwo\x1b[0m\nthree \\xff",
        spans[2]: "four",
    }
    assert found[spans[1]].sha256 == hashlib.sha256(raw[: raw.index(b"four")]).hexdigest()


def test_quotes_of_utf16(tmp_path):
    write(tmp_path, "a.log", "one\r\ntwo\n".encode("utf-16"))
    artifact = only(tmp_path)
    found = quotes([artifact], [Span("a.log", 1), Span("a.log", 2)])
    assert [quote.text for quote in found.values()] == ["one", "two"]
    assert found[Span("a.log", 2)].sha256 == hashlib.sha256("two\n".encode("utf-16-le")).hexdigest()


def test_writers_that_take_turns_become_artifacts_of_their_own(tmp_path):
    text = (
        "nginx-1    | 2026/11/03 10:00:00 [error] 7#7: *1 x\n"
        "backend-1  | 2026-11-03 10:00:01 [info]: one\n"
        'nginx-1    | 192.0.2.1 - - [03/Nov/2026:10:00:01 +0000] "GET / HTTP/1.1" 200 1 "-" "-"\n'
        "backend-1  |     at stack\n"
        "backend-1  | 2026-11-03 10:00:02 [info]: two\n"
    )
    write(tmp_path, "compose.log", text)
    artifacts = collect([tmp_path], {}).artifacts
    assert [(artifact.service, artifact.envelopes, artifact.line_count) for artifact in artifacts] == [
        ("backend", ("compose",), 3),
        ("nginx", ("compose", "nginx-streams"), 1),
        ("nginx", ("compose", "nginx-streams"), 1),
    ]
    assert texts(artifacts[0]) == [
        (2, "2026-11-03 10:00:01 [info]: one"),
        (4, "    at stack"),
        (5, "2026-11-03 10:00:02 [info]: two"),
    ]
    assert artifacts[1].sample.lines[0].startswith("192.0.2.1")
    assert artifacts[2].sample.lines[0].startswith("2026/11/03")


@pytest.mark.parametrize(
    ("line", "worn", "inner", "logged_at"),
    [
        ("2026-11-03T10:00:00.123456789Z hello", ("docker-times",), "hello", "2026-11-03 10:00:00.123456+00:00"),
        ("2026-11-03T10:00:00.5+01:00 stderr F hello", ("cri",), "hello", "2026-11-03 09:00:00.500000+00:00"),
        ("web-1 | 2026-11-03T10:00:00.123456789Z hi", ("compose", "docker-times"), "hi", "2026-11-03 10:00:00.123456+00:00"),
        ("web-1 | 2026-11-03T10:00:00.123Z hi", ("compose",), "2026-11-03T10:00:00.123Z hi", None),
        (
            "2026-11-03T10:00:00.5Z 2026-11-03 10:00:00 hi",
            ("docker-times",),
            "2026-11-03 10:00:00 hi",
            "2026-11-03 10:00:00.500000+00:00",
        ),
        ("2026-11-03T10:00:00.123Z  INFO 1 --- [main] x", (), "2026-11-03T10:00:00.123Z  INFO 1 --- [main] x", None),
        ("2026-11-03T10:00:00: [10:00:00] info: x", ("pm2-times",), "2026-11-03T10:00:00 info: x", None),
        ("2026-11-03T10:00:00: 2026-11-03 10:00:00 [info]: x", ("pm2-times",), "2026-11-03 10:00:00 [info]: x", None),
        ("2026-11-03T10:00:00: Error: x", ("pm2-times",), "2026-11-03T10:00:00 Error: x", None),
        ("2026-11-03T10:00:00:     at x", ("pm2-times",), "    at x", None),
        ("2026-11-03 10:00:00:552 info: x", (), "2026-11-03 10:00:00:552 info: x", None),
        ("2026-11-03 10:00:00,552::INFO::x", (), "2026-11-03 10:00:00,552::INFO::x", None),
        ("2026-11-03T10:00:00: PM2 log: x", (), "2026-11-03T10:00:00: PM2 log: x", None),
        (
            "2026-11-03T10:00:00.123456789Z container die 3856c (exitCode=1)",
            (),
            "2026-11-03T10:00:00.123456789Z container die 3856c (exitCode=1)",
            None,
        ),
        ("web.1.u8k2l1m4x9d0q7w3e5r6t8y2z@node-1    | hello", ("compose",), "hello", None),
        (
            "Nov  3 10:00:00 web-1 nginx[7]: 2026/11/03 10:00:00 [error] 7#7: x",
            ("syslog",),
            "2026/11/03 10:00:00 [error] 7#7: x",
            None,
        ),
        (
            "Nov  3 10:00:00 web-1 sshd[7]: Server listening on :: port 22.",
            (),
            "Nov  3 10:00:00 web-1 sshd[7]: Server listening on :: port 22.",
            None,
        ),
        ("0|api  | 2026-11-03 info", ("pm2",), "2026-11-03 info", None),
        ("2026-01-31 12:00:00 | ERROR | x", (), "2026-01-31 12:00:00 | ERROR | x", None),
        ("2026-11-03T10:00:00.123Z hello", (), "2026-11-03T10:00:00.123Z hello", None),
    ],
)
def test_envelopes_are_peeled(tmp_path, line, worn, inner, logged_at):
    write(tmp_path, "x.log", line + "\n")
    artifact = only(tmp_path)
    frame = artifact.lines.collect()
    assert (artifact.envelopes, frame["text"].to_list(), list(artifact.sample.lines)) == (worn, [inner], [inner])
    assert (str(frame["logged_at"][0]) if logged_at else None) == logged_at


def test_stamps_of_compose_are_known_by_the_second_ones_behind_them(tmp_path):
    text = (
        "jobs-1  | 2026-11-03T10:00:00.120Z 2026-11-03 10:00:00,119 INFO jobs: took 7\n"
        'api-1   | 2026-11-03T10:00:00.250Z INFO:     192.0.2.1:58282 - "POST /notes HTTP/1.1" 202 Accepted\n'
        "jobs-1  | 2026-11-03T10:00:00.300Z KeyError: 'title'\n"
        "jobs-1 exited with code 1\n"
    )
    write(tmp_path, "compose.log", text)
    api, jobs = (
        (artifact.service, artifact.lines.select("line", "text", pl.col("logged_at").dt.strftime("%S%.3f")).collect().rows())
        for artifact in collect([tmp_path], {}).artifacts
    )
    assert api == ("api", [(2, 'INFO:     192.0.2.1:58282 - "POST /notes HTTP/1.1" 202 Accepted', "00.250")])
    told = [(1, "2026-11-03 10:00:00,119 INFO jobs: took 7", "00.120"), (3, "KeyError: 'title'", "00.300")]
    assert jobs == ("jobs", [*told, (4, "exited with code 1", None)])


def test_an_application_tells_of_itself_among_its_servers_requests(tmp_path):
    asked = '172.19.0.1 - - [03/Nov/2026:10:00:0{} +0000] "GET /notes HTTP/1.1" {} 91 "-" "-"'
    inner = [asked.format(0, 200), asked.format(1, 200), "[ERROR] notes: no such table: note", asked.format(1, 500)]
    text = "".join(f"web-1  | 2026-11-03T10:00:0{number}.123456789Z {line}\n" for number, line in enumerate(inner))
    write(tmp_path, "compose.log", text)
    requests, told = collect([tmp_path], {}).artifacts
    assert (requests.service, requests.line_count, told.service) == ("web", 3, "web")
    assert told.lines.select("line", "text").collect().rows() == [(3, "[ERROR] notes: no such table: note")]
    write(tmp_path, "compose.log", "".join(f"{line}\n" for line in inner))
    assert only(tmp_path).line_count == 4


def test_compose_says_who_exited_and_how(tmp_path):
    text = "Attaching to api-1, web-1\napi-1  | ready\nweb-1  | up\napi-1 exited with code 137\n"
    write(tmp_path, "compose.log", text)
    _, api, web = collect([tmp_path], {}).artifacts  # the first has what stands before any name
    assert (api.service, texts(api)) == ("api", [(2, "ready"), (4, "exited with code 137")])
    assert (web.service, texts(web)) == ("web", [(3, "up")])


def test_syslog_is_taken_off_the_programs_that_stamp_their_lines(tmp_path):
    text = (
        "Nov  3 10:00:00 web-1 systemd[1]: Started shop-api.service.\n"
        "Nov  3 10:00:01 web-1 node[40]: 2026-11-03 10:00:01 [info]: one\n"
        "Nov  3 10:00:02 web-1 node[40]: 2026-11-03 10:00:02 [error]: two\n"
        "Nov  3 10:00:02 web-1 node[40]:     at stack\n"
    )
    write(tmp_path, "journal.log", text)
    rest, node = collect([tmp_path], {}).artifacts
    assert texts(rest) == [(1, "Nov  3 10:00:00 web-1 systemd[1]: Started shop-api.service.")]
    assert texts(node) == [
        (2, "2026-11-03 10:00:01 [info]: one"),
        (3, "2026-11-03 10:00:02 [error]: two"),
        (4, "    at stack"),
    ]
    assert (node.envelopes, node.service) == (("syslog",), "shop-api")


def test_lines_of_an_interpreter_are_those_of_the_unit_that_began_or_ended_it(tmp_path):
    said = "2026-11-03T10:00:0{second}+01:00 web-1 {who}: {text}\n"
    told = [
        (1, "systemd[1]", "Started shop.service - Shop."),
        (2, "node[40]", '{"time":"2026-11-03T09:00:02.500Z","msg":"shop one"}'),
        (3, "systemd[1]", "Started mail.service - Mail."),
        (4, "node[51]", '{"time":"2026-11-03T09:00:04.500Z","msg":"mail one"}'),
        (5, "node[40]", '{"time":"2026-11-03T09:00:05.500Z","msg":"shop two"}'),
        (6, "node[40]", "    at stack"),
        (7, "systemd[1]", "shop.service: Main process exited, code=exited, status=1/FAILURE"),
    ]
    write(tmp_path, "journal.log", "".join(said.format(second=second, who=who, text=text) for second, who, text in told))
    rest, mail, shop = collect([tmp_path], {}).artifacts
    assert (rest.service, mail.service, shop.service) == (None, "mail", "shop")
    assert "logged_at" not in rest.lines.collect_schema()
    stamps = shop.lines.select("line", "logged_at").collect().rows()
    assert [(line, at.isoformat()) for line, at in stamps] == [
        (2, "2026-11-03T09:00:02+00:00"),
        (5, "2026-11-03T09:00:05+00:00"),
        (6, "2026-11-03T09:00:06+00:00"),
    ]


def test_logs_pasted_into_markdown_are_read_where_they_stand(tmp_path):
    text = "# What happened\n\n```\nnginx one\n```\nthen\n\n1. this:\n\n   ```log\n   api one\n     api more\n   ```\n"
    write(tmp_path, "incident.md", text)
    prose, first, second = collect([tmp_path], {}).artifacts
    assert [number for number, _ in texts(prose)] == [1, 2, 3, 5, 6, 7, 8, 9, 10, 13]
    assert (texts(first), texts(second)) == ([(4, "nginx one")], [(11, "api one"), (12, "  api more")])
    assert (first.envelopes, first.service, first.path) == (("markdown",), None, "incident.md")


SESSION = """# 5 May, on mill
ops@mill:~$ date; uptime
Tue May  5 10:00:00 UTC 2026
ops@mill:~$ sudo docker ps
CONTAINER ID   IMAGE     COMMAND   CREATED       STATUS        PORTS   NAMES
3f2a9c1d77e0   press:3   "node"    2 days ago    Up 2 days             mill-press-1
ops@mill:~$ crontab -l
*/5 * * * * /opt/press/look.sh
ops@mill:~$ tail -1 /var/log/press.log
2026-05-05 09:59:58 INFO sheet done
"""


def test_what_commands_show_in_a_session_is_read_where_it_stands(tmp_path):
    write(tmp_path, "host.txt", SESSION)
    rest, dated, containers, table = collect([tmp_path], {}).artifacts
    assert [number for number, _ in texts(rest)] == [1, 2, 4, 7, 9, 10]
    assert texts(dated) == [(3, "Tue May  5 10:00:00 UTC 2026")]
    assert [number for number, _ in texts(containers)] == [5, 6]
    assert (texts(table), table.envelopes, table.service) == ([(8, "*/5 * * * * /opt/press/look.sh")], ("transcript",), None)
    assert table.text() == "\n" * 7 + "*/5 * * * * /opt/press/look.sh"


@pytest.mark.parametrize("command", ["date -u; docker ps", "date --utc", "TZ=Asia/Tokyo date", "date +%c -u && docker ps"])
def test_a_date_of_another_zone_tells_nothing_of_the_host(tmp_path, command):
    write(tmp_path, "host.txt", SESSION.replace("date; uptime", command))
    rest, *shown = collect([tmp_path], {}).artifacts
    assert 3 in dict(texts(rest))
    assert all(texts(one) != [(3, "Tue May  5 10:00:00 UTC 2026")] for one in shown)


@pytest.mark.parametrize(
    "text",
    [
        "$ journalctl -u press\nMay  5 10:00:00 mill press[1]: sheet done\n$ date\nTue May  5 10:00:00 UTC 2026\n",
        "$ docker ps\nCONTAINER ID   IMAGE\n",
        "#!/bin/sh\n# docker ps\n# crontab -l\ndocker ps\n",
        "one\ntwo\nthree\nfour\n$ docker ps\n$ crontab -l\n",
    ],
    ids=["logs alone", "one command", "a script", "prose first"],
)
def test_a_session_of_other_commands_is_left_whole(tmp_path, text):
    write(tmp_path, "host.txt", text)
    assert only(tmp_path).envelopes == ()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("README.md", "# Use\n```\nINFO x\n```\n"),
        ("app.log", "one\n```\nINFO x\n```\n"),
        ("chat.txt", "2026-01-31 12:00:00 the bot said:\n```\nINFO x\n```\n"),
        ("report.md", "| **Report** | draft by logcorr 1.2 |\n```\nINFO x\n```\n"),
    ],
)
def test_markdown_that_is_no_paste_is_left_whole(tmp_path, name, text):
    write(tmp_path, name, text)
    assert only(tmp_path).envelopes == ()


def tarred(members):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for info, data in members:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def test_members_of_a_tar_are_read_in_place_and_refused_where_they_lead_out(tmp_path):
    link = tarfile.TarInfo("logs/link")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    names = ("logs/app.log", "../escape", "/etc/absolute", "node_modules/x.js", "logs/old.log.gz")
    data = dict.fromkeys(names, b"one\ntwo\n") | {"logs/old.log.gz": gzip.compress(b"old\n")}
    bundle = write(tmp_path, "bundle.tar.gz", tarred([*((tarfile.TarInfo(name), data[name]) for name in names), (link, b"")]))
    collection = collect([bundle], {})
    assert [(artifact.path, texts(artifact)) for artifact in collection.artifacts] == [
        ("bundle.tar.gz!logs/app.log", [(1, "one"), (2, "two")]),
        ("bundle.tar.gz!logs/old.log.gz", [(1, "old")]),
    ]
    assert {problem.path: problem.message for problem in collection.skipped} == {
        "bundle.tar.gz!../escape": "refused: the name leads out of the archive",
        "bundle.tar.gz!/etc/absolute": "refused: the name leads out of the archive",
        "bundle.tar.gz!logs/link": "skipped: a link",
        "bundle.tar.gz!node_modules/x.js": "skipped: dependencies",
    }
    assert collection.artifacts[0].sha256 == hashlib.sha256(b"one\ntwo\n").hexdigest()
    span = Span("bundle.tar.gz!logs/app.log", 2)
    assert quotes(collection.artifacts, [span])[span].text == "two"


def test_members_too_large_to_keep_are_streamed(tmp_path, monkeypatch):
    monkeypatch.setattr("logcorr.collect.archives.KEPT", 3)
    bundle = write(tmp_path, "b.tgz", tarred([(tarfile.TarInfo("a.log"), b"one\ntwo\n"), (tarfile.TarInfo("b.log"), b"x\n")]))
    assert [texts(artifact) for artifact in collect([bundle], {}).artifacts] == [[(1, "one"), (2, "two")], [(1, "x")]]


def test_members_of_a_zip(tmp_path):
    with zipfile.ZipFile(tmp_path / "b.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("logs/app.log", "one\n")
        archive.writestr("../escape.log", "x\n")
    collection = collect([tmp_path], {})
    assert [(artifact.path, texts(artifact)) for artifact in collection.artifacts] == [("b.zip!logs/app.log", [(1, "one")])]
    assert [problem.message for problem in collection.skipped] == ["refused: the name leads out of the archive"]


def test_an_archive_that_expands_without_end_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("logcorr.collect.archives.MOST_MEMBERS", 3)
    write(tmp_path, "many.tgz", tarred([(tarfile.TarInfo(f"{number}.log"), b"x\n") for number in range(5)]))
    collection = collect([tmp_path], {})
    assert "refused: more than 3 files" in [problem.message for problem in collection.skipped]


def test_a_member_with_another_name_in_the_directory_than_before_its_bytes_is_not_read(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("logs/run.sh", "#!/bin/sh\ntrue\n")
        archive.writestr("other.sh", "#!/bin/sh\ntrue\n")
    written = (tmp_path / "a.zip").read_bytes()
    (tmp_path / "a.zip").write_bytes(written.replace(b"logs/run.sh", b"logs\\run.sh", 1))
    found = collect([tmp_path], {})
    assert [artifact.path for artifact in found.artifacts] == ["a.zip!other.sh"]
    assert [problem.path for problem in found.skipped] == ["a.zip!logs/run.sh"]


def test_hard_links_pipes_and_archives_inside_are_skipped(tmp_path):
    link, pipe = tarfile.TarInfo("hard"), tarfile.TarInfo("pipe")
    link.type, link.linkname, pipe.type = tarfile.LNKTYPE, "/etc/passwd", tarfile.FIFOTYPE
    inner = tarred([(tarfile.TarInfo("deep.log"), b"deep\n")])
    write(
        tmp_path,
        "b.tgz",
        tarred([(tarfile.TarInfo("a.log"), b"x\n"), (tarfile.TarInfo("in.tgz"), inner), (link, b""), (pipe, b"")]),
    )
    collection = collect([tmp_path], {})
    assert [artifact.path for artifact in collection.artifacts] == ["b.tgz!a.log"]
    assert [(problem.path, problem.message) for problem in collection.skipped] == [
        ("b.tgz!hard", "skipped: a link"),
        ("b.tgz!in.tgz", "skipped: an archive inside an archive"),
        ("b.tgz!pipe", "skipped: not a regular file"),
    ]


def test_a_zip_that_expands_a_thousandfold_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive, archive.open("a.log", "w") as file:
        for _ in range(1100):
            file.write(b"0" * (1 << 20))
    collection = collect([tmp_path], {})
    assert [problem.message for problem in collection.skipped] == ["refused: expands more than 1000 times"]


def test_a_truncated_bundle_is_read_as_far_as_it_goes(tmp_path):
    noise = random.Random(1).randbytes(60_000).hex().encode() + b"\n"
    whole = tarred([(tarfile.TarInfo("a.log"), b"one\n"), (tarfile.TarInfo("b.log"), noise)])
    write(tmp_path, "cut.tgz", whole[: len(whole) // 2])
    collection = collect([tmp_path], {})
    assert [artifact.path for artifact in collection.artifacts] == ["cut.tgz!a.log"]
    (problem,) = collection.skipped
    assert problem.message.startswith("the archive is damaged")


def test_compressed_standard_input(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(gzip.compress(b"one\ntwo\n"))))
    (artifact,) = collect([Path("-")], {}).artifacts
    assert (artifact.envelopes, texts(artifact)) == (("gzip",), [(1, "one"), (2, "two")])


def test_a_damaged_archive_is_a_problem(tmp_path):
    write(tmp_path, "b.zip", b"PK\x03\x04 nothing more")
    (problem,) = collect([tmp_path], {}).skipped
    assert problem.message.startswith("the archive is damaged")


def test_standard_input_is_read_only_when_asked_for(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"one\ntwo\n")))
    (artifact,) = collect([Path("-")], {}).artifacts
    assert (artifact.path, texts(artifact)) == ("stdin", [(1, "one"), (2, "two")])


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read_is_a_problem(tmp_path):
    write(tmp_path, "secret.log", "x\n").chmod(0)
    (problem,) = collect([tmp_path], {}).skipped
    assert problem.message == "not read: Permission denied"


def test_a_date_before_what_one_command_shows_is_read_by_itself(tmp_path):
    write(tmp_path, "up.txt", "$ date; docker ps\nMon Aug  3 09:10:11 -03 2026\nCONTAINER ID   IMAGE   NAMES\n")
    rest, table, dated = collect([tmp_path], {}).artifacts
    assert (texts(dated), [number for number, _ in texts(table)]) == ([(2, "Mon Aug  3 09:10:11 -03 2026")], [3])
    assert [number for number, _ in texts(rest)] == [1]


def test_nginx_errors_of_any_level_among_requests_are_read(tmp_path):
    request = '192.0.2.7 - - [03/Aug/2026:09:10:11 +0000] "GET / HTTP/1.1" 200 5 "-" "-"\n'
    write(tmp_path, "web.log", 150 * request + "2026/08/03 09:10:12 [info] 7#7: *9 SSL_do_handshake() failed\n")
    assert sorted(len(texts(one)) for one in collect([tmp_path], {}).artifacts) == [1, 150]
