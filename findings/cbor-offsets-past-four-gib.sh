#!/usr/bin/env bash
# An offset of 4 GiB or more in CBOR: cbor-x writes it as a float, and reads what others write as a BigInt.
#
# Files of weights pass 4 GiB, and their offsets are whole numbers below 2^53, which JavaScript's numbers hold exactly.
# cbor-x 1.6.9 writes such a number as an integer up to 2^32 − 1 and as a double (major type 7) from 2^32 on. Read back by
# cbor-x it is the same number, so a test that writes and reads notices nothing; a reader in C, Rust or Python that wants
# an integer there gets a float, and deterministic encoding (RFC 8949, section 4.2) is broken at one size of file only.
# The other way round, the integer 2^32 that cbor2 2.3.0 and cbor 10.0.12 write (1b 00000001 00000000) comes out of cbor-x
# as a BigInt: `===` with the number is false, adding a number throws, and JSON.stringify throws. The option
# `int64AsNumber` mends the reading; a BigInt given to the writer mends the writing. A negative zero becomes the integer 0.
#
# Exit 0: seen as described. Exit 1: one of the packages behaves otherwise now.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >npm.log
npm install --no-audit --no-fund --save-exact --ignore-scripts cbor-x@1.6.9 cbor2@2.3.0 cbor@10.0.12 >>npm.log 2>&1

cat >seen.mjs <<'EOT'
import { decode, encode } from 'cbor-x';
import cbor from 'cbor';
import { encode as encodeStrictly } from 'cbor2';

const hex = (bytes) => Buffer.from(bytes).toString('hex');
const rows = [2 ** 32 - 1, 2 ** 32, 5e9, -0].map((offset) => {
  const others = new Set([hex(encodeStrictly(offset)), hex(cbor.encode(offset))]);
  const theirs = [...others].join(' or ');
  const read = decode(encodeStrictly(offset));
  return [String(Object.is(offset, -0) ? '-0' : offset), hex(encode(offset)), theirs, `${typeof read}`];
});
for (const [offset, ours, theirs, type] of rows)
  console.log(`${offset}: cbor-x writes ${ours}, the others ${theirs}, which cbor-x reads as a ${type}`);
const expected = [
  ['4294967295', '1affffffff', '1affffffff', 'number'],
  ['4294967296', 'fb41f0000000000000', '1b0000000100000000', 'bigint'],
  ['5000000000', 'fb41f2a05f20000000', '1b000000012a05f200', 'bigint'],
  ['-0', '00', 'f98000', 'number'],
];
process.exitCode = JSON.stringify(rows) === JSON.stringify(expected) ? 0 : 1;
EOT
echo "node $(node --version), cbor-x 1.6.9, cbor2 2.3.0, cbor 10.0.12"
node seen.mjs
