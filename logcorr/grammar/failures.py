"""What the system, databases and client libraries say when they refuse something: the same words in every application's log.

Error numbers are errno(3)'s. The other texts are those of PostgreSQL, MySQL, SQLite, Redis, MongoDB, PHP-FPM, Apache and of the
usual clients and pools (node-postgres, Sequelize, Knex, SQLAlchemy, HikariCP, requests, axios, Go's context).
"""

from __future__ import annotations

from logcorr.grammar.phrase import Phrase

_UNREACHABLE = r"(?:ECONNREFUSED|ETIMEDOUT|ENOTFOUND|EHOSTUNREACH|ENETUNREACH|EAI_AGAIN|ECONNRESET)"
_AFTER = r".{0,80}\b(?:within|after|in) \d+(?:\.\d+)? ?(?:ms|s|sec|seconds)\b"


def _any(needles: str) -> tuple[str, ...]:
    return tuple(needles.split("|"))


FAILURES = (
    Phrase("address.in_use", ("EADDRINUSE", "ddress already in use"), r"\bEADDRINUSE\b|[aA]ddress already in use"),
    Phrase(
        "limit.reached",
        _any(
            "EMFILE|ENFILE|oo many |connection slots|clients reached|max_children|MaxRequestWorkers|MaxClients|"
            "exceeded when trying|QueuePool limit|onnection pool|onnection is not available|when used memory|EAGAIN"
            "|native thread|file watchers|acquiring a connection|max_user_connections"
        ),
        r"\bE[MN]FILE\b|[tT]oo many open files|\btoo many clients already\b|(?:^|[:)\]] )Too many connections\b"
        r"|\bSystem limit for number of file watchers\b|\bconnection slots are reserved\b|\bmax number of clients reached\b"
        r"|\bmore than 'max_user_connections'"
        r"|\breached (?:pm\.)?(?:max_children|MaxRequestWorkers|MaxClients)\b|\btimeout exceeded when trying to connect\b"
        r"|\bQueuePool limit of size\b|\b[cC]onnection pool (?:is |was )?(?:exhausted|timed out|full)"
        r"|\b[tT]ime(?:out|d out) acquiring a conn"
        r"|\b[cC]onnection is not available, request timed out\b|\bcommand not allowed when used memory\b"
        r"|\b(?:fork|spawn|pthread_create)\b.{0,20} EAGAIN\b|\bunable to create (?:new )?native thread\b",
    ),
    Phrase(
        "size.exceeded",
        _any(
            "oo large|oo big|ooLarge|ooBig|TOO_LARGE|SizeExceeded|LimitExceeded|HEADER_OVERFLOW|bytes exceeds the limit"
            "|URI too long|LimitRequestFieldSize|configured limit|POST data is too large|upload_max_filesize"
            "|exceeds the configured max|larger than max|Body exceeded"
        ),
        r"\bPayloadTooLargeError\b|\b[rR]equest (?:entity|body|header|headers|header fields) (?:is |are )?too large\b"
        r"|\bRequestEntityTooLarge\b|\bRequestDataTooBig\b|\b(?:MaxUploadSize|FileSizeLimit|SizeLimit)ExceededException\b"
        r"|\bMulterError: File too large\b|\bFST_ERR_CTP_BODY_TOO_LARGE\b|\bHPE_HEADER_OVERFLOW\b"
        r"|\bPOST Content-Length of \d+ bytes exceeds the limit\b|\bPOST data is too large\b|\bPostTooLargeException\b"
        r"|\bexceeds (?:your|the) upload_max_filesize\b|\bexceeds the configured maximum\b"
        r"|\breceived message larger than max\b|\bBody exceeded [\d.]+ ?[kKmMgG]?[bB]? limit\b"
        r"|\bRequest Line is too large\b|\bURI too long\b"
        r"|\bexceeds LimitRequestFieldSize\b"
        r"|\b(?:content-length|[rR]equest body|Content-Length\)).{0,40} is larger than the configured limit\b",
    ),
    Phrase(
        "disk.full",
        _any(
            "ENOSPC|o space left on device|database or disk is full|SQLITE_FULL|EDQUOT|uota exceeded|OutOfDiskSpace"
            "|not enough space on the disk|' is full|disk watermark"
        ),
        r"\bENOSPC\b|[nN]o space left on device|\bdatabase or disk is full\b|\bSQLITE_FULL\b|\bEDQUOT\b|\bDisk quota exceeded\b"
        r"|\bOutOfDiskSpace\b|\bThere is not enough space on the disk\b|\bThe table '[^']+' is full\b"
        r"|\bflood[ -]stage disk watermark \[[^\]]+\] exceeded\b",
    ),
    Phrase(
        "dependency.denied",
        _any(
            "authentication failed|Authentication failed|Access denied for user|WRONGPASS|NOAUTH|ER_ACCESS_DENIED"
            "|SMTPAuthenticationError|535 5.7.8|535-5.7.8|Invalid login: 535|ACCESS_REFUSED"
        ),
        r"\b(?:password|peer|ident|md5|scram) authentication failed for (?:user|role)\b|\bAccess denied for user\b"
        r"|\bIdent authentication failed\b|\b(?:WRONGPASS|NOAUTH) |\bER_ACCESS_DENIED_ERROR\b"
        r"|\bMongoServerError: Authentication failed\b|\bACCESS_REFUSED\b.{0,20}\b[lL]ogin was refused\b"
        r"|\bSMTPAuthenticationError\b|\bInvalid login: 535\b|\b535[ -]5\.7\.8 .*(?:[aA]uthentication failed|not accepted)",
    ),
    Phrase(
        "permission.denied",
        _any(
            "EACCES|EPERM|ermission denied|PermissionError|ead-only file system|EROFS|AccessDeniedException"
            "|UnauthorizedAccessException|nable to write in|nable to create the|not writ"
        ),
        r"\b(?:EACCES|EPERM|EROFS): |\bErrno::EACCES\b|\bPermissionError: |\bRead-only file system\b"
        r"|\bjava\.nio\.file\.AccessDeniedException: /|\bUnauthorizedAccessException: Access to the path\b"
        r"|\b[uU]nable to (?:write in|create) the [\w \"-]{0,60}\b(?:directory|folder|file) \(?[\"']?/"
        r"|\b(?:directory|folder|file|path)\b[^/]{0,20} [\"'(]?/\S+ is not writ(?:e?able)\b"
        r"|\b(?:open(?:ing)?|mkdir|unlink|renam(?:e|ing)|writ(?:e|ing)|creat(?:e|ing)|access|read(?:ing)?|load(?:ing)?|bind|listen)\b"
        r".{0,120}(?:: |\()(?:13: )?[pP]ermission denied\b",
    ),
    Phrase(
        "tls.failed",
        _any(
            "CERT_HAS_EXPIRED|certificate has expired|UNABLE_TO_VERIFY_LEAF_SIGNATURE|DEPTH_ZERO_SELF_SIGNED|SSL alert number 4|"
            "alert certificate |ALERT_CERTIFICATE_|remote error: tls: |fatal alert: "
        ),
        r"\bSSL alert number 4[2-8]\b|\b(?i:alert[ _]certificate[ _](?:expired|revoked|unknown))\b"
        r"|\bremote error: tls: (?:bad|expired|revoked|unknown|unsupported) certificate\b"
        r"|\bfatal alert: ?(?:bad_certificate|certificate_\w+)\b"
        r"|\bCERT_HAS_EXPIRED\b|certificate has expired|\bUNABLE_TO_VERIFY_LEAF_SIGNATURE\b|\bDEPTH_ZERO_SELF_SIGNED_CERT\b",
    ),
    Phrase(
        "dependency.failed",
        _any(
            "ECONNREFUSED|ETIMEDOUT|ENOTFOUND|EHOSTUNREACH|ENETUNREACH|EAI_AGAIN|ECONNRESET|NetworkError|dial |"
            "SelectionError|onnection refused|ame resolution|Name or service not known|"
            "ould not translate host|UnknownHostException|o such host|could not connect to server|"
            "ConnectionError|resolve host|MySQL server host|does not resolve|associated with hostname|nor servname|"
            "RemoteDisconnected|erver disconnected|ServerDisconnectedError|NoHttpResponseException"
        ),
        rf"\b(?:connect|getaddrinfo|read|write|queryA) {_UNREACHABLE}\b|\bMongo(?:Network|ServerSelection)Error\b"
        rf"""|\bcode"?: ?["']{_UNREACHABLE}["']"""
        r"|\bdial (?:tcp|unix)\b.{0,150}: (?:connection refused|no such host|no route to host|i/o timeout|connection timed out)\b"
        r"|\b(?:\w+\.)*ConnectException: Connection refused\b|\bConnectionRefusedError\b|\[Errno 111\] Connection refused\b"
        r"|\bSQLSTATE\[HY000\] \[2002\] Connection refused\b|\bconnection to server at .{1,120} failed: Connection refused\b"
        r"|\bName or service not known\b|\bTemporary failure in name resolution\b|\bcould not translate host name\b"
        r"|\b(?:\w+\.)*UnknownHostException\b|\blookup \S+(?: on \S+)?: no such host\b|\bcould not connect to server\b"
        r"|\bredis\.exceptions\.ConnectionError\b|\bCould not resolve host\b|\bUnknown MySQL server host\b"
        r"|\bName does not resolve\b"
        r"|\bNo address associated with hostname\b|\bnodename nor servname provided\b|\bNo such host is known\b"
        r"|\bRemoteDisconnected\(|\bServerDisconnectedError\b|\bNoHttpResponseException\b"
        r"|\bRemoteProtocolError\b.{0,20}\bServer disconnected\b",
    ),
    Phrase(
        "transaction.deadlock",
        _any("eadlock detected|eadlock found|ER_LOCK_DEADLOCK|deadlocked on lock|ORA-00060|40P01"),
        r"\b[dD]eadlock detected(?:$|[^ ]| [^b])|\bDeadlock found when trying to get lock\b|\bER_LOCK_DEADLOCK\b|\bORA-00060\b"
        r"|\bdeadlocked on lock\b.{0,80}\bdeadlock victim\b|\bcode\W{1,4}40P01\b",
    ),
    Phrase(
        "dependency.timeout",
        _any(
            "imed out|imeout of |t answer|t respond|o answer|o response|is locked|SQLITE_BUSY|Lock wait|"
            "deadline exceeded|due to lock timeout|due to statement timeout"
        ),
        r"\bSQLITE_BUSY\b|\bdatabase (?:file |table )?is locked\b|\bLock wait timeout exceeded\b|\bcontext deadline exceeded\b"
        r"|\bcanceling statement due to (?:lock|statement) timeout\b|\b[tT]imeout of \d+ ?ms exceeded\b"
        rf"|\b(?:did not|didn't|does not|doesn't|not) (?:answer|respond)\b{_AFTER}"
        rf"|\b(?:[tT]imed out|[nN]o answer|[nN]o response)\b{_AFTER}"
        r"|\b(?:[rR]ead|[cC]onnect(?:ion)?|[rR]equest|[qQ]uery|[oO]peration|[sS]ocket|[cC]ommand) timed out\b",
    ),
)
"""Failures that tell why, wherever an application writes them; the first that fits counts."""
