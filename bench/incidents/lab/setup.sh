#!/bin/bash
# setup.sh DIRECTORY: what the lab's machines have beyond the host's root (packages unpacked, not installed).
# Needs Debian with nginx, cron, Node 20, npm, gcc, apt; root for running machines later.
set -e
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1/layer/usr/lib/lab" "$1/debs" "$1/npm"
cd "$1/debs" && apt-get download rsyslog logrotate libestr0 libfastjson4 libpopt0
for package in *.deb; do dpkg -x "$package" "$1/layer"; done
cd "$1/npm" && npm init -y > /dev/null
npm install --no-audit --no-fund express@4 socket.io@4 socket.io-client@4 winston@3 pino@9 bunyan@1
cp -r node_modules "$1/layer/node_modules"
gcc -shared -fPIC -O2 -Wall -o "$1/layer/usr/lib/clock.so" "$here/clock.c" -ldl -lm
for tool in docker docker-compose systemctl; do mkdir -p "$1/layer/usr/bin"; ln -sf /usr/lib/lab/tools.py "$1/layer/usr/bin/$tool"; done
python3 -m pip install --quiet --target "$1/layer/usr/lib/supervisord" supervisor
for tool in supervisord supervisorctl; do
    printf '#!/usr/bin/python3\nimport sys\nsys.path.insert(0, "/usr/lib/supervisord")\nfrom supervisor.%s import main\nmain()\n' "$tool" > "$1/layer/usr/bin/$tool"
    chmod 755 "$1/layer/usr/bin/$tool"
done
cp -r "$1/layer/lib/." "$1/layer/usr/lib/" && rm -r "$1/layer/lib" # the host's /lib is a link
