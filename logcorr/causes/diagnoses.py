"""The causes that one rule can diagnose by itself, by the rule's name: what kind each is, and what follows from what."""

from __future__ import annotations

from msgspec import Struct

from logcorr.causes import hops
from logcorr.causes.follow import LONGEST_S, Ends, Times, from_then_on, of_times
from logcorr.model.claim import claim

AT_ONCE_S = 2.0
"""Proxy, application and clients tell of one failed request within this time."""

GIVEN_UP_S = 90.0
"""Requests that wait for a free place are given up within this time of the limit being reached: proxies wait 60 s by default."""

CHANGES, RUNS, AGAIN = "deploy_changes_configuration", "job_runs_script", "supervisor_restarts_process"
MANAGED = ("configuration_mismatch", "resource_exhausted", "probe_gets_answer")
"""By one of these, who runs a service comes to end it."""


class Diagnosis(Struct, frozen=True):
    """How a rule's finding becomes a cause: its kind, and the mechanisms that its evidence shows, in order.

    Without `mechanisms` they are those that the finding's evidence says it shows. `dies`: a process ends by it, which a
    supervisor may start again. `effects` names the mechanisms by which it is felt elsewhere. `most` bounds the confidence of
    rules that name where it broke, but not why. Symptoms count as explained up to `within_s` after one of the finding's events;
    of what `lasts`, from the first of them on; where the events are failed requests `themselves`, at the same moment.
    Mechanisms that stand in `perhaps`, too, are left out where no evidence shows them. What is told once (`once`) goes on for as
    long as failures follow one another within that time. What says by itself why its own events came (`alone`) leaves nothing of
    them to be explained by something else of the same time.
    """

    kind: str
    mechanisms: tuple[str, ...] = ()
    dies: bool = False
    effects: tuple[str, ...] = ("failure_reaches_clients",)
    most: float = 1.0
    within_s: float = LONGEST_S
    lasts: bool = False
    themselves: bool = False
    perhaps: tuple[str, ...] = ()
    once: bool = False
    alone: bool = False

    def ends(self, times: Times) -> Ends:
        """When it struck, given the times of its finding."""
        if self.lasts:
            return from_then_on(times)
        at_once = AT_ONCE_S if self.within_s == LONGEST_S else self.within_s
        return of_times(times, at_once, sure=True) if self.themselves else of_times(times, self.within_s)


SAID = {
    CHANGES: claim("hop.deploy_changes_configuration", "what it depends on was changed"),
    RUNS: claim("hop.job_runs_script", "a job runs the script"),
    "effect_terminates_process": claim("hop.effect_terminates_process", "it ends the process"),
    "resource_exhausted": claim("hop.resource_exhausted", "what is limited runs out"),
    "configuration_mismatch": claim("hop.configuration_mismatch", "two configurations disagree"),
    "probe_gets_answer": claim("hop.probe_gets_answer", "its probe is not answered as it should be"),
    "answer_takes_branch": claim("hop.answer_takes_branch", "the script takes that for a failure"),
    "effect_hits_service": claim("hop.effect_hits_service", "it acts on the service"),
    AGAIN: claim("hop.supervisor_restarts_process", "it is started again"),
    "process_terminates": claim("hop.process_terminates", "it is told to end"),
    "limit_rejects_requests": claim("hop.limit_rejects_requests", "the limit turns requests away"),
    "timeout_closes_connection": claim("hop.timeout_closes_connection", "each such connection is closed when the time is up"),
    "statement_slows": claim("hop.statement_slows", "a statement takes much longer since, and who waits for it with it"),
    "data_is_missing": claim("hop.data_is_missing", "it comes up without what it held"),
    "clocks_disagree": claim("hop.clocks_disagree", "by one clock it is not yet as late as by the other"),
    "dependency_fails": claim("hop.dependency_fails", "what is needed cannot be reached, or lets nobody in"),
    "failure_reaches_clients": claim("hop.failure_reaches_clients", "the clients are answered so"),
    "schedule_fires_twice": claim("hop.schedule_fires_twice", "its time comes twice"),
    "certificate_fails": claim("hop.certificate_fails", "the certificate is not accepted"),
}
"""What a hop after the first says; the first is the finding itself."""

DIAGNOSES = {
    "heap_exhausted": Diagnosis("heap_exhausted", ("resource_exhausted",), dies=True, effects=hops.DOWN),
    "memory_exhausted": Diagnosis("memory_exhausted", ("resource_exhausted",), dies=True, effects=hops.DOWN),
    "request_crashes_process": Diagnosis(
        "request_crashes_process", ("request_crashes_process",), dies=True, effects=hops.DOWN, within_s=30.0
    ),
    "crash_after_deploy": Diagnosis(
        "crash_after_deploy",
        ("deploy_changes_configuration", "configuration_mismatch"),
        dies=True,
        effects=hops.DOWN,
        lasts=True,
    ),
    "process_crashed": Diagnosis("crash", dies=True, effects=hops.DOWN, most=0.8),
    "idle_timeout": Diagnosis(
        "idle_timeout", (CHANGES, "configuration_mismatch", "timeout_closes_connection"), perhaps=(CHANGES,), themselves=True
    ),
    "idle_connection_lost": Diagnosis(
        "idle_timeout", (CHANGES, "timeout_closes_connection"), perhaps=(CHANGES,), themselves=True
    ),
    "keepalive_race": Diagnosis("keepalive_race", ("configuration_mismatch", "timeout_closes_connection"), themselves=True),
    "stale_upstream_address": Diagnosis(
        "stale_upstream_address",
        ("deploy_changes_configuration", "configuration_mismatch"),
        effects=(hops.REFUSES, hops.LAST),
        themselves=True,
    ),
    "job_stalls_service": Diagnosis(
        "job_stalls_service",
        ("job_stalls_service", "resource_exhausted", "timeout_closes_connection"),
        perhaps=("resource_exhausted",),
        themselves=True,
    ),
    "request_holds_up": Diagnosis("request_holds_up", ("job_stalls_service", "timeout_closes_connection"), themselves=True),
    "strict_healthcheck": Diagnosis(
        "strict_healthcheck",
        (CHANGES, "probe_gets_answer", "answer_takes_branch", "effect_hits_service", "process_terminates"),
        effects=hops.DOWN,
        perhaps=(CHANGES,),
    ),
    "healthy_taken_out": Diagnosis(
        "healthy_taken_out", (CHANGES, "probe_gets_answer", "answer_takes_branch"), perhaps=(CHANGES,), themselves=True
    ),
    "ended_before_ready.unhealthy": Diagnosis(
        "ended_before_ready",
        ("configuration_mismatch", "probe_gets_answer", "answer_takes_branch", "effect_hits_service", "process_terminates"),
        effects=hops.DOWN,
    ),
    "ended_before_ready.start_timeout": Diagnosis(
        "ended_before_ready",
        ("configuration_mismatch", "effect_terminates_process", "process_terminates"),
        effects=hops.DOWN,
    ),
    **dict.fromkeys(
        ("slow_request_ended.set", "slow_request_ended.default"),
        Diagnosis("setting_reached", ("limit_rejects_requests", hops.LAST), perhaps=(hops.LAST,), themselves=True),
    ),
    "clock_off": Diagnosis(
        "clock_off", (CHANGES, "dependency_fails", "clocks_disagree"), perhaps=(CHANGES, "dependency_fails"), lasts=True
    ),
    "zone_lost": Diagnosis("zone_lost", (CHANGES, "clocks_disagree"), themselves=True),
    "request_raises": Diagnosis("request_raises", (CHANGES, "request_raises"), perhaps=(CHANGES,), themselves=True),
    "item_blocks_queue": Diagnosis("stuck_item", (CHANGES, "request_raises"), perhaps=(CHANGES,), themselves=True, lasts=True),
    "lock_held": Diagnosis("lock_held", (CHANGES, "statement_waits"), perhaps=(CHANGES,), themselves=True, within_s=GIVEN_UP_S),
    "index_dropped": Diagnosis("query_slowed", (CHANGES, "statement_slows"), lasts=True),
    "database_began_empty": Diagnosis("data_missing", (CHANGES, "data_is_missing"), perhaps=(CHANGES,), lasts=True),
    "deadlock": Diagnosis("deadlock", ("transactions_deadlock",), themselves=True),
    **dict.fromkeys(
        ("slow_endpoint", "timeout_lowered"),
        Diagnosis(
            "slow_endpoint", (CHANGES, "configuration_mismatch", "timeout_closes_connection"), perhaps=(CHANGES,), themselves=True
        ),
    ),
    **dict.fromkeys(
        ("sessions_not_sticky", "requests_refused.moved"),
        Diagnosis(
            "wrong_setting",
            (CHANGES, "configuration_mismatch", hops.LAST),
            effects=(),
            perhaps=(CHANGES,),
            themselves=True,
            alone=True,
        ),
    ),
    "requests_limited": Diagnosis(
        "requests_limited", (CHANGES, "limit_rejects_requests", hops.LAST), perhaps=(CHANGES, hops.LAST), themselves=True
    ),
    "larger_than_allowed": Diagnosis(
        "larger_than_allowed",
        (CHANGES, "configuration_mismatch", "limit_rejects_requests", hops.LAST),
        perhaps=(CHANGES, hops.LAST),
        themselves=True,
    ),
    "errors_cached": Diagnosis(
        "answer_kept",
        (CHANGES, "effect_hits_service", "configuration_mismatch", hops.LAST),
        effects=(),
        perhaps=(CHANGES, "effect_hits_service"),
        themselves=True,
    ),
    "left_switched_on": Diagnosis("left_switched_on", (CHANGES, "configuration_mismatch"), lasts=True),
    "runs_skipped": Diagnosis(
        "runs_skipped",
        ("job_stalls_service", "resource_exhausted", "limit_rejects_requests"),
        perhaps=("resource_exhausted", "limit_rejects_requests"),
        lasts=True,
    ),
    "connections_exhausted": Diagnosis(
        "limit_reached", (CHANGES, "resource_exhausted"), perhaps=(CHANGES,), themselves=True, within_s=GIVEN_UP_S, once=True
    ),
    **dict.fromkeys(
        [f"dependency_unreachable.{state}" for state in ("wrong", "denied", "blank", "taken", "cut")],
        Diagnosis(
            "wrong_setting", (CHANGES, "configuration_mismatch", hops.REFUSES), perhaps=(CHANGES, hops.REFUSES), lasts=True
        ),
    ),
    "built_for_another_version": Diagnosis(
        "version_mismatch", (CHANGES, "configuration_mismatch"), perhaps=(CHANGES,), dies=True, effects=hops.DOWN, lasts=True
    ),
    "job_ran_twice.harmed": Diagnosis(
        "ran_twice", ("schedule_fires_twice", hops.LAST), effects=(), themselves=True, within_s=600.0
    ),
    "listens_elsewhere": Diagnosis("wrong_setting", (CHANGES, "configuration_mismatch"), perhaps=(CHANGES,), lasts=True),
    "dependency_unreachable.gone": Diagnosis(
        "wrong_setting", (CHANGES, "configuration_mismatch"), effects=(hops.REFUSES, hops.LAST), perhaps=(CHANGES,), lasts=True
    ),
    "dependency_unreachable.found": Diagnosis("dependency_failed", ("dependency_fails",), within_s=5.0),
    "cut_off_by_command.changed": Diagnosis("wrong_setting", (CHANGES, "dependency_fails"), themselves=True),
    "cut_off_by_command": Diagnosis("cut_off", (CHANGES, "dependency_fails"), themselves=True),
    "change_refused": Diagnosis("change_refused", ("deploy_changes_configuration", "configuration_mismatch"), lasts=True),
    "access_denied": Diagnosis("access_denied", (CHANGES, "configuration_mismatch"), lasts=True),
    "access_denied.gone": Diagnosis(
        "access_denied", (CHANGES, "effect_hits_service", "configuration_mismatch"), perhaps=("effect_hits_service",), lasts=True
    ),
    "access_denied.unmade": Diagnosis("access_denied", (CHANGES, "configuration_mismatch"), themselves=True),
    **dict.fromkeys(
        ("access_denied.socket", "access_denied.socket_refused"),
        Diagnosis("access_denied", (CHANGES, "effect_hits_service"), effects=(hops.REFUSES, hops.LAST), lasts=True),
    ),
    "configuration_refused.invalid": Diagnosis(
        "configuration_refused",
        ("deploy_changes_configuration", "configuration_mismatch"),
        effects=(hops.REFUSES, hops.LAST),
        lasts=True,
    ),
    **dict.fromkeys(
        ("configuration_refused.taken", "configuration_refused.held"),
        Diagnosis("address_shared", ("configuration_mismatch",), dies=True, effects=hops.DOWN, lasts=True),
    ),
    "command_cut_short": Diagnosis("job_broken", ("configuration_mismatch",), themselves=True),
    "ended_by_supervisor": Diagnosis(
        "ended_by_supervisor",
        (CHANGES, *MANAGED, "effect_hits_service", "process_terminates", AGAIN),
        effects=hops.DOWN,
        perhaps=(CHANGES, *MANAGED, AGAIN),
    ),
    "lifetime_limited": Diagnosis("lifetime_limited", ("effect_terminates_process", "process_terminates"), effects=hops.DOWN),
    "upgrade_restarts_service": Diagnosis("upgrade_restarts_service", (CHANGES, "process_terminates"), effects=hops.DOWN),
    "signal_not_handled": Diagnosis(
        "signal_not_handled",
        (CHANGES, RUNS, "effect_terminates_process", "process_terminates"),
        effects=hops.DOWN,
        perhaps=(CHANGES, RUNS),
    ),
    "disk_full": Diagnosis(
        "disk_full",
        (CHANGES, "configuration_mismatch", "resource_exhausted"),
        perhaps=(CHANGES, "configuration_mismatch"),
        lasts=True,
    ),
    **dict.fromkeys(
        (
            *("certificate_failed.not_loaded", "certificate_failed.perhaps_not_loaded"),
            *("certificate_failed.renewal_refused", "certificate_failed.renewal_failed", "certificate_failed.stray"),
            "certificate_failed.kept",
        ),
        Diagnosis("certificate_failed", ("configuration_mismatch", "certificate_fails"), lasts=True),
    ),
    "certificate_failed.another_told": Diagnosis(
        "certificate_failed", (CHANGES, "configuration_mismatch", "certificate_fails"), perhaps=(CHANGES,), lasts=True
    ),
    "certificate_failed": Diagnosis("certificate_failed", ("certificate_fails",), themselves=True),
    "check_asks_for_nothing": Diagnosis(
        "probe_never_satisfied", (CHANGES, "probe_gets_answer", "answer_takes_branch"), perhaps=(CHANGES,), lasts=True
    ),
    "errors_logged.traced": Diagnosis("setting_reached", effects=hops.DOWN),
    "slow_probe": Diagnosis(
        "slow_probe",
        ("probe_gets_answer", "answer_takes_branch", "effect_hits_service", "process_terminates"),
        effects=hops.DOWN,
        perhaps=("process_terminates",),
    ),
}
"""By the name of the rule, or of one of its claims. A rule that finds but a symptom of something else does not stand here."""
