#!/usr/bin/env bash
# WebAssembly's memory.atomic.wait32 in a loop on Node 20: what the function's variables held in registers is lost, until
# the function has been compiled a second time.
#
# The function below waits three times for a word that has another value already, so that every wait ends at once with 1
# ("not equal"), and puts the results side by side as decimal digits: r = 10·r + wait. That is 111. Node 20 (V8 11.3) gives
# 1 in its baseline compiler, which is the one that compiles first, and 111 with --no-liftoff: r is 0 again after each
# wait. If the lost variable is the address, a thread that waits in a loop (as one must, for the word may have changed
# back) sleeps at another address the second time, and nobody wakes it. Node 22 and 24 are right in both compilers. What
# helps: wait in a function without a loop that is not inlined, or import a function that calls Atomics.wait.
#
# Exit 0: seen as described. Exit 1: one of the versions behaves otherwise now.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat >seen.cjs <<'EOT'
// (import "env" "memory" (memory 1 1 shared))
// (func (export "f") (param $address i32) (param $n i32) (param $r i32) (result i32)
//   (loop $again
//     (local.set $r (i32.add (i32.mul (local.get $r) (i32.const 10))
//                            (memory.atomic.wait32 (local.get $address) (i32.const 7) (i64.const 0))))
//     (local.set $n (i32.add (local.get $n) (i32.const 1)))
//     (br_if $again (i32.lt_s (local.get $n) (i32.const 3))))
//   (local.get $r))
const bytes = Buffer.from(
  '0061736d0100000001080160037f7f7f017f02100103656e76066d656d6f72790203010103020100070501016600000a2901270003402002410a' +
    '6c200041074200fe0102006a2102200141016a210120014103480d000b20020b', 'hex');
const memory = new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true });
const { f } = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } }).exports;
const result = f(1024, 0, 0);
console.log(process.version, 'V8', process.versions.v8, ...process.execArgv, 'result:', result);
process.exitCode = result === Number(process.argv[2]) ? 0 : 1;
EOT

check() { # version, result with the baseline compiler
  mkdir "$1" && (cd "$1" && npm init -y >npm.log && npm install --no-audit --no-fund --save-exact "node@$1" >>npm.log 2>&1)
  "$1/node_modules/.bin/node" seen.cjs "$2"
  "$1/node_modules/.bin/node" --liftoff-only seen.cjs "$2"
  "$1/node_modules/.bin/node" --no-liftoff seen.cjs 111
}
check 20.20.2 1
check 22.23.3 111
check 24.21.0 111
