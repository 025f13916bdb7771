#!/bin/bash
# Boots one lab machine; lab.py runs it inside fresh mount, network, uts and ipc namespaces.
# boot.sh DISK LAYER HOSTNAME "APP DIRECTORIES" FACTOR START
#   DISK   holds `upper` (the machine's own files, laid over the host's root) and `work`;  LAYER holds node_modules
#   FACTOR how much faster time runs;  START the wall clock at boot (seconds since 1970)
set -e
disk=$1 layer=$2 host=$3 apps=$4 factor=$5 start=$6 root=$1/root
mount --make-rprivate /
mount -t overlay overlay -o "lowerdir=/,upperdir=$disk/upper,workdir=$disk/work" "$root"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
mount -t tmpfs tmpfs "$root/work" 2>/dev/null || true # a checkout on the host is no part of the machine
mount -t tmpfs tmpfs "$root/dev"
for device in null zero full random urandom tty; do touch "$root/dev/$device"; mount --bind /dev/$device "$root/dev/$device"; done
ln -s /proc/self/fd "$root/dev/fd"; mkdir -p "$root/dev/shm" "$root/run/lock"
for app in /usr/lib/lab $apps; do mkdir -p "$root$app/node_modules"; mount --bind "$layer/node_modules" "$root$app/node_modules"; done
hostname "$host"
ip link set lo up # whole documentation ranges and a container network are local addresses here
for range in 203.0.113.1/24 198.51.100.1/24 192.0.2.1/24 172.18.0.1/16; do ip address add $range dev lo; done

mount -t proc proc "$root/proc"
python3 - "$root/run/clock" "$factor" "$start" <<'PYTHON'
import struct, sys, time
path, factor, start = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
open(path, "wb").write(struct.pack("4d", time.time(), start, time.monotonic(), factor))
PYTHON
echo /usr/lib/clock.so > "$root/etc/ld.so.preload"
chroot "$root" node /usr/lib/lab/visitors.mjs /usr/lib/lab/visitors.json > "$disk/visitors.log" 2>&1 &
exec unshare --pid --fork --kill-child --mount-proc="$root/proc" chroot "$root" /bin/bash /usr/lib/lab/init.sh
