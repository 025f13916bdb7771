"""The two closed lists that chains and causes are told in, and the weights by which configuration speaks in the posterior."""

from __future__ import annotations

MECHANISMS = {
    "job_runs_script": "a scheduler runs a script",
    "script_calls_script": "a script runs another one",
    "probe_gets_answer": "a health check asks something and is answered",
    "answer_takes_branch": "the answer leads the script down a branch",
    "effect_hits_service": "a command acts on a service",
    "effect_terminates_process": "a command ends a process",
    "process_terminates": "a process begins to shut down",
    "termination_closes_connections": "a process that ends breaks its open connections",
    "termination_refuses_connections": "while a process is down, connections to it are refused",
    "failure_reaches_clients": "a failure behind the proxy is felt by clients",
    "timeout_closes_connection": "a timeout closes a connection on which nothing moves",
    "crash_ends_process": "a process dies of its own",
    "supervisor_restarts_process": "a supervisor starts a dead process again",
    "deploy_changes_configuration": "a deployment changes what a service is told",
    "configuration_mismatch": "two configurations disagree about one thing",
    "resource_exhausted": "a limited resource runs out",
    "request_crashes_process": "a request makes the process that serves it die",
    "limit_rejects_requests": "a limit turns requests away",
    "dependency_fails": "something that a service needs fails it",
    "certificate_fails": "a certificate is not accepted",
    "job_stalls_service": "a job keeps a service from answering",
    "clocks_disagree": "by one clock something is not valid yet that another one has stamped",
    "data_is_missing": "a database comes up without what it held",
    "statement_slows": "a statement takes longer than before",
    "transactions_deadlock": "transactions wait for each other, and one of them is ended",
    "request_raises": "the code that serves a request throws, and the request fails",
    "statement_waits": "statements wait for a lock that another one holds",
}

CAUSE_KINDS = {
    "heap_exhausted": "a process's memory grows to its limit",
    "idle_timeout": "a timeout closes connections on which nothing moves",
    "stale_upstream_address": "a proxy asks for an address that the service has left",
    "job_stalls_service": "a scheduled job keeps a service from answering while it runs",
    "request_crashes_process": "one particular request makes a process die each time it comes",
    "request_holds_up": "one particular request keeps a service from answering anybody while it is at work",
    "keepalive_race": "who asks an application keeps idle connections longer than that does",
    "crash_after_deploy": "a deployment lacks what a process needs, and it dies at each start",
    "version_mismatch": "what a program was built for was replaced under it by another version",
    "requests_limited": "a limit turns away requests that were meant to be served",
    "larger_than_allowed": "a request or an answer is larger than the proxy takes",
    "answer_kept": "a cache keeps an error that was true for a moment",
    "left_switched_on": "a script ended before it undid what it had switched on",
    "runs_skipped": "all runs of a job are skipped, as its lock is never let go",
    "limit_reached": "something of which there is a limited number runs out: descriptors, connections, workers",
    "setting_reached": "something goes as far as a setting allows, and fails there",
    "upgrade_restarts_service": "services are restarted for an upgrade of packages, while they are used",
    "signal_not_handled": "a signal that a service does not handle ends it, though it was only meant to tell it something",
    "lifetime_limited": "what runs a service ends it a fixed time after each start",
    "ended_by_supervisor": "what runs a service ends it at work: for a changed file, a limit, silence, a new image or a copy",
    "wrong_setting": "what a service is told about something it needs is not right",
    "dependency_failed": "something a service needs does not answer it; why is not known",
    "change_refused": "a step of a change was refused, and what runs is not what was meant to",
    "access_denied": "files are refused to, or gone from, the one who needs them, since something changed them",
    "cut_off": "a command keeps somebody from what they need: a firewall's rule, a route, a name, a password",
    "configuration_refused": "a program refuses a changed configuration and goes on with the old one, or does not start",
    "address_shared": "two programs are told to listen on one address",
    "job_broken": "a scheduled job cannot do its work: its command is not what was meant",
    "request_raises": "the code that serves requests throws on something that it takes for granted",
    "stuck_item": "a worker fails at one piece of work again and again, and comes to no other",
    "lock_held": "a statement holds a lock for long, and others wait for it",
    "query_slowed": "a statement takes much longer since something was changed",
    "data_missing": "a database came up empty, and what others used is missing",
    "clock_off": "a host's clock is off, and stamps are refused",
    "zone_lost": "a service lost its time zone, and works by other hours",
    "deadlock": "transactions lock the same rows in different orders, and wait for each other",
    "ran_twice": "a job runs twice, and does again what it was to do once",
    "disk_full": "no space is left on a device",
    "memory_exhausted": "the kernel ends a process for want of memory",
    "certificate_failed": "a certificate has expired, or the renewed one was not loaded",
    "slow_probe": "a health check gives up before it is answered, and acts on it",
    "slow_endpoint": "one endpoint takes longer than the proxy waits for it",
    "ended_before_ready": "a service is given less time to start than it needs, and ended before it is ready",
    "strict_healthcheck": "a container that answers is called unhealthy, and restarted for that",
    "healthy_taken_out": "a balancer's check takes out servers that answer everybody else",
    "crash": "a process dies of its own",
    "probe_never_satisfied": "a health check waits for an answer that never comes, and acts on it",
    "check_always_fails": "a health check fails on nearly every run, and acts on it",
    "scheduled_stop": "a scheduled command stops a service by design or mistake",
    "bystander_ended": "a script ends all who are connected to a port, not only who listens on it",
    "scheduled_check_acts": "a scheduled check stops a service when its condition holds",
    "unproven_schedule": "stops follow a schedule, but what its job does was not collected",
}

# How much what is known of a job's script multiplies the odds that the job ends the service. MUST and NEVER are proofs, but
# of collected files: that these are the ones that ran is an assumption, and no assumption is surer than about 1 in 100.
PROVED_MUST = 100.0
CONDITIONAL = 20.0
POSSIBLE = 5.0
NOT_COLLECTED = 1.0
STOPS_NOTHING_HERE = 0.02
PROVED_NEVER = 0.01
# The logs themselves say that the command failed, or show runs without the effect.
CONTRADICTED = 0.001
