/**
 * Writing an image in two steps, so that a packer can stream sections it cannot hold: plan, then fill in.
 *
 * The plan gives the offset of everything before a weight is read. The packer writes the contents and the gaps
 * between them (`gapBefore`), then the head, which needs the hashes of the contents and a self-test made with them,
 * and last, after hashing the file from its start, the seal.
 */

import { encodeBootRecord } from './boot-record.js';
import { gapBefore, IMAGE_PREFIX, layoutImage } from './image-layout.js';
import type { ChatTemplate } from './chat-template.js';
import type { ImageLayout } from './image-layout.js';
import { SHA256_BYTES } from './image-seal.js';
import { encodeManifest } from './manifest.js';
import type { ImageManifest, ManifestModel } from './manifest.js';
import type { SectionName } from './model-shape.js';

/** What has to be known before the first section is written. Lengths follow from it, never from what comes later. */
export interface ImageOutline {
  /** 1 … 64 bytes in UTF-8. */
  readonly name: string;
  readonly model: ManifestModel;
  /** 0 … 2³² − 1. */
  readonly revision: number;
  /** Of the gateware, as in the boot record; empty for none. */
  readonly program: readonly number[];
  /** As in the manifest: `F16`, or several joined by `+`. */
  readonly dtypes: string;
  /** As in the manifest: `mmfree/` and the version of the arithmetic. */
  readonly packer: string;
  /** In bytes; 0 for an image that takes token ids only. */
  readonly tokenizerLength: number;
  /** Tokens of the self-test's prompt. */
  readonly promptLength: number;
  /** Tokens of its continuation, which is never cut short: after the end-of-text token it goes on. */
  readonly continuationLength: number;
  /** How conversations are written; none unless given. */
  readonly chat?: ChatTemplate | undefined;
  /** Whether the seal will hold a signature. */
  readonly signed: boolean;
}

/** An image before its contents are known. */
export interface ImagePlan {
  readonly outline: ImageOutline;
  readonly layout: ImageLayout;
}

/** What the contents determine. */
export type ImageFindings = Pick<ImageManifest, 'sectionSha256' | 'selfTest'> & {
  /** SHA-256 over the hashes of the checkpoint's parts, 32 bytes. */
  readonly checkpointSha256: Uint8Array;
};

/**
 * Places everything.
 *
 * @throws ImageError `image-out-of-limits`, `image-too-large` or `image-bad-manifest`
 */
export function planImage(outline: ImageOutline): ImagePlan {
  const { model, tokenizerLength, signed } = outline;
  const manifestLength = encodeManifest(manifestOf(outline, placeholders(outline))).length;
  return { outline, layout: layoutImage({ shape: model, manifestLength, tokenizerLength, signed }) };
}

/**
 * Bytes of the file from 0 to the content of `tables`.
 *
 * @throws RangeError if the findings do not have the lengths of the outline
 */
export function imageHead(plan: ImagePlan, findings: ImageFindings): Uint8Array {
  const { outline, layout } = plan;
  const manifest = encodeManifest(manifestOf(outline, findings));
  const { sections, fileLength } = layout;
  const parts = [
    IMAGE_PREFIX,
    encodeBootRecord({
      shape: outline.model,
      fileLength,
      sections,
      revision: outline.revision,
      program: outline.program,
    }),
    manifest,
  ];
  const head = new Uint8Array(sections.tables.offset);
  let at = 0;
  for (const part of [...parts, gapBefore(layout, 'tables')]) {
    head.set(part, at);
    at += part.length;
  }
  if (at !== head.length) throw new RangeError('the self-test has another length than planned');
  return head;
}

function manifestOf(outline: ImageOutline, findings: ImageFindings): ImageManifest {
  const { name, model, dtypes, packer, chat } = outline;
  const { checkpointSha256, sectionSha256, selfTest } = findings;
  return { name, model, source: { checkpointSha256, dtypes, packer }, sectionSha256, selfTest, ...(chat && { chat }) };
}

function placeholders({ promptLength, continuationLength }: ImageOutline): ImageFindings {
  const hash = new Uint8Array(SHA256_BYTES);
  const sectionSha256: Record<SectionName, Uint8Array> = {
    tables: hash,
    vectors: hash,
    embedding: hash,
    ternary: hash,
    tokenizer: hash,
  };
  const selfTest = {
    prompt: new Uint32Array(promptLength),
    tokens: new Uint32Array(continuationLength),
    receipts: new Uint32Array(promptLength + continuationLength - 1),
  };
  return { checkpointSha256: hash, sectionSha256, selfTest };
}
