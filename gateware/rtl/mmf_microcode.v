// The microcode of the vector unit: what a lane does in each clock of a pass over a vector.
//
// A pass works on word k = 0, 1, … of its vectors (a word is LANES numbers, one a lane). The rows of an instruction are
// one iteration; they repeat until the last word is done. Iterations overlap where a row finishes the work of an
// earlier word: RETIRE marks the row that ends the work on a word, and mmf_vector skips it in the first iterations.
//
// Registers of a lane (mmf_lane): A, B factors, P = A·B, R sum, C kept factor, T = R shifted. All but B and C load in every
// row; a row without MEM, … keeps the memory outputs. Comments give what a register holds after the row.
`default_nettype none

module mmf_microcode (
    input wire i_clock,

    // Operation code of the instruction (10 for GATE, which needs two blocks), row.
    input  wire        i_read,
    input  wire [ 7:0] i_address,
    output reg  [29:0] o_row
);

  // Addresses.
  localparam [29:0] X = 30'b1 << 0;  // read x[k] of the state memory
  localparam [29:0] V = 30'b1 << 1;  // read v[k]
  localparam [29:0] H = 30'b1 << 2;  // read h[k]
  localparam [29:0] STORE = 30'b1 << 3;  // write R to h[k]
  localparam [29:0] PRE = 30'b1 << 4;  // read a pre-activation or n:
  localparam [29:0] PRE_I = PRE | 30'd0 << 5;
  localparam [29:0] PRE_F = PRE | 30'd1 << 5;
  localparam [29:0] PRE_G = PRE | 30'd2 << 5;
  localparam [29:0] PRE_N = PRE | 30'd4 << 5;
  localparam [29:0] GATE = PRE | 30'd6 << 5;  // even words of u
  localparam [29:0] UP = PRE | 30'd7 << 5;  // odd words of u
  localparam [29:0] W = 30'b1 << 8;  // read w at the gain pointer, which moves on
  // A: of 32-bit numbers the low 16 bits, or the high 16 bits after the low ones were taken as signed.
  localparam [29:0] A_LOW = 30'd0 << 9;  // of the state memory's output
  localparam [29:0] A_HIGH = 30'd1 << 9;
  localparam [29:0] A_LOW_R = 30'd2 << 9;
  localparam [29:0] A_HIGH_R = 30'd3 << 9;
  localparam [29:0] A_SIGMA = 30'd4 << 9;
  localparam [29:0] A_PRE = 30'd5 << 9;
  localparam [29:0] A_W = 30'd6 << 9;
  localparam [29:0] A_BYTE = 30'd7 << 9;  // of the embedding row
  // B, kept otherwise.
  localparam [29:0] B = 30'b1 << 12;
  localparam [29:0] B_W = B | 30'd0 << 13;
  localparam [29:0] B_C = B | 30'd1 << 13;
  localparam [29:0] B_SIGMA = B | 30'd2 << 13;  // σ, from R
  localparam [29:0] B_WEIGHT = B | 30'd3 << 13;  // of a node of SIGMA; in EMBED: the power of two
  // R = first summand + second summand (0 if not named).
  localparam [29:0] R_ZERO = 30'd0 << 15;
  localparam [29:0] R_R = 30'd1 << 15;
  localparam [29:0] R_STATE = 30'd2 << 15;
  localparam [29:0] R_MINUS = 30'd3 << 15;  // − state
  localparam [29:0] P = 30'd1 << 17;
  localparam [29:0] HIGH = 30'd2 << 17;  // 2P
  localparam [29:0] LOW = 30'd3 << 17;  // P >> 15, rounded
  // Others.
  localparam [29:0] C_R = 30'd1 << 19;  // C = low 16 bits of R
  localparam [29:0] C_UP = 30'd2 << 19;  // C = pre-activation, −32768 taken as −32767
  localparam [29:0] NODE = 30'b1 << 21;  // SIGMA is read at the upper node (else the lower); weight is that of the other
  localparam [29:0] OF_T = 30'b1 << 22;  // σ of T, else of the pre-activation
  localparam [29:0] FLIP = 30'b1 << 23;  // σ of the negative number
  localparam [29:0] HALF = 30'b1 << 24;  // first summand is the half that rounds σ
  localparam [29:0] SQUARE = 30'b1 << 25;  // adds the square of the pre-activation to S
  localparam [29:0] RETIRE = 30'b1 << 26;  // the word is done: its result is written
  localparam [29:0] LAST = 30'b1 << 27;  // last row of an iteration
  localparam [29:0] WAIT = 30'b1 << 28;  // repeats until the other side is ready
  localparam [29:0] BACK = 30'b1 << 29;  // the word that is done is written to x (else v)

  localparam [7:0] EMBED = 8'h10, SCALE = 8'h20, NORM = 8'h30, QUANT = 8'h40, MIX = 8'h70, GLU = 8'h80, TAP = 8'h90;
  localparam [7:0] RECUR = 8'ha0;

  reg [29:0] rows[0:255];
  integer row;

  initial begin
    for (row = 0; row < 256; row = row + 1) rows[row] = LAST;

    rows[EMBED+0] = WAIT | A_BYTE | B_C;
    rows[EMBED+1] = 0;  // P = byte · rowScale
    rows[EMBED+2] = R_ZERO | P;
    rows[EMBED+3] = A_LOW_R | B_WEIGHT | R_R;
    rows[EMBED+4] = A_HIGH_R | R_R;
    rows[EMBED+5] = R_ZERO | LOW;
    rows[EMBED+6] = R_R | HIGH;
    rows[EMBED+7] = RETIRE | BACK | LAST;

    // A word every 2 clocks, done in the third iteration.
    rows[SCALE+0] = X | W | A_HIGH | R_R | HIGH;
    rows[SCALE+1] = A_LOW | B_W | R_ZERO | LOW | RETIRE | LAST;

    // A word a clock, done in the fourth.
    rows[NORM] = V | R_STATE | RETIRE | LAST;

    // A word a clock, done in the fifth (maximum) or seventh (q).
    rows[QUANT] = PRE_N | W | A_PRE | B_W | R_ZERO | P | RETIRE | LAST;

    // A word every 6 clocks, done in the second iteration.
    rows[MIX+0] = PRE_G | W | V | A_HIGH | R_R;
    rows[MIX+1] = A_PRE | B_W | R_ZERO | LOW;
    rows[MIX+2] = R_R | HIGH;
    rows[MIX+3] = R_ZERO | LOW | RETIRE;  // R = b; the word before is written
    rows[MIX+4] = C_R | R_R | SQUARE;  // behind RETIRE, which ends the pass
    rows[MIX+5] = A_LOW | B_C | LAST;

    rows[GLU+0] = 0;  // whether word k is there is known a clock after k
    rows[GLU+1] = WAIT | GATE;
    rows[GLU+2] = 0;  // SIGMA's lower node is read
    rows[GLU+3] = NODE | A_SIGMA | B_WEIGHT;
    rows[GLU+4] = A_SIGMA | B_WEIGHT;
    rows[GLU+5] = R_ZERO | HALF | P;
    rows[GLU+6] = R_R | P;
    rows[GLU+7] = UP | A_PRE | B_SIGMA;
    rows[GLU+8] = C_UP;  // P = gate · σ
    rows[GLU+9] = R_ZERO | P;
    rows[GLU+10] = A_LOW_R | B_C | R_R;
    rows[GLU+11] = A_HIGH_R | R_R;
    rows[GLU+12] = R_ZERO | LOW;
    rows[GLU+13] = R_R | HIGH;
    rows[GLU+14] = RETIRE | LAST;

    rows[TAP+0] = X | RETIRE;
    rows[TAP+1] = WAIT | LAST;

    rows[RECUR+0] = PRE_F | W | H;
    rows[RECUR+1] = 0;
    rows[RECUR+2] = FLIP | NODE | A_SIGMA | B_WEIGHT;
    rows[RECUR+3] = FLIP | A_SIGMA | B_WEIGHT;
    rows[RECUR+4] = FLIP | R_ZERO | HALF | P | PRE_I;
    rows[RECUR+5] = R_R | P;
    rows[RECUR+6] = A_W | B_SIGMA;
    rows[RECUR+7] = NODE | A_SIGMA | B_WEIGHT;  // P = clb · σ(−f)
    rows[RECUR+8] = A_SIGMA | B_WEIGHT | R_ZERO | LOW;  // R = c
    rows[RECUR+9] = C_R | R_ZERO | HALF | P;
    rows[RECUR+10] = R_R | P;
    rows[RECUR+11] = A_PRE | B_SIGMA;
    rows[RECUR+12] = 0;  // P = s
    rows[RECUR+13] = R_MINUS | P;  // R = s − h
    rows[RECUR+14] = A_LOW_R | B_C | R_R;
    rows[RECUR+15] = A_HIGH_R | R_R;
    rows[RECUR+16] = R_STATE | LOW;
    rows[RECUR+17] = R_R | HIGH;  // R = new h
    rows[RECUR+18] = STORE | R_R;  // T = h >> 12
    rows[RECUR+19] = OF_T | H | R_R;
    rows[RECUR+20] = OF_T | NODE | A_SIGMA | B_WEIGHT | R_R;
    rows[RECUR+21] = OF_T | A_SIGMA | B_WEIGHT | R_R;
    rows[RECUR+22] = OF_T | R_ZERO | HALF | P;
    rows[RECUR+23] = R_R | P;
    rows[RECUR+24] = A_LOW | B_SIGMA;
    rows[RECUR+25] = A_HIGH;
    rows[RECUR+26] = R_ZERO | LOW;
    rows[RECUR+27] = R_R | HIGH;
    rows[RECUR+28] = RETIRE | LAST;
  end

  always @(posedge i_clock) begin
    if (i_read) o_row <= rows[i_address];
  end

endmodule
