"""Makes shell scripts such as people write to watch over services, out of idioms and with a seed.

It knows nothing of the interpreter under test: it puts text together, and says which probes the text holds, what each can
answer, which effects to look for in the log, and what else the outcome depends on (environment, files, arguments).
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from oracle_bash import Asked

HTTP = ("200", "301", "404", "503", "e7", "e28")
FLAKY = ("200", "503", "e7", "e7,200", "503,503,200", "200,503")


@dataclass
class Made:
    """A script and what the oracle must know of it; `outside`: words from outside choose what runs, so little can be proved."""

    text: str = ""
    asked: list[Asked] = field(default_factory=list)
    effects: list[str] = field(default_factory=list)
    environment: dict[str, tuple[str | None, ...]] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)
    outside: bool = False


class Maker:
    """One script in the making."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.made = Made()
        self.functions: list[str] = []
        self.count = 0
        self.probes = 0

    def pick(self, *options: str) -> str:
        return self.random.choice(options)

    def fresh(self, prefix: str) -> str:
        self.count += 1
        return f"{prefix}{self.count}"

    # what can be asked ---------------------------------------------------------------------------------------------

    def http(self, answers: tuple[str, ...] = HTTP) -> str:
        self.probes += 1
        port = 8000 + self.probes
        self.made.asked.append(Asked("curl", f":{port}/", answers))
        url = self.pick(f"http://localhost:{port}/health", f"http://127.0.0.1:{port}/", f"http://app.internal:{port}/api/status")
        if self.random.random() < 0.4:
            return url
        name = self.fresh("URL_")
        if self.random.random() < 0.5:
            self.functions.insert(0, f'{name}="{url}"')
        else:
            base = self.fresh("BASE_")
            self.functions.insert(0, f'{base}={url[: url.index("/", 8)]}\n{name}="${{{base}}}{url[url.index("/", 8) :]}"')
        return self.pick(f'"${name}"', f'"${{{name}}}"', f"${name}")

    def other(self, tool: str, key: str, *answers: str) -> None:
        self.probes += 1
        self.made.asked.append(Asked(tool, key, answers))

    # what can be done ----------------------------------------------------------------------------------------------

    def effect(self) -> str:
        token = self.fresh("svc")
        self.made.effects.append(token)
        return self.pick(
            f"docker restart {token}",
            f"docker-compose -f {token}.yml restart",
            f"systemctl restart {token}",
            f"sudo systemctl restart {token}",
            f"docker compose -f /srv/{token}.yml up -d",
            f"pm2 restart {token}",
            f"service {token} restart",
            f"supervisorctl restart {token}",
            f"pkill -f {token}",
            f"docker-compose up -d --force-recreate {token}",
            f"kubectl rollout restart deployment/{token}",
            f"/usr/bin/env docker stop {token} >/dev/null 2>&1",
            f'bash -c "docker restart {token}"',
            f"docker exec web pkill {token}",
            f"ssh deploy@web1 'systemctl restart {token}'",
            f"(cd @ROOT@/srv && docker-compose restart {token})",
            f"rm -f /tmp/{token}.pid",
            f"echo {token} | xargs docker restart",
            f"nohup docker kill -s HUP {token} &",
            f"timeout 30 docker restart {token}",
            f"eval 'docker restart {token}'",
            f"ssh web1 <<'EOF'\nsystemctl stop {token}\nEOF",
            f"NAME={token}\ndocker restart $NAME",
            f'for name in {token}; do docker restart "$name"; done',
            f"docker restart {token} 2>&1 | tee -a @ROOT@/log.txt",
            f"if docker restart {token}; then echo restarted; fi",
            f"docker-compose -f a.yml -f {token}.yml stop && echo stopped",
        )

    def say(self) -> str:
        return self.pick(
            'echo "checking"',
            'echo "$(date) problem" >> @ROOT@/watch.log',
            "logger -t watch trouble",
            "sleep 2",
            ":",
            'printf "%s\\n" done',
        )

    # conditions: commands that succeed or not ------------------------------------------------------------------------

    def status_test(self, name: str) -> str:
        quoted = self.pick(f'"${name}"', f'"${{{name}}}"', f"${name}")
        return self.pick(
            f'[ {quoted} = "200" ]',
            f"[ {quoted} != 200 ]",
            f"[ {quoted} -eq 200 ]",
            f"[ {quoted} -ne 200 ]",
            f'[[ "${name}" == "200" ]]',
            f"[[ ${name} -ge 200 && ${name} -lt 400 ]]",
            f'[ "${name}" -ge 500 ]',
            f"[[ ${name} =~ ^2 ]]",
            f"[[ ${name} == 2* ]]",
            f'[ "${name}" = "200" ] || [ "${name}" = "301" ]',
            f'[ "${name}" != "200" -a "${name}" != "301" ]',
            f"(( ${name} == 200 ))",
            f"[[ ${name} != 2* && ${name} != 3* ]]",
            f'test "${name}" -lt 300',
            f'[[ "${name}" =~ ^(200|204)$ ]]',
            f'! [ "${name}" = 200 ]',
            f'echo "${name}" | grep -q 200',
            f'[ "x${name}" = x200 ]',
            f"[[ ${name} -gt 399 || ${name} -eq 0 ]]",
            f'[ "${{{name}:0:1}}" = 2 ]',
            f'[[ -z "${name}" || "${name}" == "000" ]]',
            f'[ "${name}" = "000" ]',
            f'grep -qE "^(2|3)" <<< "${name}"',
        )

    def status(self) -> list[str]:
        """Lines that put a status code into a variable, then a test on it (last line)."""
        name, url = self.fresh(self.pick("STATUS", "code", "HTTP_CODE")), self.http()
        flags = self.pick(
            "-s -o /dev/null",
            "-so /dev/null",
            "-s -o /dev/null -m 5",
            "--silent --output /dev/null",
            "-sf -o /dev/null",
            "-sL -o /dev/null --max-time 10",
        )
        layout = self.pick(
            '-w "%{http_code}"', "-w '%{http_code}'", '--write-out "%{http_code}"', "-w %{http_code}", '-w "%{response_code}"'
        )
        call = f"curl {flags} {layout} {url}"
        line = self.pick(
            f"{name}=$({call})",
            f'{name}=$({call} || echo "000")',
            f"{name}=$({call} 2>/dev/null || true)",
            f"{name}=`{call}`",
            f'{name}="$({call})" || {name}=000',
            f"{name}=$({call} 2>/dev/null) || true",
            f"{name}=$(curl -s -w '\\n%{{http_code}}' {url} | tail -n1)",
            f"if ! {name}=$({call}); then {name}=000; fi",
            f"{name}=$(curl -sI {url} | head -n 1 | awk '{{print $2}}')",
            f"{name}=$({call}; true)",
            f"response{name}=$(curl -s -w '|%{{http_code}}' {url})\n{name}=${{response{name}##*|}}",
            f"{name}=$(curl -sI {url} 2>/dev/null | head -1 | cut -d' ' -f2)",
            f"{name}=$({call} | tr -d '\\n')",
            f"read -r {name} < <({call}; echo)",
            f"reply{name}=$(curl -s -w '\\n%{{http_code}}' {url})\n{name}=${{reply{name}: -3}}",
            f"{name}=$(set +e; {call})",
        )
        return [*line.split("\n"), self.status_test(name)]

    def exit_condition(self) -> str:
        url = self.http()
        unit = self.fresh("unit")
        kind = self.random.randrange(15)
        if kind < 6:
            return self.pick(
                f"curl -sf {url} > /dev/null",
                f"curl -fsS -o /dev/null {url}",
                f"curl --fail --silent {url} >/dev/null 2>&1",
                f"curl -s {url} | grep -q ok",
                f'curl -s {url} 2>/dev/null | grep -q \'"status":"ok"\'',
                f"! curl -sf -m 3 {url} -o /dev/null",
                f'[ "$(curl -s -o /dev/null -w "%{{http_code}}" {url})" = "200" ]',
                f'[ -n "$(curl -s {url})" ]',
                f"timeout 5 curl -sf {url} &>/dev/null",
                f'[[ "$(curl -s {url})" == *ok* ]]',
                f"curl -sI {url} | grep -q '200'",
                f"curl -s -o /dev/null {url}",
                f"[ $(curl -s -o /dev/null -w %{{http_code}} {url}) -eq 200 ]",
                f"curl -sf {url} | grep -v sorry >/dev/null",
                f"[ `curl -s {url} | wc -l` -gt 0 ]",
                f"out=$(curl -sf {url})",
                f"curl -s {url} | grep -c ok >/dev/null",
            )
        self.made.asked.pop()
        if kind < 8:
            self.other("systemctl", "is-active", "active\\n|0", "inactive\\n|3", "failed\\n|3")
            return self.pick(
                f"systemctl is-active --quiet {unit}",
                f'[ "$(systemctl is-active {unit})" = "active" ]',
                f"systemctl is-active {unit} | grep -q '^active'",
                f"! systemctl -q is-active {unit}",
                f"systemctl is-active {unit} >/dev/null",
            )
        if kind < 10:
            self.other("docker", "inspect", "true\\n|0", "false\\n|0", "\\n|1")
            return self.pick(
                f"[ \"$(docker inspect -f '{{{{.State.Running}}}}' {unit})\" = true ]",
                f"docker inspect --format='{{{{.State.Running}}}}' {unit} 2>/dev/null | grep -q true",
                f'[[ "$(docker inspect -f "{{{{.State.Running}}}}" {unit} 2>/dev/null)" != "true" ]]',
            )
        if kind == 10:
            self.other("nc", f" {9000 + self.count}", "|0", "|1")
            return f"nc -z localhost {9000 + self.count}"
        if kind == 11:
            self.other("pg_isready", "-h db", "accepting\\n|0", "no response\\n|2")
            return "pg_isready -h db -q"
        if kind == 12:
            self.other("redis-cli", "ping", "PONG\\n|0", "|1")
            return self.pick("redis-cli ping | grep -q PONG", '[ "$(redis-cli ping)" = "PONG" ]')
        if kind == 13:
            self.other("pgrep", unit, "12\\n|0", "|1")
            return self.pick(f"pgrep -f {unit} >/dev/null", f"pgrep {unit} > /dev/null 2>&1")
        self.made.asked.append(Asked("wget", f":{8000 + self.probes}/", ("200", "404", "e4")))
        return self.pick(f"wget -q --spider {url}", f"wget -qO- {url} >/dev/null", f"wget -q -O /dev/null -T 5 {url}")

    def unknown_condition(self) -> str:
        """A condition that no probe decides."""
        kind = self.random.randrange(5)
        if kind == 0:
            name = self.fresh("FLAG")
            self.made.environment[name] = (None, "1")
            return self.pick(f'[ "${{{name}:-0}}" = "1" ]', f'[ -n "${name}" ]', f'[[ "${name}" == "1" ]]')
        if kind == 1:
            file = f"@ROOT@/flag{self.fresh('')}"
            self.made.files.append(file)
            return self.pick(f"[ -f {file} ]", f"[[ -e {file} ]]", f"test -f {file}")
        if kind == 2:
            self.other("custom-check", f"k{self.count}", "|0", "|3")
            return f"custom-check k{self.count}"
        return self.pick(
            "true",
            "false",
            '[ "a" = "b" ]',
            "[ 3 -gt 2 ]",
            "[[ abc == a* ]]",
            "(( 1 > 2 ))",
            "command -v curl >/dev/null",
            '[ -z "" ]',
        )

    def condition(self, before: list[str]) -> str:
        chance = self.random.random()
        if chance < 0.45:
            *lines, test = self.status()
            before.extend(lines)
            return test
        if chance < 0.85:
            return self.exit_condition()
        return self.unknown_condition()

    # statements --------------------------------------------------------------------------------------------------

    def body(self, depth: int) -> list[str]:
        lines = [self.say()] if self.random.random() < 0.4 else []
        lines.extend(self.effect().split("\n"))
        if depth > 0 and self.random.random() < 0.2 and self.probes < 3:
            lines.extend(self.block(depth - 1))
        if self.random.random() < 0.15:
            lines.append(self.pick("exit 1", "exit 0", "exit"))
        return lines

    def block(self, depth: int) -> list[str]:
        forms: list[Callable[[int], list[str]]] = [
            self.if_form,
            self.if_form,
            self.and_or,
            self.early_exit,
            self.retry,
            self.counter,
            self.function,
            self.flag,
            self.case_form,
            self.exit_code,
            self.several,
            self.until_form,
            self.piped_loop,
            self.collected,
            self.background,
            self.guarded_steps,
            self.trap_form,
            self.subshell_form,
            self.unreachable,
            self.always,
            self.dispatch,
            self.state_file,
            self.lock,
            self.arithmetic,
            self.retry_function,
            self.spoken,
            self.status_read_later,
            self.named_by_environment,
            self.several_words,
        ]
        return self.random.choice(forms)(depth)

    def if_form(self, depth: int) -> list[str]:
        lines: list[str] = []
        condition = self.condition(lines)
        lines += [f"if {condition}; then", *self.body(depth)]
        if self.random.random() < 0.5:
            other: list[str] = []
            if self.random.random() < 0.3 and self.probes < 3:
                condition = self.exit_condition()
                lines += [f"elif {condition}; then", *self.body(0)]
            lines += ["else", *(self.body(0) if self.random.random() < 0.5 else [self.say()]), *other]
        return [*lines, "fi"]

    def and_or(self, depth: int) -> list[str]:
        lines: list[str] = []
        condition = self.condition(lines)
        condition = condition if not condition.startswith("!") and "||" not in condition else f"{{ {condition}; }}"
        one, two = (self.effect() for _ in range(2))
        if "\n" in one + two or one.endswith("&") or two.endswith("&"):
            one, two = f"docker restart {self.made.effects[-2]}", f"docker stop {self.made.effects[-1]}"
        return [
            *lines,
            self.pick(
                f"{condition} || {one}",
                f"{condition} && {one}",
                f"{condition} && {one} || {two}",
                f"{condition} || {{ {one}; {two}; }}",
                f"{condition} || ({one})",
                f"{condition} && {{ echo up; true; }} || {one}",
            ),
        ]

    def early_exit(self, depth: int) -> list[str]:
        lines: list[str] = []
        condition = self.condition(lines)
        condition = condition if "||" not in condition and not condition.startswith("!") else f"{{ {condition}; }}"
        stop = self.pick(
            f"if {condition}; then exit 0; fi",
            f"{condition} && exit 0",
            f"{condition} && {{ echo fine; exit 0; }}",
            f"if {condition}\nthen\n  echo ok\n  exit\nfi",
        )
        return [*lines, *stop.split("\n"), *self.body(0)]

    def retry(self, depth: int) -> list[str]:
        url = self.http(FLAKY)
        ok = self.fresh("ok")
        test = self.pick(f"curl -sf {url} >/dev/null", f'[ "$(curl -s -o /dev/null -w "%{{http_code}}" {url})" = 200 ]')
        head = self.pick("for i in 1 2 3; do", "for i in $(seq 1 3); do", "for i in {1..3}; do", "for ((i = 0; i < 3; i++)); do")
        return [
            f"{ok}=0",
            head,
            f"  if {test}; then",
            f"    {ok}=1",
            "    break",
            "  fi",
            "  sleep 5",
            "done",
            f'if [ "${ok}" -eq 0 ]; then',
            *self.body(0),
            "fi",
        ]

    def until_form(self, depth: int) -> list[str]:
        url, name = self.http(FLAKY), self.fresh("n")
        return [
            f"{name}=0",
            f"until curl -sf -m 2 {url} > /dev/null; do",
            f"  {name}=$(({name} + 1))",
            f"  if [ ${name} -ge 3 ]; then",
            *self.body(0),
            "    break",
            "  fi",
            "  sleep 1",
            "done",
            *self.effect().split("\n"),
        ]

    def counter(self, depth: int) -> list[str]:
        name = self.fresh("fails")
        lines = [f"{name}=0"]
        step = self.pick(
            f"{name}=$(({name} + 1))", f"(({name}++)) || true", f"let {name}+=1", f"(({name} += 1))", f"{name}=`expr ${name} + 1`"
        )
        for _ in range(self.random.randint(1, 2)):
            if self.probes < 4:
                lines += [f"if ! {self.plain_condition()}; then", f"  {step}", "fi"]
        return [*lines, f'if [ "${name}" -gt 0 ]; then', *self.body(0), "fi"]

    def plain_condition(self) -> str:
        url = self.http()
        return self.pick(f"curl -sf {url} >/dev/null", f"curl -fs -o /dev/null {url}", f"curl -s {url} | grep -q ok")

    def function(self, depth: int) -> list[str]:
        name, url = self.fresh("check"), self.http()
        result = self.pick(
            f'{name}() {{\n  local code\n  code=$(curl -s -o /dev/null -w "%{{http_code}}" "$1")\n  [ "$code" = "200" ]\n}}',
            f'{name}() {{\n  local code=$(curl -sf -o /dev/null -w "%{{http_code}}" "$1")\n'
            '  if [ "$code" != 200 ]; then\n    return 1\n  fi\n  return 0\n}',
            f'function {name} {{\n  curl -sf "$1" > /dev/null || return 1\n}}',
            f'{name} () {{\n  local url="$1"; shift\n  curl -s "$@" "$url" | grep -q ok\n}}',
            f'{name}() {{\n  local result=$(curl -sf "$1")\n  if [ $? -ne 0 ]; then return 1; fi\n}}',
            f'{name}() {{ case "$(curl -s -o /dev/null -w "%{{http_code}}" $1)" in 2*|3*) return 0 ;; *) return 1 ;; esac; }}',
        )
        self.functions.append(result)
        return [self.pick(f"if ! {name} {url}; then", f"if {name} {url}; then :; else"), *self.body(0), "fi"]

    def retry_function(self, depth: int) -> list[str]:
        name, url = self.fresh("wait_for"), self.http(FLAKY)
        self.functions.append(
            f'{name}() {{\n  local tries=0 max="${{2:-3}}"\n  while [ "$tries" -lt "$max" ]; do\n'
            '    if curl -sf "$1" >/dev/null 2>&1; then\n      return 0\n    fi\n'
            "    tries=$((tries + 1))\n    sleep 2\n  done\n  return 1\n}"
        )
        return [f"if ! {name} {url} {self.pick('2', '', '3')}; then", *self.body(0), "fi"]

    def flag(self, depth: int) -> list[str]:
        name = self.fresh("FAILED")
        lines = [f"{name}={self.pick('0', 'false', '')}"]
        first = lines[0].partition("=")[2]
        other = {"0": "1", "false": "true", "": "yes"}[first]
        lines += [f"if ! {self.plain_condition()}; then {name}={other}; fi"]
        test = {"0": f'[ "${name}" -eq 1 ]', "false": f"${name}", "": f'[ -n "${name}" ]'}[first]
        return [*lines, f"if {test}; then", *self.body(0), "fi"]

    def case_form(self, depth: int) -> list[str]:
        *lines, _ = self.status()
        name = lines[-1].partition("=")[0].split()[-1].lstrip("!").strip()
        if not name.isidentifier():
            return self.if_form(depth)
        return [
            *lines,
            f'case "${name}" in',
            self.pick("  200) echo ok ;;", "  2??|3??) echo ok ;;", "  20[0-4]) : ;;", "  2*) ;;"),
            "  000)",
            *self.body(0),
            "  ;;",
            self.pick("  *)", "  4*|5*)", "  [45]??)"),
            *self.body(0),
            "  ;;",
            "esac",
        ]

    def exit_code(self, depth: int) -> list[str]:
        call = self.plain_condition()
        name = self.fresh("rc")
        form = self.pick(
            "if [ $? -ne 0 ]; then",
            "if [ $? != 0 ]; then",
            f"{name}=$?\nif [ ${name} -ne 0 ]; then",
            "if (( $? )); then",
            f"{name}=$?\n[ ${name} = 0 ] || {{",
            "if [[ $? -gt 0 ]]; then",
        )
        end = "}" if form.endswith("{") else "fi"
        return [call, *form.split("\n"), *self.body(0), end]

    def several(self, depth: int) -> list[str]:
        url = self.http()
        token = self.fresh("svc")
        self.made.effects.append(token)
        if not url.startswith("http"):
            url = f"http://localhost:{8000 + self.probes}/x"
        return self.random.choice(
            [
                [
                    f'SERVICES="{token}|{url}"',
                    "for entry in $SERVICES; do",
                    '  name="${entry%%|*}"',
                    '  target="${entry#*|}"',
                    '  curl -sf "$target" > /dev/null || docker restart "$name"',
                    "done",
                ],
                [
                    f'services=("{token}={url}")',
                    'for entry in "${services[@]}"; do',
                    "  IFS='=' read -r name target <<< \"$entry\"",
                    '  if ! curl -sf "$target" >/dev/null; then',
                    '    docker restart "$name"',
                    "  fi",
                    "done",
                ],
                [
                    "declare -A urls",
                    f'urls[{token}]="{url}"',
                    'for name in "${!urls[@]}"; do',
                    '  curl -sf "${urls[$name]}" -o /dev/null || systemctl restart "$name"',
                    "done",
                ],
                [
                    "while read -r name target; do",
                    '  code=$(curl -s -o /dev/null -w "%{http_code}" "$target")',
                    '  [ "$code" = 200 ] || docker restart "$name"',
                    "done <<EOF",
                    f"{token} {url}",
                    "EOF",
                ],
                [
                    'restart_it() { docker restart "$1"; }',
                    'check_it() { curl -sf "$2" >/dev/null || restart_it "$1"; }',
                    f"check_it {token} {url}",
                ],
                [
                    f"names=({token})",
                    f"targets=({url})",
                    'for i in "${!names[@]}"; do',
                    '  if ! curl -fs "${targets[$i]}" >/dev/null; then pm2 restart "${names[$i]}"; fi',
                    "done",
                ],
                [f"set -- {token} {url}", 'curl -sf "$2" > /dev/null || docker restart "$1"'],
            ]
        )

    def collected(self, depth: int) -> list[str]:
        """What failed is gathered in an array or a text, and acted on afterwards."""
        name, list_name = self.fresh("svc"), self.fresh("FAILED")
        self.made.effects.append(name)
        check = self.plain_condition()
        return self.random.choice(
            [
                [
                    f"{list_name}=()",
                    f'{check} || {list_name}+=("{name}")',
                    f"if [ ${{#{list_name}[@]}} -gt 0 ]; then",
                    f'  for one in "${{{list_name}[@]}}"; do docker restart "$one"; done',
                    "fi",
                ],
                [
                    f'{list_name}=""',
                    f'if ! {check}; then {list_name}="${list_name} {name}"; fi',
                    f"for one in ${list_name}; do systemctl restart $one; done",
                ],
                [
                    f"declare -a {list_name}",
                    f"if ! {check}; then {list_name}[0]={name}; fi",
                    f'[[ ${{#{list_name}[*]}} -eq 0 ]] || supervisorctl restart "${{{list_name}[0]}}"',
                ],
                [
                    f"mapfile -t {list_name} < <({check} || echo {name})",
                    f'for one in "${{{list_name}[@]}}"; do pm2 restart "$one"; done',
                ],
            ]
        )

    def background(self, depth: int) -> list[str]:
        """A check in a process of its own, whose end is waited for."""
        url, name = self.http(), self.fresh("pid")
        wait = self.pick(
            f"if ! wait ${name}; then",
            f'wait "${name}"\nif [ $? -ne 0 ]; then',
            f'wait ${name} || failed=1\nif [ -n "$failed" ]; then',
        )
        return [f"curl -sf {url} > /dev/null &", f"{name}=$!", *wait.split("\n"), *self.body(0), "fi"]

    def guarded_steps(self, depth: int) -> list[str]:
        """Steps under `set -e` in a process of its own, whose failure is acted on."""
        check, first = self.plain_condition(), self.effect()
        if "\n" in first or first.endswith("&"):
            first = f"docker stop {self.made.effects[-1]}"
        return [
            f"bash -euo pipefail -c '{first.replace(chr(39), chr(34))}' || true"
            if "$" not in first and '"' not in first
            else first,
            f"( set -e; {check}; echo fine )",
            "if [ $? -ne 0 ]; then",
            *self.body(0),
            "fi",
        ]

    def piped_loop(self, depth: int) -> list[str]:
        name = self.fresh("LOST")
        return [
            f"{name}=0",
            "echo one | while read -r line; do",
            f"  {self.plain_condition()} || {name}=1",
            "done",
            f'if [ "${name}" = 1 ]; then',
            *self.body(0),
            "fi",
        ]

    def trap_form(self, depth: int) -> list[str]:
        effect = self.effect()
        if "\n" in effect or "'" in effect or '"' in effect:
            effect = f"docker restart {self.made.effects[-1]}"
        name = self.fresh("cleanup")
        return (
            [f"{name}() {{", f"  {effect}", "}", f"trap {name} EXIT"]
            if self.random.random() < 0.6
            else [f"trap '{effect}' EXIT", self.plain_condition()]
        )

    def subshell_form(self, depth: int) -> list[str]:
        name = self.fresh("inner")
        return [
            f"{name}=0",
            f"( {self.plain_condition()} || {name}=1; {self.pick('exit 3', 'true', ':')} )",
            self.pick(f'if [ "${name}" = 1 ]; then', "if [ $? -eq 3 ]; then", "if [ $? -ne 0 ]; then"),
            *self.body(0),
            "fi",
        ]

    def unreachable(self, depth: int) -> list[str]:
        *lines, _ = self.status()
        name = lines[-1].partition("=")[0].split()[-1]
        if not name.isidentifier():
            return self.if_form(depth)
        test = self.pick(
            f'[ "${name}" = "abc" ]',
            f'[[ "${name}" == "200" && "${name}" == "500" ]]',
            f'[ "${name}" = "" ] && [ "${name}" = 200 ]',
            "false",
            f'[ "${name}" = "000000" ]',
        )
        return [*lines, f"if {test}; then", *self.body(0), "fi"]

    def always(self, depth: int) -> list[str]:
        *lines, test = self.status()
        return (
            [*lines, f"{test}", *self.effect().split("\n")]
            if self.random.random() < 0.5
            else [self.plain_condition(), *self.effect().split("\n")]
        )

    def dispatch(self, depth: int) -> list[str]:
        name = self.fresh("main")
        self.functions.append(
            "\n".join(
                [
                    f"{name}() {{",
                    '  case "${1:-check}" in',
                    "    check)",
                    *self.block_small(),
                    "    ;;",
                    "    stop)",
                    *self.effect().split("\n"),
                    "    ;;",
                    "  esac",
                    "}",
                ]
            )
        )
        return [f"{name} {self.pick('check', '', 'stop')}"]

    def spoken(self, depth: int) -> list[str]:
        """Functions that only say something: one may end the script all the same, or its status decide."""
        name, value = self.fresh("say"), self.fresh("WORD_")
        self.made.environment[value] = (None, "given")
        body = self.pick(
            'echo "[$(date)] $1"', 'local text="$1"; echo "$text ${2:-}" >&2', 'printf "%s\\n" "$*"', "echo -e \"$1 $2\"",
            f'echo "$1 ${value}"', f'echo "$1 ${{{value}:?}}"', f'echo "$1 ${{{value}:=b}}"', f'printf -v {value} "%s" "$1"',
        )  # fmt: skip
        lines = [self.pick("set -u", "set -eu", ":"), f"{name}() {{ {body}; }}"]
        call = self.pick(f'{name} "checking"', f'{name} "a" "b"', f"{name} ${value}", f'{name} "${{{value}:-none}}" x')
        one, two = (self.effect() for _ in range(2))
        if "\n" in one + two or one.endswith("&") or two.endswith("&"):
            one, two = f"docker restart {self.made.effects[-2]}", f"docker stop {self.made.effects[-1]}"
        lines += self.pick(
            f"{call}\n{one}\n{two}",
            f"{call} && {one}\n{two}",
            f'if [ -n "$({call})" ]; then {one}; else {two}; fi',
            f'{one}\n{call}\n[ "${{{value}:-}}" = given ] && {two}',
            f"{call} | grep -q given && {one}\n{two}",
        ).split("\n")
        return lines

    def status_read_later(self, depth: int) -> list[str]:
        """A status that a function, or the end of one, looks at after something else."""
        handle, check = self.fresh("handle"), self.fresh("check")
        condition, effect = self.plain_condition(), self.effect()
        if "\n" in effect or effect.endswith("&"):
            effect = f"docker restart {self.made.effects[-1]}"
        read = self.pick("local rc=$?; [ $rc -ne 0 ]", "[ $? -ne 0 ]", "(( $? != 0 ))")
        other = f"docker stop {self.fresh('svc')}"
        self.made.effects.append(other.rpartition(" ")[2])
        return [
            f"{handle}() {{ {read} && {effect}; }}",
            f"{check}() {{ {condition}; {self.pick('return', 'return $?', ':')}; }}",
            *self.pick(
                f"{condition}\n{handle}",
                f"{check}\n{handle}",
                f"if {check}; then {other}; else {handle}; fi",
                f"{check}; rc=$?\necho done\nif [ $rc -ne 0 ]; then {effect}; fi",
                f"{check} || {handle}\n{other}",
            ).split("\n"),
        ]

    def named_by_environment(self, depth: int) -> list[str]:
        """A function called by a name that comes from outside."""
        self.made.outside = True
        one, two, name = self.fresh("do_"), self.fresh("do_"), self.fresh("ACTION")
        effects = [self.fresh("svc") for _ in range(2)]
        self.made.effects += effects
        self.made.environment[name] = (None, two)
        call = self.pick(
            f'"${{{name}:-{one}}}"', f"${{{name}:-{one}}} now", f'if [ -n "${name}" ]; then "${name}"; fi', f"eval ${name}"
        )
        return [f"{one}() {{ docker restart {effects[0]}; }}", f"{two}() {{ docker stop {effects[1]}; }}", call]

    def several_words(self, depth: int) -> list[str]:
        """A variable that holds several words, as a function's arguments."""
        self.made.outside = True
        name, words, token = self.fresh("act"), self.fresh("WORDS_"), self.fresh("svc")
        self.made.effects.append(token)
        self.made.environment[words] = (None, "go", "go stop")
        test = self.pick(
            '[ "${2:-}" = stop ]', "[ $# -gt 1 ]", '[ -n "${1:-}" ]', 'shift; [ "${1:-}" = stop ]', '[ "${1:-}" = go ]'
        )
        call = self.pick(f"{name} ${{{words}:-}}", f"{name} first ${{{words}:-}}", f'set -- ${{{words}:-}}; {name} "$@"')
        return [f"{name}() {{ {test} && docker stop {token}; }}", call]

    def block_small(self) -> list[str]:
        return [f"if ! {self.plain_condition()}; then", *self.effect().split("\n"), "fi"]

    def state_file(self, depth: int) -> list[str]:
        file = f"@ROOT@/count{self.fresh('')}"
        name = self.fresh("seen")
        return [
            f"{name}=$(cat {file} 2>/dev/null || echo 0)",
            f"if {self.plain_condition()}; then",
            f"  echo 0 > {file}",
            "else",
            f"  {name}=$(({name} + 1))",
            f'  echo "${name}" > {file}',
            "fi",
            f'if [ "$(cat {file})" {self.pick("-ge 1", "-gt 0", "!= 0")} ]; then',
            *self.body(0),
            "fi",
        ]

    def lock(self, depth: int) -> list[str]:
        return [f"exec 9>@ROOT@/lock{self.fresh('')}", "flock -n 9 || exit 1", *self.if_form(0)]

    def arithmetic(self, depth: int) -> list[str]:
        name = self.fresh("total")
        bump = self.pick(f"(({name}++))", f"{name}=$(({name}+1))", f"(( {name} += 2 ))", f"let {name}++")
        return [
            f"{name}={self.pick('0', '1')}",
            f"{self.plain_condition()} && {bump}",
            f"if (( {name} {self.pick('> 0', '== 0', '< 1', '>= 2')} )); then",
            *self.body(0),
            "fi",
        ]

    def make(self) -> Made:
        lines: list[str] = []
        for _ in range(self.random.randint(1, 3)):
            if self.probes < 3:
                lines += self.block(1)
        if self.random.random() < 0.3:
            lines += self.effect().split("\n")
        if self.random.random() < 0.12:
            lines = ["while true; do", *lines, "  sleep 60", "done"]
        options = self.pick("", "", "", "set -e", "set -u", "set -euo pipefail", "set -o pipefail", "set -eu")
        self.made.effects = [
            token for token in self.made.effects if any(re.search(rf"\b{token}\b", line) for line in [*self.functions, *lines])
        ]
        functions = [line for function in self.functions for line in function.split("\n")]
        self.made.text = "\n".join(["#!/bin/bash", options, *functions, *lines, ""])
        return self.made


def make(seed: int) -> Made:
    """The script of a seed."""
    return Maker(seed).make()
