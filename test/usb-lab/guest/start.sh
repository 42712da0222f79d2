# Brings the guest up as far as USB goes, then runs the scenarios (or a shell, for looking around).

modules="virtio_net vhci_hcd cdc_acm ftdi_sio dummy_hcd libcomposite usb_f_acm usb_f_fs"
for module in $modules; do modprobe "$module" || echo "no module $module"; done
modprobe usbmon 2>/dev/null
mount -t configfs configfs /sys/kernel/config
ip link set lo up
# This computer is 10.0.2.2 there.
ip link set eth0 up && ip address add 10.0.2.15/24 dev eth0
# usbip keeps a note of each attached port there.
mkdir -p /run/vhci_hcd /run/udev
/lib/systemd/systemd-udevd --daemon
# Not of all devices: their drivers would take longer to load than all the rest.
udevadm trigger --action=add --subsystem-match=usb --subsystem-match=tty
udevadm settle --timeout=30

cd /lab/checkout
if [ "$MACHINE" = shell ]; then
  setsid --ctty bash -i < /dev/ttyS0 > /dev/ttyS0 2>&1
else
  "$NODE" dist/test/usb-lab/guest/main.js $SCENARIOS > "/lab/run/runner-$MACHINE.log" 2>&1
fi
dmesg > "/lab/run/kernel-$MACHINE.log"
