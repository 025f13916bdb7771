"""What a secret looks like: by the name it is given, by the place it stands in, or by its own form."""

from __future__ import annotations

from logcorr.lazily import pl

VALUE = r"""[^\s"'`,;&}\]\\<>]+"""
NAME = (
    r"(?:passw(?:or)?d|passphrase|secret|token|credentials?|api[_-]?key|access[_-]?key(?:[_-]id)?|private[_-]?key"
    r"|signing[_-]?key|encryption[_-]?key|[_-](?:pass|pwd))[\w.-]*"
)

SECRETS = {
    "private-key": r"(?s)(-----BEGIN [A-Z ]*PRIVATE KEY-----).*?(?:-----END [A-Z ]*PRIVATE KEY-----|\z)",
    "authorization": (
        r"""(?i)((?:\bauthorization["']?\s*[:=]\s*["']?(?:(?:bearer|basic|digest|token)\s+)?|\bbearer\s+))(?:<SECRET-\w+>|"""
        + VALUE
        + ")"
    ),
    "cookie": r"""(?i)(\b(?:set-)?cookie["']?\s*[:=]\s*["']?)[^"'\n]+""",
    "credentials": r"""(://)(?:[^\s:/@"']*:[^\s/"'<>]+|[0-9A-Za-z]{16,})@""",
    "login": rf"""(\s(?:-u|--user)[ =]?["']?[^\s:"'/]+:){VALUE}""",
    "option": (
        rf"""(?i)(\s--?(?:password|passwd|token|secret|api-?key)[ =]+["']?|\bsshpass\s+-p\s*|\bredis-cli\b[^|;\n]*?\s-a\s+"""
        rf"""|\b(?:mysql|mysqldump|mysqladmin|mariadb|mariadb-dump)\b[^|;\n]*?\s-p["']?){VALUE}"""
    ),
    "value": rf"""(?i)({NAME}\\?["']?\s*[=:]\s*\\?["']?){VALUE}""",
    "parameter": rf"(?i)([?&](?:sid|session|session_?id|phpsessid|jsessionid|sig|signature|code|otp|auth|key)=){VALUE}",
    "token": (
        r"()\b(?:A(?:KI|SI)A[0-9A-Z]{16}|gh[opsur]_[0-9A-Za-z]{20,}|github_pat_\w{20,}|glpat-[\w-]{20,}|xox[abeprs]-[\w-]{10,}"
        r"|sk-[\w-]{20,}|[prs]k_(?:live|test)_[0-9A-Za-z]{10,}|AIza[\w-]{35}|npm_[0-9A-Za-z]{30,}|eyJ[\w-]+\.[\w-]+\.[\w-]*)"
    ),
}
"""Patterns by what they find, in the order they are applied; what group 1 holds stays before the tag."""


def without_secrets(text: pl.Expr) -> pl.Expr:
    """The text with each secret replaced by `<SECRET-kind>`."""
    for kind, pattern in SECRETS.items():
        replacement = "${1}<SECRET-" + kind + ">" + ("@" if kind == "credentials" else "")
        text = text.str.replace_all(pattern, replacement)
    return text
