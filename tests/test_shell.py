"""What scripts would do: every `fixtures/shell/NAME.sh` against what a person says of it in `NAME.json`.

Effects and probes are numbered from 1 in the order of the lists. `reach` says how far an effect is reached when a probe can get
the given statuses (or `refused`, `timed out`); every claim is also held against bash, in all combinations of answers.
"""

from __future__ import annotations

import json
from pathlib import Path

import oracle_bash
import pytest
from test_captures import artifact, differences, plain
from test_captures import test_a_case_yields_what_it_says as yields_what_it_says

from logcorr.model.behaviour import Reach
from logcorr.model.facts import Script
from logcorr.model.source import Problem, Sample, Span
from logcorr.parsers.shell import parser
from logcorr.semantics.shell import any_outcomes, interpret, outcomes

FIXTURES = Path(__file__).parent / "fixtures/shell"
CASES = sorted(path.stem for path in FIXTURES.glob("*.json"))
ANSWERS = {"refused": "e7", "timed out": "e28"}


def script(text, **more):
    return Script(span=Span("x.sh", 1, text.count("\n") + 1), name="x.sh", text=text, interpreter="bash", **more)


def load(name):
    return (FIXTURES / f"{name}.sh").read_text(), json.loads((FIXTURES / f"{name}.json").read_text())


def given(interpretation, statuses):
    """The outcomes of probes, by number, for statuses as a case writes them."""
    found = {}
    for number, wanted in statuses.items():
        probe = interpretation.probes[int(number) - 1]
        found[probe.id] = [
            outcomes(probe, one)
            if isinstance(one, int)
            else outcomes(probe, None, refused=one == "refused", timed_out=one == "timed out")
            for one in wanted
        ]
    return found


@pytest.mark.parametrize("name", CASES)
def test_what_a_script_would_do(name):
    text, case = load(name)
    read = interpret(script(text))
    assert not differences(case["probes"], [plain(probe) for probe in read.probes])
    assert not differences(case["effects"], [plain(effect) for effect in read.effects])
    assert sorted(_said(message) for message in read.messages) == sorted(_said_by(case["messages"], read.messages))
    sleeps = [[str(sleep.span.line), sleep.seconds, "for ever" if sleep.loop else ""] for sleep in read.sleeps]
    assert sleeps == case.get("sleeps", [])
    installs = [[str(job.span.line), job.schedule, job.command] for job in read.installs]
    assert installs == case.get("installs", [])
    problems = [[str(problem.line), problem.message] for problem in read.problems]
    assert len(problems) == len(case.get("problems", []))
    for (line, part), (found, message) in zip(case.get("problems", []), problems, strict=True):
        assert (line, True) == (found, part in message)


def _said(message):
    return str(message.span.line), "".join(message.pieces)


def _said_by(expected, messages):
    """What a case says of messages names a part of each."""
    for line, part in expected:
        found = [_said(message) for message in messages if str(message.span.line) == line and part in "".join(message.pieces)]
        yield found[0] if found else (line, part)


@pytest.mark.parametrize("name", CASES)
def test_how_far_an_effect_is_reached(name):
    text, case = load(name)
    read = interpret(script(text))
    for number, statuses, expected in case["reach"]:
        proof = read.reach(read.effects[number - 1], given(read, statuses))
        assert proof.reach.value == expected, (number, statuses, proof)


@pytest.mark.skipif(oracle_bash.BASH is None, reason="needs bash")
@pytest.mark.parametrize("name", [name for name in CASES if not load(name)[1].get("broken")])
def test_bash_agrees(name):
    text, case = load(name)
    for directory in case.get("directories", []):
        text = text.replace(directory, f"@ROOT@{directory}")
    sandbox = oracle_bash.Sandbox()
    files = tuple(f"@ROOT@{directory}/.keep" for directory in case.get("directories", []))
    try:
        read = interpret(script(text.replace("@ROOT@", str(sandbox.root / "state"))))
        for number, statuses, _ in case["reach"]:
            asked = [
                oracle_bash.Asked(
                    tool, key, tuple(ANSWERS.get(str(one), str(one)) for one in statuses.get(str(index), ["200", "503", "e7"]))
                )
                for index, (tool, key) in enumerate(case["asked"], 1)
            ]
            worlds = [oracle_bash.World(answers=world.answers, files=files) for world in oracle_bash.worlds(asked, {}, ())]
            ran = [any(case["calls"][str(number)] in " ".join(call) for call in sandbox.run(text, world)) for world in worlds]
            reach = read.reach(read.effects[number - 1], given(read, statuses)).reach
            assert reach is not Reach.MUST or all(ran), (number, statuses)
            assert reach is not Reach.NEVER or not any(ran), (number, statuses)
    finally:
        sandbox.close()


@pytest.mark.parametrize(
    ("options", "asks", "seconds"),
    [
        ("", None, 3.0),
        ("-h db -p 5433 -t 10", "db:5433", 10.0),
        ("--host=db --timeout=7", "db", 7.0),
        ("-h db -t 0", "db", None),
        ('-h db -t "$LIMIT"', "db", None),
    ],
)
def test_how_long_pg_isready_waits(options, asks, seconds):
    (probe,) = interpret(script(f"pg_isready {options}")).probes
    assert (probe.asks, probe.timeout_s) == (asks, seconds)


@pytest.mark.parametrize(
    ("asked", "asks", "seconds"),
    [
        ("echo > /dev/tcp/localhost/5432", "localhost:5432", None),
        ("timeout 5 bash -c '</dev/tcp/127.0.0.1/6379' 2>/dev/null", "127.0.0.1:6379", 5.0),
        ("(exec 3<>/dev/tcp/127.0.0.1/80) 2>/dev/null", "127.0.0.1:80", None),
        (': < "/dev/tcp/$HOST/443"', "<$HOST>:443", None),
        ('timeout 5 bash -c "echo > /dev/tcp/$HOST/$PORT"', "<$HOST>:<$PORT>", 5.0),
    ],
)
def test_a_socket_of_bash_is_a_question(asked, asks, seconds):
    read = interpret(script(f"#!/bin/bash\nif {asked}; then\n  echo up\nelse\n  systemctl restart shop\nfi\n"))
    (probe,), (effect,) = read.probes, read.effects
    assert (probe.tool, probe.asks, probe.timeout_s) == ("/dev/tcp", asks, seconds)
    assert read.reach(effect, {}).reach is Reach.CONDITIONAL
    opened, closed = any_outcomes(probe)
    assert read.reach(effect, {probe.id: [opened]}).reach is Reach.NEVER
    assert read.reach(effect, {probe.id: [closed]}).reach is Reach.MUST


@pytest.mark.parametrize(
    ("search", "expects"),
    [
        (r'grep -q "200\|204\|301"', ("200", "204", "301")),
        ('grep -qE "200|301"', ("200", "301")),
        ('grep -qE "^(200|302)$"', ("200", "302")),
        ('grep -q "200|301"', ("200|301",)),
        ('grep -qF "200|301"', ("200|301",)),
        ('grep -qE "^2..$"', ("^2..$",)),
    ],
)
def test_what_a_search_looks_for(search, expects):
    (probe,) = interpret(script(f"curl -s -o /dev/null -w '%{{http_code}}' http://localhost/ | {search}\n")).probes
    assert probe.expects == expects


@pytest.mark.parametrize(
    ("command", "action"),
    [
        ("invoke-rc.d nginx rotate", "reopen-logs"),
        ("invoke-rc.d --quiet nginx reload", "reload"),
        ("invoke-rc.d nginx restart", "restart"),
        ("/etc/init.d/nginx rotate", "reopen-logs"),
    ],
)
def test_what_init_scripts_are_asked_to_do(command, action):
    (effect,) = interpret(script(f"{command} >/dev/null 2>&1 || true")).effects
    assert (effect.action, effect.targets) == (action, ("nginx",))


def test_scripts_that_call_each_other():
    helper = script('notify() { echo "told $1"; }\nrestart_all() { systemctl restart "$1"; notify "$1"; }\n')
    check = script('[ "$1" = now ] && docker restart late\n')
    asked = []

    def resolve(path, directory):
        asked.append((path, directory))
        return {"lib/common.sh": helper, "/srv/check.sh": check}.get(path)

    read = interpret(
        script("cd /srv\n. lib/common.sh\nrestart_all shop\nbash /srv/check.sh now\n/srv/other.sh\n"), resolve=resolve
    )
    assert [(effect.action, effect.targets, read.reach(effect, {}).reach) for effect in read.effects] == [
        ("restart", ("shop",), Reach.MUST),
        ("restart", ("late",), Reach.MUST),
    ]
    assert set(asked) >= {("lib/common.sh", "/srv"), ("/srv/check.sh", "/srv"), ("/srv/other.sh", "/srv")}
    assert [call.path for call in read.calls] == ["lib/common.sh", "/srv/check.sh", "/srv/other.sh"]


def test_a_cron_command_is_a_script():
    command = Script(
        span=Span("crontab", 7),
        name="cron",
        text="cd /srv/shop && ./check.sh --quick >> /var/log/check.log 2>&1",
        directory="/root",
        column=12,
    )
    read = interpret(
        command,
        resolve=lambda path, directory: (
            script("systemctl stop shop\n") if (path, directory) == ("./check.sh", "/srv/shop") else None
        ),
    )
    assert read.calls[0].arguments == ("--quick",)
    assert str(read.calls[0].span) == "crontab:7"
    assert read.effects[0].directory == "/srv/shop"
    assert read.reach(read.effects[0], {}).reach is Reach.MUST


def test_a_default_holds_unless_the_environment_says_otherwise():
    text = 'URL="${HEALTH_URL:-http://localhost/up}"\ncurl -sf "$URL" || docker restart shop\n'
    text += '[ "${DRY_RUN:-0}" = 1 ] || docker stop shop\n'
    read = interpret(script(text))
    refused = [outcomes(read.probes[0], None, refused=True)]
    assert read.probes[0].url == "http://localhost/up"
    proof = read.reach(read.effects[0], {read.probes[0].id: refused})
    assert (proof.reach, proof.assumes) == (Reach.MUST, ("$HEALTH_URL is not set",))
    assert read.reach(read.effects[1], {}).reach is Reach.MAY
    told = interpret(script(text), environment={"HEALTH_URL": "http://localhost:8080/", "DRY_RUN": "1"})
    assert [probe.url for probe in told.probes] == ["http://localhost:8080/"]
    assert [(effect.action, told.reach(effect, {}).reach) for effect in told.effects] == [
        ("restart", Reach.CONDITIONAL),
        ("stop", Reach.NEVER),
    ]


@pytest.mark.parametrize(
    ("flags", "status", "printed", "code"),
    [
        ("-s -o /dev/null -w '%{http_code}'", 301, "301", 0),
        ("-s -f -o /dev/null -w '%{http_code}'", 404, "404", 22),
        ("-s -o /dev/null -w '%{http_code}'", None, "000", 7),
        ("-s -w '|%{http_code}\\n'", None, "|000\n", 7),
        ("-sf", 500, "", 22),
        ("-sI -o /dev/null", 200, "", 0),
    ],
)
def test_what_curl_prints(flags, status, printed, code):
    read = interpret(script(f"x=$(curl {flags} http://localhost/)\n"))
    outcome = outcomes(read.probes[0], status, refused=status is None)
    assert (outcome.printed, outcome.exit_code) == (printed, code)
    assert (printed, code) in {(one.printed, one.exit_code) for one in any_outcomes(read.probes[0])}


def test_hostile_text_ends():
    for text in (
        "$(" * 500,
        "f() { f; f; }; f",
        "while :; do x=x$x; done",
        "(" * 300,
        "a=" + "${a:-" * 200,
        "for i in {1..999999999}; do kill $i; done",
        f"[[ {'a' * 60}! =~ ^(a+)+$ ]] && docker restart shop",
        f"echo {'a' * 3000}! | grep -E 'a*a*a*a*b' && docker restart shop",
        f"x={'a' * 3000}; echo ${{x##*a*a*a*a*b}}",
        f"case {'a' * 3000} in *a*a*a*a*a*b) docker restart shop;; esac",
        "if true; then\n" * 2000 + "fi\n" * 2000,
    ):
        interpret(script(text))


@pytest.mark.parametrize(
    ("path", "lines", "sure"),
    [
        ("bin/check", ("#!/usr/bin/env bash",), True),
        ("check.sh", ("echo hi",), True),
        ("check.sh", ("#!/usr/bin/python3", "print(1)"), False),
        ("app.log", ("2026-11-02 09:55:03 if the queue is empty; then wait",), False),
        ("restart", ("set -e", "for s in web api; do", "  docker restart $s", "done"), True),
        ("nginx.conf", ("server {", "  listen 80;", "}"), False),
    ],
)
def test_recognised(path, lines, sure):
    assert (parser.recognise(Sample(path, lines)) > 0) is sure


@pytest.mark.parametrize("folder", sorted((FIXTURES.parent / "parsers/shell").iterdir()), ids=lambda folder: folder.name)
def test_a_file_yields_what_its_case_says(folder):
    yields_what_it_says(folder)


def test_a_file_is_one_script_and_its_problems():
    text = "#!/bin/dash\nif true; then\n  echo x\ndone\n"
    found = list(parser.read(artifact("bin/x", text)))
    assert [(fact.name, fact.interpreter, str(fact.span)) for fact in found if isinstance(fact, Script)] == [
        ("x", "dash", "bin/x:1-5")
    ]
    problems = [fact for fact in found if isinstance(fact, Problem)]
    assert problems
    assert problems[0].line == 4


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('stop() { docker stop shop; }\n"$@"\n', Reach.MAY),
        ('stop() { docker stop shop; }\n"$1" now\n', Reach.MAY),
        ('do_stop() { docker stop shop; }\n"do_$1"\n', Reach.MAY),
        ('do_stop() { docker stop shop; }\n"run_$1"\n', Reach.NEVER),
        ('stop() { docker stop shop; }\n"${ACTION:-stop}"\n', Reach.MAY),
        ('stop() { docker stop shop; }\nsudo "$1"\n', Reach.NEVER),
        ('stop() { docker stop shop; }\n"$HOME/bin/check"\n', Reach.NEVER),
        ('stop() { docker stop shop; }\neval "$CODE"\n', Reach.MAY),
        ('act() { [ -n "$2" ] && docker stop shop; }\nact $WORDS\n', Reach.MAY),
        ('act() { [ $# -gt 1 ] && docker stop shop; }\nact "$@"\n', Reach.MAY),
        ('act() { shift; [ -n "$1" ] && docker stop shop; }\nact "$@"\n', Reach.MAY),
        ('act() { [ "${1:-}" = stop ] && docker stop shop; }\nact "${@:-}"\n', Reach.MAY),
        ("stop() { docker stop shop; }\n. ./lib.sh\n", Reach.MAY),
        (". ./lib.sh\nstop() { docker stop shop; }\n", Reach.NEVER),
    ],
)
def test_a_function_that_may_be_called_by_a_name_nobody_knows_is_not_never_reached(text, expected):
    (effect,) = (read := interpret(script(text), arguments=None)).effects
    assert read.reach(effect, {}).reach is expected


def test_a_command_behind_options_that_were_given_up_is_reached():
    choices = "".join(f"[ -f /etc/{number} ] && OPTIONS+=(-o Key{number}=yes)\n" for number in range(8))
    read = interpret(script(f'OPTIONS=(-i key)\n{choices}ssh "${{OPTIONS[@]}}" host "docker restart shop"\n'))
    assert [read.reach(effect, {}).reach for effect in read.effects] == [Reach.MUST]


@pytest.mark.parametrize(
    ("text", "effects"),
    [
        ("pm2 reload ecosystem.config.js --env production --update-env", [("reload", "pm2", ("ecosystem.config.js",))]),
        ("pm2 start app.js --name shop --max-memory-restart 300M -- --port 80", [("start", "pm2", ("app.js",))]),
        ("./kubectl -n shop rollout undo deployment web", [("rollback", "kubernetes", ("deployment", "web"))]),
        ("/opt/tools/pm2 restart shop", [("restart", "pm2", ("shop",))]),
        ("~/.local/bin/supervisorctl restart shop", [("restart", "supervisor", ("shop",))]),
        ("DOCKER=$(command -v docker)\n$DOCKER restart shop", [("restart", "docker", ("shop",))]),
        ('ssh $SSH_OPTS web1 "docker restart shop"', [("restart", "docker", ("shop",))]),
        ("./service restart shop", []),
        ("./bin/test -f x", []),
        ("""ps aux | grep shop | awk '{print "kill -9 " $2}' | sh""", [("kill", "process", None)]),
        ("""docker ps -q | awk '{ print "docker restart", $1 }' | bash""", [("restart", "docker", None)]),
        ("""ps aux | awk '$3 > 90 { print $2 }' | xargs kill""", [("kill", "process", None)]),
    ],
)
def test_what_a_command_does(text, effects):
    found = interpret(script(text + "\n")).effects
    assert [(effect.action, effect.manager) for effect in found] == [effect[:2] for effect in effects]
    assert all(targets in (None, effect.targets) for effect, (_, _, targets) in zip(found, effects, strict=True))


def test_what_follows_a_check_that_a_variable_is_set_is_listed_with_it_set():
    text = 'set -u\nif [ -z "${HOST:-}" ] || [ -z "${NAME:-}" ]; then exit 1; fi\n'
    text += 'curl -fsS "http://${HOST}/up"\ndocker restart "$NAME"\n'
    read = interpret(script(text))
    assert [probe.asks for probe in read.probes] == ["http://<$HOST>/up"]
    assert [effect.targets for effect in read.effects] == [("<$NAME>",)]


def test_a_default_taken_before_does_not_prove_that_a_variable_is_unset():
    """bash restarts b where X is unset, and a where it is set."""
    text = 'said=$(echo "${X:-none} ${X:?}")\nif [ -n "$said" ]; then docker restart a; else docker restart b; fi\n'
    found = interpret(script(text), arguments=())
    assert all(found.reach(effect, {}).reach is Reach.MAY for effect in found.effects)


def test_ways_on_which_different_assumptions_fail_stay_ways_when_one_of_them_decides():
    """bash restarts b where FLAG is not 1, however the command before it ends."""
    text = (
        "true && docker restart first || docker stop second\n"
        'if [ "${FLAG:-0}" = "1" ]; then docker restart a; else docker restart b; fi\n'
    )
    found = interpret(script(text), arguments=())
    (effect,) = (effect for effect in found.effects if effect.targets == ("b",))
    assert found.reach(effect, {}).reach is Reach.MAY


def test_what_is_said_with_words_of_its_own_is_written_there_and_not_where_an_address_is_set():
    found = interpret(script('url=http://localhost:7000/health\n\n\n\necho "$(date) no answer from $url, restarting"\n'))
    (message,) = found.messages
    assert message.span.line == 5
