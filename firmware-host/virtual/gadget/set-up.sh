#!/bin/sh
# Makes this Linux computer a board on USB, from the next start of the computer on: a service that runs
# `mmfree virtual-board --gadget`. docs/USB.md, section 7. As root, from a checkout that is built; again after an update.
#
#   firmware-host/virtual/gadget/set-up.sh [--dry-run]     with --dry-run it only says what it would do
set -eu

root=$(cd "$(dirname "$0")/../../.." && pwd)
program=$root/dist/cli/main.js
settings=/etc/mmfree-board.conf
unit=/etc/systemd/system/mmfree-board.service
dry_run=${1:-}

fail() {
  echo "error: $1" >&2
  echo "fix:   $2" >&2
  exit 2
}

# install_file PATH < contents
install_file() {
  contents=$(cat)
  echo "write $1:"
  echo "$contents" | sed 's/^/  /'
  [ -n "$dry_run" ] || echo "$contents" > "$1"
}

does() {
  echo "run: $*"
  [ -n "$dry_run" ] || "$@"
}

# Of the board, or else of the installation: not the machine id itself, which is confidential.
serial_number() {
  model_serial=/proc/device-tree/serial-number
  if [ -r "$model_serial" ]; then
    tr -d '\0' < "$model_serial"
  else
    sha256sum /etc/machine-id | cut -c 1-16
  fi
}

case $dry_run in
  '' | --dry-run) ;;
  *) fail "unknown option $dry_run" "$0 [--dry-run]" ;;
esac
[ -n "$dry_run" ] || [ "$(id -u)" = 0 ] || fail 'this takes root' "sudo $0"
node=$(command -v node) || fail 'there is no Node.js' 'install Node.js 20 or later'
[ -f "$program" ] || fail "$program is not there" "(cd $root && npm ci && npm run build)"

if [ -z "$(ls /sys/class/udc 2> /dev/null)" ]; then
  config=/boot/firmware/config.txt
  [ -f "$config" ] || config=/boot/config.txt
  if [ -f "$config" ] && ! grep -q '^dtoverlay=dwc2' "$config"; then
    echo "append to $config: dtoverlay=dwc2,dr_mode=peripheral (restart the computer afterwards)"
    [ -n "$dry_run" ] || printf '\n[all]\ndtoverlay=dwc2,dr_mode=peripheral\n' >> "$config"
  else
    echo 'note: this computer shows no USB device controller now (/sys/class/udc is empty); the service waits for one'
  fi
fi

if [ ! -f "$settings" ]; then
  install_file "$settings" << END
# Of the service mmfree-board; read when it starts.
SERIAL_NUMBER=$(serial_number)
FLASH_MIB=64
# More options of \`mmfree virtual-board\`, such as --signer /etc/mmfree-key.pem
OPTIONS=
END
fi

sed -e "s|@NODE@|$node|" -e "s|@PROGRAM@|$program|" "$root/firmware-host/virtual/gadget/mmfree-board.service" |
  install_file "$unit"

does systemctl daemon-reload
does systemctl enable --now mmfree-board.service
