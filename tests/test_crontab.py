"""What cron accepts, against the crontab program itself."""

import random
import shutil
import subprocess

import pytest

from logcorr.grammar.crontab import NotCron, command_and_input, setting, times

BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
WORDS = {
    3: ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"),
    4: ("sun", "mon", "tue", "wed", "thu", "fri", "sat"),
}
ODD_PARTS = [
    "?",
    "L",
    "H",
    "",
    "-",
    "/",
    "*5",
    "*-3",
    "**",
    "*/5/2",
    "*/",
    "-*",
    "!1",
    "1-2-3",
    "1-5#3",
    "jan",
    "fri",
    "a",
    "~",
    "0~9",
    "1.5",
]
ODD_SCHEDULES = [
    "@daily",
    "@hourly",
    "@reboot",
    "@Daily",
    "@every",
    "@yearly",
    "@annually",
    "@midnight",
    "@weekly",
    "@monthly",
    "@5",
]


def random_number(chance, field):
    low, high = BOUNDS[field]
    kind = chance.random()
    if field in WORDS and kind < 0.25:
        return chance.choice([str.lower, str.capitalize, str.upper])(chance.choice(WORDS[field]))
    if kind < 0.27:
        return str(chance.choice([max(low - 1, 0), high + 1, high + 2, low, high, "00", "007"]))
    return str(chance.randint(low, high))


def random_part(chance, field):
    kinds = {
        "star": lambda: "*",
        "step": lambda: f"*/{chance.randint(0, 40)}",
        "one": lambda: random_number(chance, field),
        "span": lambda: f"{random_number(chance, field)}-{random_number(chance, field)}",
        "stepped": lambda: f"{random_number(chance, field)}-{random_number(chance, field)}/{chance.randint(0, 9)}",
        "lone step": lambda: f"{random_number(chance, field)}/{chance.randint(1, 9)}",
        "junk": lambda: random_number(chance, field) + chance.choice(["#2", "L", "-", "/", ".5", "*", "~3", "?", "!", "a"]),
        "odd": lambda: chance.choice(ODD_PARTS),
    }
    return kinds[chance.choices(list(kinds), weights=[38, 18, 30, 5, 3, 1, 1, 1])[0]]()


def random_schedule(chance):
    if chance.random() < 0.01:
        return chance.choice(ODD_SCHEDULES)
    counts = [1 if chance.random() < 0.8 else chance.randint(2, 4) for _ in BOUNDS]
    return " ".join(",".join(random_part(chance, field) for _ in range(count)) for field, count in enumerate(counts))


def accepted(schedule):
    try:
        times(schedule)
    except NotCron:
        return False
    return True


@pytest.fixture(scope="module")
def crontab_accepts(tmp_path_factory):
    """Asks Debian's `crontab -n`, which checks a table and installs nothing."""
    table = tmp_path_factory.mktemp("cron") / "table"

    def accepts(*lines):
        table.write_text("".join(f"{line}\n" for line in lines))
        return subprocess.run(["crontab", "-n", str(table)], capture_output=True, check=False).returncode == 0

    if not shutil.which("crontab") or not accepts("* * * * * true") or accepts("0/5 * * * * true"):
        pytest.skip("needs Debian's crontab, which has -n and refuses 0/5")
    return accepts


def test_random_schedules_are_accepted_as_by_cron(crontab_accepts):
    chance = random.Random(20261122)
    schedules = [random_schedule(chance) for _ in range(10_000)]
    verdicts = {schedule: accepted(schedule) for schedule in schedules}
    good = [f"{schedule} true" for schedule, good in verdicts.items() if good]
    refused = [f"{schedule} true" for schedule, good in verdicts.items() if not good]
    assert min(len(good), len(refused)) > 2_000
    # One table holds all that must be accepted; what must be refused is asked one by one.
    assert crontab_accepts(*good)
    assert [line for line in refused if crontab_accepts(line)] == []


SETTINGS = [
    ("A=1", ("A", "1")),
    (" A = b c  ", ("A", "b c")),
    ("MAILTO=root HOME=/", ("MAILTO", "root HOME=/")),
    ('MAILTO=""', ("MAILTO", "")),
    ("A='x'  ", ("A", "x")),
    ('"A B"=1', ("A B", "1")),
    ('A="x\'y"', ("A", "x'y")),
    ('A=b"c', ("A", 'b"c')),
    ("A==b", ("A", "=b")),
    ("=1", ("", "1")),
    ("@reboot = 3", ("@reboot", "3")),
    ("*=5 * * * x", ("*", "5 * * * x")),
    ("A=", None),
    ('A="x" y', None),
    ('A="x', None),
    ("A B=1", None),
    ('"A"B=1', None),
    ("* * * * * A=b true", None),
]


@pytest.mark.parametrize(("line", "expected"), SETTINGS)
def test_settings(line, expected):
    assert setting(line) == expected


def test_settings_are_accepted_as_by_cron(crontab_accepts):
    lines = [line for line, expected in SETTINGS if expected]
    assert [line for line in lines if not crontab_accepts(line)] == []
    lines = [line for line, expected in SETTINGS if expected is None and not line.startswith("*")]
    assert [line for line in lines if crontab_accepts(line)] == []


@pytest.mark.parametrize(
    ("written", "command", "given"),
    [
        ("tar c / | gzip", "tar c / | gzip", None),
        ("mail joe%Hi,%%bye", "mail joe", "Hi,\n\nbye\n"),
        (r"date +\%F", "date +%F", None),
        (r"date +\%F % at \%d%", "date +%F ", " at %d\n"),
        (r"echo a\\%b", "echo a\\", "b\n"),
        ("true%", "true", ""),
    ],
)
def test_percent_signs(written, command, given):
    assert command_and_input(written) == (command, given)


@pytest.mark.parametrize(
    ("schedule", "dialect", "minutes"),
    [
        ("50-5 * * * *", "debian", []),
        ("50-5 * * * *", "busybox", [50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 0, 1, 2, 3, 4, 5]),
        ("58-3/2 * * * *", "busybox", [58, 0, 2]),
        ("7/5 * * * *", "busybox", [7]),
        ("5#2,9 * * * *", "debian", [5]),
    ],
)
def test_minutes_by_dialect(schedule, dialect, minutes):
    assert times(schedule, dialect).minutes == frozenset(minutes)


@pytest.mark.parametrize(
    ("schedule", "dialect"),
    [("50-5 * * * *", "cronie"), ("5#2 * * * *", "cronie"), ("0~5 * * * *", "cronie"), ("0/5 * * * *", "cronie")],
)
def test_refused_by_dialect(schedule, dialect):
    with pytest.raises(NotCron):
        times(schedule, dialect)
