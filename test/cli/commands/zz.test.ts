import { it } from 'vitest';
import { openSync, writeSync, writeFileSync } from 'node:fs';
import { ImageFile } from '../../../model/image-file.js';
import { inspect } from '../../../cli/commands/inspect.js';
import { FakeProcess } from '../../helpers/fake-host.js';
import { tinyImage } from '../../helpers/tiny-image.js';
it('time', { timeout: 100000 }, async () => {
  const image = tinyImage(); console.log(image.length);
  writeFileSync('/tmp/zz.mmfree', image);
  const fd = openSync('/tmp/zz.mmfree', 'r+');
  let t = performance.now(); let ok = 0;
  for (let b = 0; b < 4096; b++) for (let bit = 0; bit < 8; bit++) {
    writeSync(fd, Uint8Array.of(image[b]! ^ (1 << bit)), 0, 1, b);
    try { ImageFile.openChecked('/tmp/zz.mmfree').close(); ok++; } catch { }
    writeSync(fd, image, b, 1, b);
  }
  console.log('loop', performance.now() - t, ok); t = performance.now();
  for (let b = 0; b < 512; b++) {
    writeSync(fd, Uint8Array.of(image[b]! ^ (1 << (b&7))), 0, 1, b);
    await new FakeProcess().run([inspect], 'inspect', '/tmp/zz.mmfree');
    writeSync(fd, image, b, 1, b);
  }
  console.log('run 512', performance.now() - t);
});
