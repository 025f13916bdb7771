#!/bin/bash
# The first process of a lab machine: system log, services, cron, then wait.
cd /
umask 022
echo $((RANDOM % 20000 + 900)) > /proc/sys/kernel/ns_last_pid # a host that has been up for a while
rsyslogd -n -iNONE > /run/rsyslog.out 2>&1 &
sleep 2
[ -x /usr/lib/lab/prepare.sh ] && /usr/lib/lab/prepare.sh
/usr/lib/lab/supervisor.py > /run/supervisor.out 2>&1 &
sleep 5
cron -f -L 1 > /run/cron.out 2>&1 &
sleep infinity &
wait $!
