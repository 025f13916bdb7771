"""The timeline's schema and the words for what happens in it."""

from __future__ import annotations

from functools import cache

from logcorr.lazily import pl


@cache
def severity_type() -> pl.Enum:
    """Severities in rising order; nginx's names, `trace` added."""
    return pl.Enum(["trace", "debug", "info", "notice", "warn", "error", "crit", "alert", "emerg"])


REQUEST_LOGS = ("json_access", "morgan", "nginx_access", "w3c_log")
"""Formats that hold nothing but what clients asked and were answered; HAProxy's tells of servers as well."""

PROXIES = ("nginx", "apache", "haproxy")
"""Sources of what stands between clients and an application: no code of one runs in them."""


@cache
def event_schema() -> pl.Schema:
    """What every log parser's frame holds, before its own typed columns."""
    return pl.Schema(
        {
            "line": pl.UInt32(),  # first physical line of the event, from 1
            "lines": pl.UInt32(),  # how many physical lines it has, continuation lines included
            "time": pl.Datetime("us"),  # see `parsers.LogParser`: may also be zoned, or a time of day
            "severity": severity_type(),
            "kind": pl.String(),  # one of KINDS, or null
            "message": pl.String(),
            "parsed": pl.Boolean(),  # false: a line the format does not know; kept and counted
        }
    )


@cache
def timeline_schema() -> pl.Schema:
    """The shared timeline, in time order; events at the same instant keep the order of file and line."""
    return pl.Schema(
        {
            "time": pl.Datetime("us", "UTC"),
            "source": pl.String(),
            "service": pl.String(),
            "severity": severity_type(),
            "kind": pl.String(),
            "message": pl.String(),
            "file": pl.String(),
            "line": pl.UInt32(),
            "lines": pl.UInt32(),
        }
    )


YEARLESS = 1972
"""The year that stands for `no year given` in a parser's naive times; a leap year, so that 29 February fits."""

KINDS = {
    "process.started": "a process says that it runs or listens",
    "process.terminating": "a process received SIGTERM or began an orderly shutdown",
    "process.exited": "a process or unit ended",
    "process.killed": "a process was ended by SIGKILL, or by exit code 137",
    "process.crashed": "a process died of its own: uncaught exception, heap limit, segmentation fault",
    "process.out_of_memory": "the kernel, earlyoom or systemd-oomd ended a process for want of memory",
    "process.reloaded": "a process re-read its configuration or re-opened its logs",
    "host.booted": "the machine or its init system started",
    "job.started": "a scheduler started a job",
    "hook.started": "a program says that it runs a hook: certbot, acme.sh",
    "job.failed": "a job's own log reports an error",
    "probe.failed": "a health check says that it failed",
    "probe.passed": "a health check says that all is well",
    "service.restarting": "a script or tool says that it restarts services",
    "deploy.started": "a release or deployment began",
    "upstream.refused": "the proxy's connection to an upstream was refused (errno 111; to a unix socket also 2, 11 or 13)",
    "upstream.timeout": "an upstream did not answer in time (errno 110)",
    "upstream.reset": "an upstream reset the connection (errno 104)",
    "upstream.unreachable": "no route to an upstream (errno 113, 101)",
    "upstream.closed_early": "an upstream closed the connection before its answer was complete",
    "upstream.none_live": "all servers of an upstream group are marked down",
    "upstream.unresolved": "an upstream's name does not resolve",
    "client.connected": "a client's lasting connection was opened",
    "client.disconnected": "a client's lasting connection ended",
    "client.reconnecting": "a client tries to connect again",
    "client.connect_failed": "a client could not connect, or got a 5xx for it",
    "client.aborted": "a client went away before its answer",
    "client.limited": "a request was refused by a rate or connection limit",
    "http.5xx": "a request was answered with a 5xx status",
    "file.missing": "a file was asked for that does not exist",
    "disk.full": "no space is left on a device (errno 28)",
    "size.exceeded": "a request or an answer is larger than it may be",
    "limit.reached": "a number that is limited ran out: descriptors, connections, workers, a pool, a store's memory",
    "permission.denied": "the system refused access to a file or address (errno 1, 13, 30)",
    "tls.failed": "a TLS handshake failed, or a certificate is not valid",
    "address.in_use": "an address to listen on is taken (errno 98)",
    "config.invalid": "a program refuses its configuration",
    "dependency.failed": "an application cannot reach something it needs",
    "dependency.timeout": "an application waited in vain for something it needs",
    "transaction.deadlock": "two transactions wait for each other, and the database ends one of them",
    "dependency.denied": "something an application needs refuses its credentials",
}
"""Every kind an event may have, and what it means. A parser may emit only these."""
