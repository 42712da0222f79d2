/**
 * States of texts that were computed, found again by their tokens: a text that begins as another one did goes on from
 * the state of that one.
 *
 * A radix tree of token ids: an edge is a run of ids, a node may have a state. A hit compares ids, so it never changes
 * a text. Bounded in bytes; what was used least recently goes first. Kept are (`compute.ts`): the end of a prompt but
 * for its last token, which has to be fed anyway so that there are logits to choose from; the end of an answer, where
 * the next turn of a chat begins; and the place where a prompt leaves the way of an earlier one, which is the end of
 * what many prompts have in common, such as instructions.
 */
import type { SequenceState } from '../../protocol/state/sequence-state.js';

/**
 * Tokens that are fed again rather than kept or fetched as a state: over a serial line of 115,200 baud, a state of 8
 * KiB takes as long as some thirty tokens of a board.
 */
export const WORTH_TOKENS = 32;

/** What a node takes beside its ids and its state, about. */
const NODE_BYTES = 256;
const TOKEN_BYTES = 4;

/** What is known of the beginning of a text. */
export interface Known {
  /** Behind `length` of its tokens; undefined if there is none. */
  readonly state: SequenceState | undefined;
  /** Tokens of it that the state covers. */
  readonly length: number;
  /** Tokens that it has in common with a text that is known. */
  readonly shared: number;
}

interface Node {
  /** Behind those of its parent. */
  ids: Uint32Array;
  parent: Node | undefined;
  /** By the first id of each. */
  readonly children: Map<number, Node>;
  state: SequenceState | undefined;
}

export class Prefixes {
  readonly #limitBytes: () => number;
  readonly #root: Node = { ids: new Uint32Array(0), parent: undefined, children: new Map(), state: undefined };
  /** Those with a state, the least recently used first. */
  readonly #used = new Set<Node>();
  #bytes = 0;

  /** @param limitBytes for all of it; 0 keeps nothing */
  constructor(limitBytes: () => number) {
    this.#limitBytes = limitBytes;
  }

  /** Whether anything is kept. */
  get isOn(): boolean {
    return this.#limitBytes() > 0;
  }

  /** What it takes at the moment, about. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How many states there are. */
  get size(): number {
    return this.#used.size;
  }

  /** The longest beginning of a text that has a state. */
  find(ids: readonly number[]): Known {
    let node = this.#root;
    let depth = 0;
    let best: Node | undefined;
    let length = 0;
    for (;;) {
      const child = node.children.get(ids[depth] ?? -1);
      if (child === undefined) break;
      const common = commonLength(child.ids, ids, depth);
      depth += common;
      if (common < child.ids.length) break;
      node = child;
      if (node.state === undefined) continue;
      best = node;
      length = depth;
    }
    if (best !== undefined) this.#touch(best);
    return { state: best?.state, length, shared: depth };
  }

  /** @param state behind all of these tokens, from the state zero; nobody writes into its words */
  keep(ids: readonly number[], { position, words }: SequenceState): void {
    if (ids.length === 0 || position !== ids.length) return;
    const node = this.#nodeFor(ids);
    if (node.state === undefined) this.#bytes += words.byteLength;
    // Whoever goes on chooses its own tokens, from the first draw.
    node.state ??= { position, lastReceipt: undefined, chosen: undefined, nextDraw: 0, words };
    this.#touch(node);
    this.#makeRoom();
  }

  clear(): void {
    this.#root.children.clear();
    this.#used.clear();
    this.#bytes = 0;
  }

  #touch(node: Node): void {
    this.#used.delete(node);
    this.#used.add(node);
  }

  /** The node behind these tokens, made if there is none. */
  #nodeFor(ids: readonly number[]): Node {
    let node = this.#root;
    let depth = 0;
    while (depth < ids.length) {
      const child = node.children.get(ids[depth]!);
      if (child === undefined) return this.#add(node, Uint32Array.from(ids.slice(depth)));
      const common = commonLength(child.ids, ids, depth);
      depth += common;
      node = common < child.ids.length ? this.#split(child, common) : child;
    }
    return node;
  }

  #add(parent: Node, ids: Uint32Array): Node {
    const node: Node = { ids, parent, children: new Map(), state: undefined };
    parent.children.set(ids[0]!, node);
    this.#bytes += NODE_BYTES + TOKEN_BYTES * ids.length;
    return node;
  }

  /** A node between a node and its parent. @param at ids of the edge that are before it, at least one and not all */
  #split(node: Node, at: number): Node {
    const middle: Node = { ids: node.ids.slice(0, at), parent: node.parent, children: new Map(), state: undefined };
    node.parent!.children.set(middle.ids[0]!, middle);
    node.ids = node.ids.slice(at);
    node.parent = middle;
    middle.children.set(node.ids[0]!, node);
    this.#bytes += NODE_BYTES;
    return middle;
  }

  #makeRoom(): void {
    const limit = this.#limitBytes();
    for (const node of this.#used) {
      if (this.#bytes <= limit) return;
      this.#used.delete(node);
      this.#bytes -= node.state!.words.byteLength;
      node.state = undefined;
      this.#prune(node);
    }
  }

  /** Takes away what leads to no state any more. */
  #prune(from: Node): void {
    let node = from;
    while (node.parent !== undefined && node.children.size === 0 && node.state === undefined) {
      node.parent.children.delete(node.ids[0]!);
      this.#bytes -= NODE_BYTES + TOKEN_BYTES * node.ids.length;
      node = node.parent;
    }
  }
}

/** How many of `edge` are in `ids` from `start` on. */
function commonLength(edge: Uint32Array, ids: readonly number[], start: number): number {
  let count = 0;
  while (count < edge.length && edge[count] === ids[start + count]) count++;
  return count;
}
