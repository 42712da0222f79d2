/**
 * The program of the architecture: what the packer writes into every image.
 *
 * It is the same for every shape: lengths are named (H, I), layers are counted by the machine, and every matrix comes
 * from the stream in its turn. docs/GATEWARE.md, section 4, has it with the reasons for each wait.
 */
import { assemble } from './assembler.js';

const TEXT = `
            EMBED
    layer:  TAP                 wait 0
            SCALE 0                     ; attnNorm
            NORM H, none
            QUANT 0, 1, 0, H
            MATMUL i, 0, H
            QUANT 1, 2, 2, H            ; while i streams
            MATMUL f, 1, H
            QUANT 0, 3, 4, H    wait 1  ; i is finished: q0 is free
            MATMUL g, 0, H
            GATE                wait 1  ; i and f are there, g streams
            MIX                 wait 0
            NORM H, g
            QUANT 1, 6, 6, H
            MATMUL x, 1, H
            SCALE 7             wait 0  ; mlpNorm
            NORM H, none
            QUANT 0, 8, 8, H
            MATMUL u, 0, H
            GLU                         ; follows u
            NORM I, i           wait 0
            QUANT 1, 9, 10, I
            MATMUL x, 1, I
            LAYER layer
            TAP                 wait 0
            HEAD
            SCALE 0                     ; finalNorm
            NORM H, none
            QUANT 0, 1, 1, H
            MATMUL logits, 0, H
            HALT
`;

/** Words of the program, 16 bits each. */
export const MODEL_PROGRAM: readonly number[] = assemble(TEXT);
