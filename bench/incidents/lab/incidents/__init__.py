"""One module an incident: INCIDENT says what runs, truth() what really happened, from the final files."""

NGINX_UNIT = {"description": "nginx", "command": ["nginx", "-g", "daemon off;"], "restart": "on-failure", "stop_signal": "QUIT"}
NGINX_CONTAINER = {"image": "nginx:1.22", "command": NGINX_UNIT["command"], "restart": "unless-stopped", "stop_signal": "QUIT"}
REAL = "nginx 1.22, Node 20, cron, bash and curl really ran"
# For an incident's `files`, as /etc/rsyslog.conf: the lines `journalctl -o short-iso` prints, all in /var/log/syslog.
JOURNAL_ISO = r"""module(load="imuxsock" SysSock.UseSysTimeStamp="off" SysSock.RateLimit.Interval="0")
template(name="iso" type="string" string="%timegenerated:::date-year%-%timegenerated:::date-month%-%timegenerated:::date-day%T%timegenerated:::date-hour%:%timegenerated:::date-minute%:%timegenerated:::date-second%%timegenerated:::date-tzoffsdirection%%timegenerated:::date-tzoffshour%%timegenerated:::date-tzoffsmin% %HOSTNAME% %syslogtag%%msg:::sp-if-no-1st-sp%%msg:::drop-last-lf%\n")
*.*;auth,authpriv.none action(type="omfile" file="/var/log/syslog" template="iso")
"""  # noqa: E501
