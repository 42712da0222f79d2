/** What can go wrong with a peer of a benchmark, in words. */
import { MmfreeError } from '../../../../protocol/errors.js';

export type PeerErrorCode = 'peer-missing' | 'peer-failed';

export class PeerError extends MmfreeError<PeerErrorCode> {}

/** @param program that installs it */
export function peerMissing(folder: string, program: string): PeerError {
  return new PeerError('peer-missing', `there is no llama.cpp in ${folder}`, {
    reason: 'It is no part of mmfree, and nothing is fetched from the network unasked.',
    fix: `\`node ${program} ${folder}\` installs it there (83 MB of npm packages, and nothing anywhere else).`,
    facts: { folder },
  });
}

/** @param how it ended @param lines the last ones that it printed */
export function peerEnded(how: string, lines: readonly string[]): PeerError {
  return new PeerError('peer-failed', `llama.cpp ended (${how})`, {
    reason: lines.length > 0 ? `It said: ${lines.join(' / ')}` : 'It said nothing.',
    fix: 'Install it anew in an empty folder, or leave --peer out.',
  });
}
