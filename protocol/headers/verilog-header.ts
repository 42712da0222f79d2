/** The constants of the wire that gateware needs, as a header for Verilog: `gateware/rtl/mmf_messages.vh`. */
import { MESSAGES, schemaHash } from '../wire/messages.js';
import { hexOf } from '../hex.js';
import { PROTOCOL_VERSION } from '../wire/opening.js';

/** @param sha256 this folder uses no platform's API */
export function verilogHeader(sha256: (bytes: Uint8Array) => Uint8Array): string {
  const messages = MESSAGES.map(({ type, name }) => `\`define MMF_${name} 8'h${type.toString(16)}`);
  return `// Made by scripts/headers.mjs from the table of messages (protocol/wire/messages.ts): change it there.
\`ifndef MMF_MESSAGES
\`define MMF_MESSAGES

\`define MMF_PROTOCOL_VERSION 8'd${PROTOCOL_VERSION}

// Hash of the table: docs/PROTOCOL.md, section 4.
\`define MMF_SCHEMA 64'h${hexOf(schemaHash(sha256))}

// Types of messages: docs/PROTOCOL.md, section 3.
${messages.join('\n')}

\`endif
`;
}
