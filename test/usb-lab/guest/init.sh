#!/bin/busybox sh
# The guest's first process. Makes this computer's disk (over 9p, read-only) and a layer in memory above it the root, so
# that every program of this computer runs in the guest and nothing that it writes there comes out; except what it writes
# to /lab/run. Ends with the machine switched off.

/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
. /settings

while read -r file; do insmod "/modules/$file"; done < /modules/order

over_9p=trans=virtio,version=9p2000.L,msize=1048576
mount -t 9p -o "ro,$over_9p,cache=loose" disk /lower
mount -t tmpfs tmpfs /upper
mkdir /upper/changes /upper/work
mount -t overlay -o lowerdir=/lower,upperdir=/upper/changes,workdir=/upper/work overlay /root

for folder in proc sys dev; do mount --move "/$folder" "/root/$folder"; done
mount -t tmpfs tmpfs /root/run
mkdir -p /root/dev/pts /root/dev/shm
mount -t devpts devpts /root/dev/pts
mount -t tmpfs tmpfs /root/dev/shm
mount -t debugfs debug /root/sys/kernel/debug

# Another user may not look into the folder that the checkout lies in, but here.
mkdir -p /root/lab/checkout /root/lab/run /root/lab/tmp "/root/lib/modules/$KERNEL_VERSION"
chmod 1777 /root/lab/tmp
mount -o bind "/lower$CHECKOUT" /root/lab/checkout
mount -o bind "/lower$KERNEL_MODULES" "/root/lib/modules/$KERNEL_VERSION"
mount -t 9p -o "rw,$over_9p" run /root/lab/run

export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export HOME=/root TMPDIR=/lab/tmp LANG=C.UTF-8 NODE SCENARIOS QUICK MACHINE PICO
# udevadm takes this for a container otherwise, and does nothing.
export SYSTEMD_IGNORE_CHROOT=1
chroot /root /bin/bash /lab/checkout/test/usb-lab/guest/start.sh
sync
poweroff -f
