/** An image of sections that are in memory: for models that are made up, not packed from a checkpoint. */
import { createHash } from 'node:crypto';
import { gapBefore } from '../../protocol/image/image-layout.js';
import { encodeSeal, signedMessage, type ImageSignature } from '../../protocol/image/image-seal.js';
import { imageHead, planImage } from '../../protocol/image/image-writer.js';
import type { SelfTest } from '../../protocol/image/manifest.js';
import { SECTION_NAMES, type ModelSections } from '../../protocol/image/model-shape.js';

/** What an image holds beside the weights. */
export interface ImageFrame {
  readonly name: string;
  readonly selfTest: SelfTest;
  /** 0 unless given. */
  readonly revision?: number;
  /** Of the gateware; none unless given. */
  readonly program?: readonly number[];
  /** `tokenizer.json`; none unless given. */
  readonly tokenizer?: Uint8Array;
  readonly sign?: (message: Uint8Array) => ImageSignature;
}

/**
 * All bytes of the image.
 *
 * @throws ImageError `image-out-of-limits`, `image-too-large` or `image-bad-manifest`
 */
export function imageInMemory(sections: ModelSections, frame: ImageFrame): Uint8Array {
  const { name, selfTest, revision = 0, program = [], tokenizer = new Uint8Array(0), sign } = frame;
  const plan = planImage({
    name,
    model: { ...sections.shape, rmsNormEps: '1e-06', useLowerBound: true },
    revision,
    program,
    dtypes: 'F32',
    packer: 'mmfree/1',
    tokenizerLength: tokenizer.length,
    promptLength: selfTest.prompt.length,
    continuationLength: selfTest.tokens.length,
    signed: sign !== undefined,
  });
  const contents = { ...sections, tokenizer };
  const sectionSha256 = {
    tables: sha256(contents.tables),
    vectors: sha256(contents.vectors),
    embedding: sha256(contents.embedding),
    ternary: sha256(contents.ternary),
    tokenizer: sha256(contents.tokenizer),
  };
  const image = new Uint8Array(plan.layout.fileLength);
  image.set(imageHead(plan, { checkpointSha256: sha256(new Uint8Array(0)), sectionSha256, selfTest }));
  for (const section of SECTION_NAMES) {
    const { offset } = plan.layout.sections[section];
    const gap = gapBefore(plan.layout, section);
    image.set(gap, offset - gap.length);
    image.set(contents[section], offset);
  }
  const hash = sha256(image.subarray(0, plan.layout.sealOffset));
  image.set(
    encodeSeal({ sha256: hash, ...(sign && { signature: sign(signedMessage(hash)) }) }),
    plan.layout.sealOffset,
  );
  return image;
}

function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(bytes).digest());
}
