#!/bin/bash
# What is done with the unit in the lab. Each fact that it finds is a line: a name, and a value.
url=http://127.0.0.1:8080
json='content-type: application/json'
fact() { echo "$1 ${*:2}"; }
of() { systemctl show --property "$1" --value mmfree; }
state() { fact "$1" "$(of ActiveState)"; }
complete() { curl --silent --header "$json" "$url/v1/completions" --data "$1"; }
position() { grep --only-matching '"position":[0-9]*' | head --lines=1 | cut --delimiter=: --fields=2; }
options() { echo "$1" > /etc/mmfree/serve.json; }
until_active_again() {
  for ((look = 0; look < 240; look++)); do
    [ "$(of NRestarts)" = "$1" ] && [ "$(of ActiveState)" = active ] && return
    sleep 0.25
  done
}

mkdir /etc/mmfree /etc/systemd/system/mmfree.service.d
options '{ "backend": "cpu", "board": ["auto"] }'
# As the unit has it, but for less patience.
printf '[Service]\nWatchdogSec=6\nTimeoutStartSec=20\n' > /etc/systemd/system/mmfree.service.d/lab.conf
systemctl daemon-reload

systemctl start mmfree
state started
fact user "$(awk '/^Uid:/ { print ($2 > 0 ? "other" : "root") }' "/proc/$(of MainPID)/status")"
fact capabilities "$(awk '/^CapEff:/ { print $2 }' "/proc/$(of MainPID)/status")"
curl --silent --request PUT --output /dev/null $url/v1/conversations/kitchen
fact said "$(complete '{"conversation": "kitchen", "prompt": "Once", "max_tokens": 5, "seed": 5}' | position)"
fact folder "$(stat --format %a /var/lib/private/mmfree) $(ls /var/lib/mmfree/conversations)"

options '{ "backend": "cpu", "board": ["auto"], "queue": 7 }'
systemctl reload mmfree
for ((look = 0; look < 40; look++)); do
  curl --silent $url/props | grep --quiet '"queue":7' && [ "$(of ActiveState)" = active ] && break
  sleep 0.25
done
fact reloaded "$(of ActiveState) $(curl --silent $url/props | grep --only-matching '"queue":7')"
options '{ "backend": "nonsense" }'
systemctl reload mmfree
sleep 1
state behind-a-wrong-option
options '{ "backend": "cpu" }'

sleep 14
fact restarts-of-one-that-lives "$(of NRestarts)"
kill -STOP "$(of MainPID)"
until_active_again 1
fact hung "$(of ActiveState) $(of NRestarts)"
kill -KILL "$(of MainPID)"
until_active_again 2
fact killed "$(of ActiveState) $(of NRestarts)"
fact goes-on "$(complete '{"conversation": "kitchen", "prompt": "", "max_tokens": 5}' | position)"

for ((client = 0; client < 50; client++)); do
  curl --silent --no-buffer --header "$json" $url/v1/completions --output "/run/stream-$client" \
    --data '{"prompt": "Once", "max_tokens": 16000, "temperature": 3, "stream": true}' &
done
for ((look = 0; look < 240; look++)); do
  # Of 50 texts 16 have a place; the first one may end before the last one comes.
  curl --silent $url/slots | grep --quiet '"waiting":3[0-9]' && break
  sleep 0.25
done
fact waiting "$(curl --silent $url/slots | grep --only-matching '"waiting":3')"
began=$(date +%s%N)
systemctl stop mmfree
fact stopped-after-ms "$((($(date +%s%N) - began) / 1000000))"
wait $(jobs -p)
fact stopped "$(of ActiveState) $(of Result)"
fact streams-with-an-end "$(grep --files-with-matches --extended-regexp 'DONE|"code":"shutting_down"' /run/stream-* | wc --lines)"

# Systemd is late with whatever it hears.
for ((client = 0; client < 3; client++)); do
  while :; do systemctl show '*' > /dev/null; done &
done
busy=$(jobs -p)
ready=0
for ((try = 0; try < 10; try++)); do
  systemctl start mmfree && ready=$((ready + 1))
  systemctl stop mmfree
done
fact ready-beside-a-busy-systemd $ready
kill $busy
