/* Made by scripts/headers.mjs from the tables of the program: change them, not this file. */
#ifndef MMFREE_H
#define MMFREE_H

/* The image: docs/IMAGE.md. Offsets from its start; those of the fields from the start of the boot record. */
#define MMFREE_BOOT_RECORD_OFFSET 16
#define MMFREE_BOOT_RECORD_BYTES 256
#define MMFREE_AT_MAGIC 0
#define MMFREE_AT_VERSION 4
#define MMFREE_AT_SIZE 6
#define MMFREE_AT_VOCAB_SIZE 8
#define MMFREE_AT_HIDDEN_SIZE 12
#define MMFREE_AT_INTERMEDIATE_SIZE 16
#define MMFREE_AT_LAYERS 20
#define MMFREE_AT_BOS_TOKEN_ID 24
#define MMFREE_AT_EOS_TOKEN_ID 28
#define MMFREE_AT_FILE_LENGTH 32
#define MMFREE_AT_TABLES_OFFSET 36
#define MMFREE_AT_TABLES_LENGTH 40
#define MMFREE_AT_VECTORS_OFFSET 44
#define MMFREE_AT_VECTORS_LENGTH 48
#define MMFREE_AT_EMBEDDING_OFFSET 52
#define MMFREE_AT_EMBEDDING_LENGTH 56
#define MMFREE_AT_TERNARY_OFFSET 60
#define MMFREE_AT_TERNARY_LENGTH 64
#define MMFREE_AT_TOKENIZER_OFFSET 68
#define MMFREE_AT_TOKENIZER_LENGTH 72
#define MMFREE_AT_REVISION 76
#define MMFREE_AT_PROGRAM 80
#define MMFREE_AT_CRC 252
#define MMFREE_MANIFEST_OFFSET 272
#define MMFREE_MAX_MANIFEST_BYTES 65536
#define MMFREE_SECTION_ALIGNMENT 4096
#define MMFREE_PROGRAM_WORDS 86
#define MMFREE_TRITS_PER_BYTE 5
#define MMFREE_BLOCK_CONSTANTS 16

/* SHA-256 of the section tables, which is the same in every image. */
#define MMFREE_TABLES_SHA256 {0xaf, 0x09, 0xeb, 0xc8, 0x8a, 0x4d, 0x75, 0xe7, 0x5d, 0x71, 0xcb, 0x3f, 0x84, 0xa9, 0xe6, 0x78, 0x6b, 0xd5, 0x9a, 0xca, 0x2c, 0xc1, 0x70, 0x62, 0x53, 0x94, 0x5c, 0x98, 0xf2, 0x5c, 0x5e, 0x3b}

/* Largest sizes that the arithmetic is proven for: docs/ARITHMETIC.md, section 2. */
#define MMFREE_MAX_VOCAB_SIZE 65536
#define MMFREE_MAX_HIDDEN_SIZE 8192
#define MMFREE_MAX_INTERMEDIATE_SIZE 8192
#define MMFREE_MAX_LAYERS 256

/*
 * The tensors, in the order of the file: docs/IMAGE.md, section 4. HIDDEN, INTERMEDIATE and VOCAB are the sizes of
 * the model, which the firmware defines.
 *
 * Section vectors: the block of the head, then one for each layer: MMFREE_BLOCK_CONSTANTS int16, then the vectors.
 * Section ternary: the matrices of each layer, then that of the head.
 *
 * CONSTANTS X(name, slot, first, last)          an int16 of the block, and what it may be
 * VECTORS   X(name, columns, first, last)       int16 each, and what they may be
 * MATRICES  X(name, rows, columns, gain, slot)  the vector that is its gain; slot of the scale's mantissa, the
 * exponent's is the next
 */
#define MMFREE_MM_FIRST 16384
#define MMFREE_MM_LAST 32767
#define MMFREE_EM_FIRST (-64)
#define MMFREE_EM_LAST 24
#define MMFREE_HEAD_CONSTANTS(X) \
  X(EMBEDDING_SHIFT, 0, 0, 15)
#define MMFREE_HEAD_VECTORS(X) \
  X(FINAL_NORM, HIDDEN, -32767, 32767) \
  X(HEAD_GAIN, HIDDEN, -32767, 32767)
#define MMFREE_HEAD_MATRICES(X) \
  X(HEAD, VOCAB, HIDDEN, HEAD_GAIN, 1)
#define MMFREE_LAYER_CONSTANTS(X) \
  X(G_EPS_SHIFT, 12, 0, 127)
#define MMFREE_LAYER_VECTORS(X) \
  X(ATTN_NORM, HIDDEN, -32767, 32767) \
  X(I_GAIN, HIDDEN, -32767, 32767) \
  X(F_GAIN, HIDDEN, -32767, 32767) \
  X(G_GAIN, HIDDEN, -32767, 32767) \
  X(CLB, HIDDEN, 0, 32767) \
  X(G_NORM, HIDDEN, -32767, 32767) \
  X(O_GAIN, HIDDEN, -32767, 32767) \
  X(MLP_NORM, HIDDEN, -32767, 32767) \
  X(GATE_GAIN, HIDDEN, -32767, 32767) \
  X(DOWN_GAIN, INTERMEDIATE, -32767, 32767)
#define MMFREE_LAYER_MATRICES(X) \
  X(I, HIDDEN, HIDDEN, I_GAIN, 0) \
  X(F, HIDDEN, HIDDEN, F_GAIN, 2) \
  X(G, HIDDEN, HIDDEN, G_GAIN, 4) \
  X(O, HIDDEN, HIDDEN, O_GAIN, 6) \
  X(GATE_UP, 2 * (INTERMEDIATE), HIDDEN, GATE_GAIN, 8) \
  X(DOWN, HIDDEN, INTERMEDIATE, DOWN_GAIN, 10)

/* The wire: docs/PROTOCOL.md. */
#define MMFREE_PROTOCOL_VERSION 1
#define MMFREE_MAX_PAYLOAD_BYTES 4096
#define MMFREE_MAX_ENCODED_BYTES 4123
#define MMFREE_MAX_WINDOW 32
#define MMFREE_FRAME_DATA 0
#define MMFREE_FRAME_ACK 1
#define MMFREE_FRAME_SYN 2
#define MMFREE_FRAME_SYN_ACK 3
#define MMFREE_FRAME_BUSY 4
#define MMFREE_FRAME_END 5

/* Hash of the table of messages, and those of the groups by which a board calls itself capable of more. */
#define MMFREE_SCHEMA {0xac, 0xde, 0x71, 0x7c, 0xb8, 0x42, 0xa9, 0x9a}
#define MMFREE_CAPABILITY_AUTH_1 "auth.1"
#define MMFREE_CAPABILITY_RESTART_1 "restart.1"
#define MMFREE_CAPABILITY_STATE_1 "state.1"
#define MMFREE_SCHEMA_AUTH_1 {0x90, 0x17, 0xbe, 0x16, 0x89, 0xd5, 0xc1, 0x08}
#define MMFREE_SCHEMA_RESTART_1 {0x77, 0xa0, 0x4c, 0x2f, 0x68, 0xfc, 0x06, 0x37}
#define MMFREE_SCHEMA_STATE_1 {0xc7, 0xe3, 0xdc, 0x65, 0xd4, 0x37, 0x9b, 0x36}

/* Types of messages. */
#define MMFREE_MESSAGE_GET_INFO 0x1
#define MMFREE_MESSAGE_RESET 0x10
#define MMFREE_MESSAGE_STEP 0x11
#define MMFREE_MESSAGE_RUN 0x12
#define MMFREE_MESSAGE_CANCEL 0x13
#define MMFREE_MESSAGE_RESUME 0x14
#define MMFREE_MESSAGE_FLASH_BEGIN 0x20
#define MMFREE_MESSAGE_FLASH_COMPARE 0x21
#define MMFREE_MESSAGE_FLASH_WRITE 0x22
#define MMFREE_MESSAGE_FLASH_END 0x23
#define MMFREE_MESSAGE_FLASH_READ 0x24
#define MMFREE_MESSAGE_CONFIRM 0x25
#define MMFREE_MESSAGE_REVERT 0x26
#define MMFREE_MESSAGE_HELLO 0x80
#define MMFREE_MESSAGE_ERROR 0x81
#define MMFREE_MESSAGE_INFO 0x82
#define MMFREE_MESSAGE_DONE 0x90
#define MMFREE_MESSAGE_STEPPED 0x91
#define MMFREE_MESSAGE_TOKEN 0x92
#define MMFREE_MESSAGE_ENDED 0x93
#define MMFREE_MESSAGE_FLASH_READY 0xa0
#define MMFREE_MESSAGE_FLASH_SUMS 0xa1
#define MMFREE_MESSAGE_FLASH_ENDED 0xa2
#define MMFREE_MESSAGE_FLASH_DATA 0xa3
#define MMFREE_MESSAGE_PROVE 0x60
#define MMFREE_MESSAGE_CHALLENGE 0xe0
#define MMFREE_MESSAGE_PROVEN 0xe1
#define MMFREE_MESSAGE_RESTART 0x44
#define MMFREE_MESSAGE_STATE_KEEP 0x40
#define MMFREE_MESSAGE_STATE_READ 0x41
#define MMFREE_MESSAGE_STATE_WRITE 0x42
#define MMFREE_MESSAGE_STATE_TAKE 0x43
#define MMFREE_MESSAGE_STATE_KEPT 0xc0
#define MMFREE_MESSAGE_STATE_DATA 0xc1

/* Codes of ERROR. */
#define MMFREE_ERROR_UNKNOWN_REQUEST 1
#define MMFREE_ERROR_MALFORMED_PAYLOAD 2
#define MMFREE_ERROR_BUSY 3
#define MMFREE_ERROR_NO_IMAGE 4
#define MMFREE_ERROR_UNKNOWN_TOKEN 5
#define MMFREE_ERROR_NOT_AN_IMAGE 10
#define MMFREE_ERROR_IMAGE_TOO_LARGE 11
#define MMFREE_ERROR_MODEL_TOO_LARGE 12
#define MMFREE_ERROR_REVISION_TOO_OLD 13
#define MMFREE_ERROR_NOT_SIGNED 14
#define MMFREE_ERROR_SIGNATURE_WRONG 15
#define MMFREE_ERROR_WRITE_OUT_OF_ORDER 16
#define MMFREE_ERROR_IMAGE_DAMAGED 17
#define MMFREE_ERROR_FLASH_FAILED 18
#define MMFREE_ERROR_WRONG_PROOF 60
#define MMFREE_ERROR_HELD 61

/* Runs: why one ended, and its limits. Temperature as log2(e)/T in Q10 (0 is greedy), mass of probability in Q15. */
#define MMFREE_END_MAX_TOKENS 0
#define MMFREE_END_END_OF_TEXT 1
#define MMFREE_END_CANCELLED 2
#define MMFREE_END_UNKNOWN_RUN 3
#define MMFREE_MAX_RUN_TOKENS 1000
#define MMFREE_MAX_CANDIDATES 64
#define MMFREE_MAX_INVERSE_TEMPERATURE 29546
#define MMFREE_MAX_TOP_P 32768

#endif
