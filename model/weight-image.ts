/**
 * A weight image, wherever its bytes are: opened, checked, and its sections brought where a backend wants them. Runs in
 * browsers too; files of Node are image-file.ts.
 */
import { memorySource, type ByteSource } from '../protocol/byte-source.js';
import type { SectionPlace } from '../protocol/image/boot-record.js';
import { verifySections, verifySeal, verifyWhole, type ImageCrypto } from '../protocol/image/image-hashes.js';
import { openImage, type ImageView } from '../protocol/image/image-reader.js';
import { embeddingStride, type ModelShape, type SectionName } from '../protocol/image/model-shape.js';
import { verifyWeights } from '../protocol/image/weight-checks.js';
import { residentBytes, type WeightBytes } from './integer/model-weights.js';
import { checkImageProgram } from './program/image-program.js';

/** What an image is read from. */
export interface ImageSource extends ByteSource {
  /** Fills `into` with the bytes from `offset` on. @throws RangeError if the source ends before */
  readInto(offset: number, into: Uint8Array): void;
  /** Bytes that stay as they are whatever is read afterwards: those of memory themselves, which nobody writes to. */
  readKept(offset: number, length: number): Uint8Array;
  /** For those who read twice, first to check and then to use. @throws ImageError `image-changed` */
  assertUnchanged(): void;
  close(): void;
}

/** Bytes in memory as the source of an image. */
export function imageInMemory(bytes: Uint8Array): ImageSource {
  const source = memorySource(bytes);
  return {
    ...source,
    readInto: (offset, into) => into.set(source.read(offset, into.length)),
    readKept: (offset, length) => source.read(offset, length),
    assertUnchanged: () => {},
    close: () => {},
  };
}

/** Sections of a file as weights that stay in it. */
export function streamedBytes(
  source: Pick<ImageSource, 'readInto'>,
  shape: ModelShape,
  sections: Readonly<Record<SectionName, SectionPlace>>,
): WeightBytes {
  const stride = embeddingStride(shape);
  const whole = ({ offset, length }: SectionPlace): Uint8Array => {
    const bytes = new Uint8Array(length);
    source.readInto(offset, bytes);
    return bytes;
  };
  let scratch = new Uint8Array(0);
  return {
    shape,
    tables: whole(sections.tables),
    vectors: whole(sections.vectors),
    readEmbeddingRow: (token, into) => source.readInto(sections.embedding.offset + token * stride, into),
    ternary: (offset, length) => () => {
      if (scratch.length < length) scratch = new Uint8Array(length);
      const bytes = scratch.subarray(0, length);
      source.readInto(sections.ternary.offset + offset, bytes);
      return bytes;
    },
  };
}

/** An image whose structure is sound; `verify` says whether its contents are. */
export class WeightImage {
  readonly source: ImageSource;
  readonly view: ImageView;

  /** @throws ImageError */
  constructor(source: ImageSource) {
    this.source = source;
    this.view = openImage(source);
    checkImageProgram(this.view);
  }

  /** Checks hashes, signature and weights, which reads every byte. @param crypto of the platform @throws ImageError */
  async verify(crypto: ImageCrypto): Promise<void> {
    await verifySections(this.source, this.view, crypto);
    await verifyWhole(this.source, this.view, crypto);
    await verifySeal(this.view, crypto);
    verifyWeights(this.source, this.view);
  }

  /** A section in memory. */
  section(name: SectionName): Uint8Array {
    const { offset, length } = this.view.sections[name];
    return this.source.readKept(offset, length);
  }

  /** Weights in memory. */
  residentWeights(): WeightBytes {
    return residentBytes({
      shape: this.view.shape,
      tables: this.section('tables'),
      vectors: this.section('vectors'),
      embedding: this.section('embedding'),
      ternary: this.section('ternary'),
    });
  }

  /** Weights that stay in the file: each matrix is read when it is used, so memory does not grow with the model. */
  streamedWeights(): WeightBytes {
    return streamedBytes(this.source, this.view.shape, this.view.sections);
  }

  close(): void {
    this.source.close();
  }
}
