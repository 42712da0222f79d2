import { generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { verifyEd25519 } from '../../model/node-crypto.js';
import { hasSmallOrder } from '../../model/small-order.js';

const P = 2n ** 255n - 19n;
/** Of the curve −x² + y² = 1 + D·x²·y² (RFC 8032, section 5.1). */
const D = mod(-121665n * inverse(121666n));

type Point = readonly [bigint, bigint];

function mod(value: bigint): bigint {
  return ((value % P) + P) % P;
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let b = mod(base), e = exponent; e > 0n; e >>= 1n, b = mod(b * b)) if ((e & 1n) === 1n) result = mod(result * b);
  return result;
}

function inverse(value: bigint): bigint {
  return power(value, P - 2n);
}

function add([x1, y1]: Point, [x2, y2]: Point): Point {
  const t = mod(D * x1 * x2 * y1 * y2);
  return [mod((x1 * y2 + x2 * y1) * inverse(1n + t)), mod((y1 * y2 + x1 * x2) * inverse(1n - t))];
}

/** The point with this y, if it is one. */
function pointAt(y: bigint): Point | undefined {
  const squared = mod((y * y - 1n) * inverse(D * y * y + 1n));
  const root = power(squared, (P + 3n) / 8n);
  const x = [root, mod(root * power(2n, (P - 1n) / 4n))].find((value) => mod(value * value) === squared);
  return x === undefined ? undefined : [x, y];
}

/** The eight points of small order, as L times any point has one: L is the order of the others (RFC 8032, 5.1). */
function smallOrderPoints(): Point[] {
  const L = 2n ** 252n + 27742317777372353535851937790883648493n;
  for (let y = 2n; ; y++) {
    const point = pointAt(y);
    if (point === undefined) continue;
    let torsion: Point = [0n, 1n];
    for (let p = point, e = L; e > 0n; e >>= 1n, p = add(p, p)) if ((e & 1n) === 1n) torsion = add(torsion, p);
    const all: Point[] = [[0n, 1n]];
    for (let k = 1; k < 8; k++) all.push(add(all[k - 1]!, torsion));
    // Only a point of order 8 has eight multiples.
    if (new Set(all.map(String)).size === 8) return all;
  }
}

function encoded(y: bigint, signOfX: bigint): Uint8Array {
  const hex = (y + (signOfX << 255n)).toString(16).padStart(64, '0');
  return Uint8Array.from(Buffer.from(hex, 'hex')).toReversed();
}

describe('a signature', () => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const key = Uint8Array.from(publicKey.export({ format: 'der', type: 'spki' }).subarray(-32));
  const message = new TextEncoder().encode('message');

  it('is right by its key, and by no other', () => {
    const signature = sign(null, message, privateKey);
    expect(verifyEd25519(key, message, signature)).toBe(true);
    expect(verifyEd25519(key, message.subarray(1), signature)).toBe(false);
  });

  it('is never right by a key of small order, in whatever encoding', () => {
    const points = smallOrderPoints();
    expect(points).toHaveLength(8);
    expect(hasSmallOrder(key)).toBe(false);
    for (const [, y] of points) {
      for (const value of [y, y + P].filter((candidate) => candidate < 2n ** 255n)) {
        for (const bit of [0n, 1n]) {
          expect(hasSmallOrder(encoded(value, bit))).toBe(true);
          expect(verifyEd25519(encoded(value, bit), message, new Uint8Array(64))).toBe(false);
        }
      }
    }
  });
});
