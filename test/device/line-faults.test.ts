/**
 * Whole sessions (open, flash, generate, close) in which one frame is lost or spoilt, each frame and each way in turn.
 */

import { writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { flashImage } from '../../device/flash-image.js';
import { ImageFile } from '../../model/image-file.js';
import { samplerSettings } from '../../model/integer/sampler.js';
import { BoardOnALine } from '../helpers/board-on-a-line.js';
import { temporaryFolder } from '../helpers/command-line.js';
import { count } from '../helpers/counts.js';
import { frameFaults } from '../helpers/frame-faults.js';
import { goodImage } from '../helpers/good-image.js';
import { Prng } from '../oracle/prng.js';
import { boardSequence } from '../helpers/machines.js';

const path = temporaryFolder();
const IMAGE = goodImage(1);
const SAMPLER = samplerSettings({ temperature: 1.5, topK: 7, topP: 1, seed: 5n });
/** From one frame at which it happens to the next: each in the long run. */
const STEP = count(3, 1);

/** What a session came to. */
interface Result {
  readonly sha256: string;
  readonly tokens: readonly object[];
}

/** Several runs, because a random model may end its text at once. */
async function session(line: BoardOnALine): Promise<Result> {
  writeFileSync(path('image'), IMAGE);
  const image = ImageFile.openChecked(path('image'));
  const first = await line.connect();
  const { sha256 } = await line.clock.until(flashImage(first, image));
  await line.clock.until(first.close());
  image.close();
  const connection = await line.connect();
  const backend = await boardSequence(connection);
  const tokens: object[] = [];
  const generate = async (): Promise<void> => {
    for (let run = 0; run < 3; run++) {
      const sampler = { ...SAMPLER, seedHigh: run };
      for await (const token of backend.generate({ prompt: [1, 0, 3], maxTokens: 6, sampler })) tokens.push(token);
    }
  };
  await line.clock.until(generate());
  await line.clock.until(connection.close());
  return { sha256: Buffer.from(sha256).toString('hex'), tokens };
}

const FAULTS = frameFaults(1.1);

describe('a session', () => {
  let sessions = 0;

  it.each(FAULTS)('has the same result when any one frame is %s', async (_, spoil) => {
    const whole = new BoardOnALine();
    const expected = await session(whole);
    expect(expected.tokens.length).toBeGreaterThan(3);
    for (let index = 0; index < whole.frames; index += STEP) {
      const line = new BoardOnALine();
      line.fate = (frame) => (frame.index === index ? spoil(frame) : [{ bytes: frame.bytes }]);
      expect(await session(line)).toEqual(expected);
      sessions++;
    }
  });

  it('has the same result when any frame may be lost or spoilt, in both directions', async () => {
    const expected = await session(new BoardOnALine());
    for (let seed = 1; seed <= count(8, 20); seed++) {
      const chance = new Prng(seed);
      const line = new BoardOnALine();
      line.fate = (frame) => {
        const fault = chance.between(0, 15) === 0 ? FAULTS[chance.between(0, FAULTS.length - 1)] : undefined;
        return fault?.[1](frame) ?? [{ bytes: frame.bytes }];
      };
      expect(await session(line)).toEqual(expected);
      sessions++;
    }
  });

  it('was tried in many ways', () => {
    console.log(`line faults: ${sessions.toLocaleString('en-US')} sessions`);
    expect(sessions).toBeGreaterThan(count(100, 300));
  });
});
