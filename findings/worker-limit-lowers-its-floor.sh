#!/usr/bin/env bash
# A thread of Node takes two megabytes less from the beginning if it is told that it may have no more than a gigabyte.
#
# `resourceLimits.maxOldGenerationSizeMb` of a Worker reads as a bound that a thread which does nothing never meets. But
# memory is resident as soon as the thread is there, and how much follows the bound: with 3,072 (or none, where the
# computer has memory enough) each idle thread of Node 24 takes 12.0 MB, with 1,024 it takes 9.9; Node 22 11.4 and 9.5,
# Node 26 9.2 and 7.3. The step lies between 1,500 and 2,048; below, the number makes no difference any more (16 and 512
# are as 1,500). So whoever has several threads and little memory gains by naming a bound that is far away. Seen in V8
# 12.4, 13.6 and 14; not documented in Node's page on worker_threads.
#
# Exit 0: seen as described. Exit 1: one of the versions behaves otherwise now.
set -euo pipefail

[ "$(uname -sm)" = 'Linux x86_64' ] || { echo 'this is about Linux on x86-64' && exit 1; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat >idle.cjs <<'EOT'
const { parentPort } = require('node:worker_threads');
parentPort.postMessage('here');
parentPort.on('message', () => {});
EOT

cat >seen.cjs <<'EOT'
const { once } = require('node:events');
const { setTimeout } = require('node:timers/promises');
const { Worker } = require('node:worker_threads');

/** Resident megabytes of the second to the fifth idle thread; the first one also brings what all of them share. */
async function megabytes(maxOldGenerationSizeMb) {
  const workers = [];
  let before = 0;
  for (let thread = 0; thread < 5; thread++) {
    const worker = new Worker('./idle.cjs', { resourceLimits: { maxOldGenerationSizeMb } });
    await once(worker, 'message');
    await setTimeout(200);
    workers.push(worker);
    if (thread === 0) before = process.memoryUsage.rss();
  }
  const each = (process.memoryUsage.rss() - before) / 4 / 1e6;
  await Promise.all(workers.map((worker) => worker.terminate()));
  return each;
}

// One bound a process: what ended threads leave behind would count.
const bound = Number(process.argv[2]);
megabytes(bound).then((each) => console.log(each.toFixed(1)));
EOT

failed=0
check() { # version
  mkdir "$1" && (cd "$1" && npm init -y >npm.log && npm install --no-audit --no-fund --save-exact "node@$1" >>npm.log 2>&1)
  local node=$1/node_modules/.bin/node
  local far near
  far=$("$node" seen.cjs 3072)
  near=$("$node" seen.cjs 1024)
  echo "Node $1, V8 $("$node" -p process.versions.v8): an idle thread takes $far MB with a bound of 3072, $near MB with 1024"
  awk "BEGIN { exit !($far - $near > 1.2 && $far - $near < 4) }" || failed=1
}
check 22.23.3
check 24.21.0
check 26.10.0
exit $failed
