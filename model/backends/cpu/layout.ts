/**
 * Where the kernels find what they work on: byte addresses in their memory, known to both sides. `memory-plan.ts` fills
 * in what lies there.
 *
 * Also compiled by AssemblyScript, so constants only. Words are u32 unless something else is said.
 */

/** Threads at most. */
export const MAX_THREADS = 16;
/** Tokens at most that one step feeds: those of a prompt, or one of each sequence of a batch. */
export const MAX_ROWS = 32;
/** Candidates of the sampler. */
export const MAX_CANDIDATES = 64;

/** Words that threads share, each on a cache line of its own. How many items of the phase are brought in. */
export const ITEMS_DONE = 64;
/** The phase, counted from the beginning of everything; threads wait at it. */
export const PHASE = 128;
/** Helpers that listen to their bells. */
export const LISTENING = 192;
/** u64: the phase in the upper half, and the next of its shares that nobody has taken. */
export const NEXT_SHARE = 256;
/** Of each thread: a bell that counts up, at which the thread waits, and u64: what it holds of a phase. */
export const BELLS = 1024;
export const BELL_BYTES = 128;
export const SLOT = 64;
/** Behind a word that threads wait at: how many of them sleep, or are about to. */
export const SLEEPERS = 4;

/** u64, read at once: the first phase, then a byte each: whether taps are wanted, threads, rows with logits, rows. */
export const STEP = 384;
/** What a step is to do. */
export const THREADS = 320;
export const ROWS = 324;
/** How many of the rows have logits. */
export const HEAD_ROWS = 328;
/** Whose kernels compute it: the number of a family. */
export const KERNELS = 332;

/** The model. Sizes in elements; those called padded are multiples of 64. */
export const LAYERS = 3072;
export const VOCABULARY = 3076;
export const HIDDEN = 3080;
export const HIDDEN_PADDED = 3084;
export const INTERMEDIATE = 3088;
export const INTERMEDIATE_PADDED = 3092;
/** Rows of the embedding: of the tokens that a step feeds, in their order. */
export const EMBEDDING = 3096;
export const EMBEDDING_STRIDE = 3100;
export const EMBEDDING_SHIFT = 3104;
export const SIGMA = 3108;
export const EXP2 = 3112;
/** Eight tables of 256 words for CRC-32, then four that put 256 zero bytes behind a register. */
export const CRC_TABLES = 3116;
export const LAYER_TABLE = 3120;
export const FINAL_NORM = 3124;
/** A product, as in a layer. */
export const HEAD_PRODUCT = 3128;

/** Buffers, and the bytes from one row to the next. */
export const ROW_TABLE = 3152;
/** int32 [row][HIDDEN_PADDED]: the residual. */
export const RESIDUAL = 3156;
/** int32 [row][HIDDEN_PADDED]: what the o product reads. */
export const GATED_STATE = 3160;
/** int32 [row][HIDDEN_PADDED]: g. */
export const OUTPUT_GATE = 3164;
/** int32 [row][INTERMEDIATE_PADDED]: what the down product reads. */
export const GLU = 3168;
/** int32 [row][VOCABULARY rounded up to 64]. */
export const LOGITS = 3172;
export const LOGITS_STRIDE = 3176;
/** Of each 64 logits of a row: CRC register, and the largest. */
export const SURVEY = 3180;
export const SURVEY_STRIDE = 3184;
/**
 * Of each row, for steps of several, and behind them of each thread, for steps of one: three scales, then the vectors
 * that they belong to.
 */
export const QUANTISED = 3188;
export const QUANTISED_STRIDE = 3192;
/** Of each thread: vectors, then the sums of a group. */
export const SCRATCH = 3196;
export const SCRATCH_STRIDE = 3200;
/** 16 bytes of 3, then 16 of 12. */
export const MASKS = 3204;

export const HEADER_BYTES = 4096;

/** A product: matrix, gains, mm, em. */
export const PRODUCT_BYTES = 16;
export const PRODUCT_GAIN = 4;
export const PRODUCT_MANTISSA = 8;
export const PRODUCT_EXPONENT = 12;

/** A layer: addresses of vectors, then products. */
export const LAYER_BYTES = 128;
export const LAYER_ATTN_NORM = 0;
export const LAYER_FORGET_SCALE = 4;
export const LAYER_G_NORM = 8;
export const LAYER_MLP_NORM = 12;
export const LAYER_EPSILON_SHIFT = 16;
export const LAYER_PRODUCTS = 32;

/** A row: one token that is fed. */
export const ROW_BYTES = 128;
/** Addresses of the states before and after it, [L][H rounded up to 8] int32; they may be the same. */
export const ROW_STATE_IN = 4;
export const ROW_STATE_OUT = 8;
/** Which of the rows with logits it is, counted from 0; −1 if it has none. */
export const ROW_HEAD = 12;
/** Where L + 1 CRCs go; 0 if nobody wants them. */
export const ROW_TAPS = 16;
/** Candidates that the choice is made among, 1 … 64; 0 if nothing is chosen. */
export const ROW_CANDIDATES = 20;
export const ROW_INV_TEMPERATURE = 24;
export const ROW_TOP_P = 28;
export const ROW_SEED_LOW = 32;
export const ROW_SEED_HIGH = 36;
export const ROW_DRAW = 40;
/** What comes of it. */
export const ROW_RECEIPT = 44;
export const ROW_CHOSEN = 48;

/** Bytes of a quantised vector's scale: Σ q, mantissa, shift. */
export const SCALE_BYTES = 16;
export const SCALE_MANTISSA = 4;
export const SCALE_SHIFT = 8;
/** Three scales, rounded up to a cache line. */
export const SCALES_BYTES = 64;

/** Sums of a group for each row of a step, at most: of one block of three products, or of eight blocks of the head. */
export const SUMS_BYTES = 256;
/** Logits whose CRC and maximum are taken together. */
export const SURVEY_LOGITS = 64;
