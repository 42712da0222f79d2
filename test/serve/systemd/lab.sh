#!/bin/bash
# lab.sh FOLDER STEPS CHECKOUT: systemd as process 1 of namespaces of its own, on this computer's kernel and under a
# layer over its disk, which is gone behind it. It runs the script STEPS as root; what that prints is in FOLDER/printed,
# what systemd logs in FOLDER/journal. Needs root, and a cgroup2 that is mounted.
set -e
if [ "$1" != inside ]; then
  unified=$(findmnt --noheadings --first-only --types cgroup2 --output TARGET)
  group=$unified/mmfree-lab-$$
  mkdir "$group"
  (echo $BASHPID > "$group/cgroup.procs"
    exec unshare --pid --fork --mount --uts --ipc --net --cgroup --kill-child=KILL bash "$0" inside "$@") || true
  rmdir "$group"/*/*/ "$group"/*/ "$group" 2> /dev/null || true
  exit
fi
shift
folder=$1
ip link set lo up
mount --make-rprivate /
mount -t tmpfs tmpfs /mnt
mkdir /mnt/{over,work,root}
root=/mnt/root
mount -t overlay overlay -o lowerdir=/,upperdir=/mnt/over,workdir=/mnt/work $root
mount -t proc proc $root/proc
mount -t sysfs sysfs $root/sys
mount -t cgroup2 cgroup2 $root/sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs $root/dev
for device in null zero full random urandom tty; do
  : > $root/dev/$device
  mount --bind /dev/$device $root/dev/$device
done
mkdir $root/dev/{pts,shm}
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts $root/dev/pts
ln -s pts/ptmx $root/dev/ptmx
ln -s /proc/self/fd $root/dev/fd
mount -t tmpfs tmpfs $root/dev/shm
mount -t tmpfs -o mode=755 tmpfs $root/run
mount -t tmpfs -o mode=1777 tmpfs $root/tmp
mkdir $root/run/told
mount --bind "$folder" $root/run/told
cp "$2" $root/run/steps.sh
ln -sf "$3/dist/cli/main.js" $root/usr/local/bin/mmfree
cp "$3/examples/service/mmfree.service" $root/etc/systemd/system/
cat > $root/etc/systemd/system/lab.target << END
[Unit]
Requires=lab.service systemd-journald.service
END
cat > $root/etc/systemd/system/lab.service << END
[Unit]
DefaultDependencies=no
After=systemd-journald.service
[Service]
Type=exec
ExecStart=/bin/bash /run/steps.sh
StandardOutput=file:/run/told/printed
StandardError=file:/run/told/errors
ExecStopPost=/bin/sh -c 'journalctl --no-pager > /run/told/journal; systemctl --force --force poweroff'
END
cd $root
mkdir .before
pivot_root . .before
umount --lazy /.before
exec env --ignore-environment container=lab PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  /lib/systemd/systemd --unit=lab.target --show-status=0 > /dev/null 2>&1
