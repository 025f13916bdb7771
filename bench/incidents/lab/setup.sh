#!/bin/bash
# setup.sh DIRECTORY: what the lab's machines have beyond the host's root (packages unpacked, not installed).
# Needs Debian with nginx, cron, Node 20, npm, gcc, apt, PostgreSQL 15, sqlite3; root for running machines later.
set -e
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1/layer/usr/lib/lab" "$1/debs" "$1/npm"
cd "$1/debs" && apt-get download rsyslog logrotate libestr0 libfastjson4 libpopt0 \
    redis-server redis-tools liblzf1 libjemalloc2 libhiredis0.14 liblua5.1-0 lua-cjson lua-bitop haproxy php8.2-fpm php8.2-cli php8.2-common php8.2-opcache liblua5.3-0 libopentracing-c-wrapper0 libopentracing1
for package in *.deb; do dpkg -x "$package" "$1/layer"; done
cd "$1/npm" && npm init -y > /dev/null
npm install --no-audit --no-fund express@4 socket.io@4 socket.io-client@4 winston@3 pino@9 bunyan@1 pg@8 ioredis@5 pm2@6
cp -r node_modules "$1/layer/node_modules"
gcc -shared -fPIC -O2 -Wall -o "$1/layer/usr/lib/clock.so" "$here/clock.c" -ldl -lm
for tool in docker docker-compose systemctl; do mkdir -p "$1/layer/usr/bin"; ln -sf /usr/lib/lab/tools.py "$1/layer/usr/bin/$tool"; done
python3 -m pip install --quiet --target "$1/layer/usr/lib/supervisord" supervisor
for tool in supervisord supervisorctl; do
    printf '#!/usr/bin/python3\nimport sys\nsys.path.insert(0, "/usr/lib/supervisord")\nfrom supervisor.%s import main\nmain()\n' "$tool" > "$1/layer/usr/bin/$tool"
    chmod 755 "$1/layer/usr/bin/$tool"
done
python3 -m pip install --quiet --target "$1/layer/usr/lib/python3/dist-packages" gunicorn redis async-timeout
printf '#!/usr/bin/python3\nfrom gunicorn.app.wsgiapp import run\nrun()\n' > "$1/layer/usr/bin/gunicorn"
printf '#!/bin/sh\nexec node /usr/lib/pm2/node_modules/pm2/bin/pm2 "$@"\n' > "$1/layer/usr/bin/pm2" # an incident that uses it names /usr/lib/pm2 in `apps`
chmod 755 "$1/layer/usr/bin/gunicorn" "$1/layer/usr/bin/pm2"
cp -r "$1/layer/lib/." "$1/layer/usr/lib/" && rm -r "$1/layer/lib" # the host's /lib is a link
