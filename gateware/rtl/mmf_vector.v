// The vector unit: EMBED, SCALE, NORM, QUANT, GATE, MIX, GLU, TAP, and the part of LAYER and HEAD that concerns addresses.
//
// An instruction is a few steps of the state machine below; most have a pass over a vector, which runs rows of
// mmf_microcode on all lanes at once, a word (LANES numbers) after the other. docs/GATEWARE.md, section 4, has the
// instructions, docs/ARITHMETIC.md the steps named by letters.
//
// NORM uses the maximum of the pass before it (SCALE, MIX or GLU) and its step F goes on behind the next instruction.
// S is the one sum of squares: MIX leaves G in it, NORM begins with it.
`default_nettype none

module mmf_vector #(
    parameter LANES = 1,
    parameter LANE_BITS = 0,  // log2 LANES
    parameter WORD_BITS = 10,  // addresses of words in a vector of I numbers
    parameter HIDDEN_WORD_BITS = 8,  // … of H numbers
    parameter STATE_BITS = 14,
    parameter GAIN_BITS = 15,
    parameter PRE_BITS = 11,
    parameter [31:0] X_BASE = 768  // of x in the state memory, in words: v is before, the states h behind it
) (
    input wire i_clock,
    input wire i_reset,

    input wire [13:0] i_hidden_words,
    input wire [13:0] i_intermediate_words,
    input wire [13:0] i_intermediate,

    // An instruction, while o_idle; stable until o_idle is high again.
    input  wire        i_start,
    // verilator lint_off UNUSEDSIGNAL
    input  wire [15:0] i_instruction,  // bits 11 … 10 are the sequencer's
    // verilator lint_on UNUSEDSIGNAL
    output wire        o_idle,
    // Of the token: the state is zero.
    input  wire        i_fresh,

    // Rows of the running product that are written, for GLU: pairs of them; or none is running.
    input wire        i_products_done,
    // verilator lint_off UNUSEDSIGNAL
    input wire [15:0] i_pairs_done,
    // verilator lint_on UNUSEDSIGNAL

    // Section `vectors`, before the first token: words of w in order.
    input wire                i_gain_write,
    input wire [GAIN_BITS-1:0] i_gain_index,
    input wire [16*LANES-1:0] i_gain_data,

    input wire        i_sigma_write,
    input wire [ 7:0] i_sigma_index,
    input wire [15:0] i_sigma_data,

    // Embedding row: its scale, then words of LANES bytes; taken in a clock with valid and take.
    input  wire                i_row_scale_valid,
    input  wire [        15:0] i_row_scale,
    output wire                o_row_scale_take,
    input  wire                i_row_valid,
    input  wire [ 8*LANES-1:0] i_row,
    output wire                o_row_take,

    // Taps.
    output wire        o_tap_valid,
    input  wire        i_tap_ready,
    output wire [31:0] o_tap,
    output wire        o_tap_last,

    // Rows of products: written to pre-activations, or added to x in two clocks (read, then write).
    input wire                 i_back_pre_write,
    input wire [PRE_BITS-1:0]  i_back_pre_address,
    input wire [15:0]          i_back_pre_data,
    input wire                 i_back_x_read,
    input wire                 i_back_x_write,
    input wire [WORD_BITS-1:0] i_back_x_word,
    input wire [31:0]          i_back_x_data,
    input wire [LANES-1:0]     i_back_lane,
    output wire [32*LANES-1:0] o_back_x,

    // Quantised activations.
    output wire                 o_quantised_write,
    output wire                 o_quantised_buffer,
    output wire [WORD_BITS-1:0] o_quantised_word,
    output wire [8*LANES-1:0]   o_quantised,
    // … and c, shift and zero of that buffer.
    output wire        o_scale_write,
    output wire [14:0] o_c,
    output wire [ 5:0] o_shift,
    output wire        o_zero
);

  localparam [3:0] EMBED = 4'd1, SCALE = 4'd2, NORM = 4'd3, QUANT = 4'd4;
  localparam [3:0] GATE = 4'd6, MIX = 4'd7, GLU = 4'd8, TAP = 4'd9, LAYER = 4'd10;
  localparam [3:0] HEAD = 4'd11;

  wire [3:0] operation = i_instruction[15:12];
  wire is_norm = operation == NORM;
  wire is_quant = operation == QUANT;
  wire is_gate = operation == GATE;
  wire is_embed = operation == EMBED;
  wire is_tap = operation == TAP;
  wire is_glu = operation == GLU;
  wire is_base = operation == LAYER || operation == HEAD;
  wire long_vector = is_glu || ((is_norm || is_quant) && i_instruction[0]);
  wire with_g = i_instruction[8];
  wire with_i = i_instruction[9];

  // --- state machine ----------------------------------------------------------------------------------------------------
  localparam [4:0] IDLE = 5'd0;
  localparam [4:0] BEGIN = 5'd1;
  localparam [4:0] CONSTANT = 5'd2;  // to a constant: embeddingShift, gEpsShift, mm or em
  localparam [4:0] CONSTANT_WALK = 5'd3;
  localparam [4:0] CONSTANT_READ = 5'd4;
  localparam [4:0] CONSTANT_TAKE = 5'd5;
  localparam [4:0] GAIN = 5'd6;  // to the gains, or to the next base
  localparam [4:0] GAIN_WALK = 5'd7;
  localparam [4:0] ROW_SCALE = 5'd8;
  localparam [4:0] MAXIMUM = 5'd9;  // of all lanes
  localparam [4:0] MAXIMUM_JOB = 5'd10;  // step D, and e of step A
  localparam [4:0] MAXIMUM_WAIT = 5'd11;
  localparam [4:0] EPSILON = 5'd12;  // shifts S by gEpsShift
  localparam [4:0] EXPONENT = 5'd13;  // … by 2e
  localparam [4:0] PASS_BEGIN = 5'd14;
  localparam [4:0] PASS = 5'd15;
  localparam [4:0] SQUARES = 5'd16;  // the last squares are added
  localparam [4:0] SQUARES_JOB = 5'd17;  // step F
  localparam [4:0] SCALE_JOB = 5'd18;  // step G
  localparam [4:0] SCALE_WAIT = 5'd19;

  reg  [4:0] state_r;
  reg        second_constant_r;
  reg        second_pass_r;
  reg  [6:0] count_r;
  reg        scale_busy_r;

  wire       pointer_busy;
  wire       pass_finished;
  wire       maximum_done;
  wire       maximum_zero;

  assign o_idle = state_r == IDLE;

  always @(posedge i_clock) begin
    case (state_r)
      IDLE: if (i_start) state_r <= BEGIN;
      BEGIN:
      if (is_norm) state_r <= MAXIMUM;
      else if (is_embed) state_r <= CONSTANT;
      else if (is_glu || is_tap) state_r <= PASS_BEGIN;
      else state_r <= GAIN;

      CONSTANT: state_r <= CONSTANT_WALK;
      CONSTANT_WALK: if (!pointer_busy) state_r <= CONSTANT_READ;
      CONSTANT_READ: state_r <= CONSTANT_TAKE;
      CONSTANT_TAKE:
      if (is_norm) state_r <= EPSILON;
      else if (is_quant && !second_constant_r) state_r <= CONSTANT;
      else state_r <= GAIN;

      GAIN: state_r <= GAIN_WALK;
      GAIN_WALK:
      if (!pointer_busy) begin
        if (is_base) state_r <= IDLE;
        else if (is_embed) state_r <= ROW_SCALE;
        else if (second_pass_r) state_r <= MAXIMUM_WAIT;
        else state_r <= PASS_BEGIN;
      end
      ROW_SCALE: if (i_row_scale_valid) state_r <= PASS_BEGIN;

      MAXIMUM:
      if (maximum_done) begin
        if (!maximum_zero) state_r <= MAXIMUM_JOB;
        else state_r <= is_norm ? PASS_BEGIN : IDLE;
      end
      MAXIMUM_JOB: if (!scale_busy_r) state_r <= is_quant ? CONSTANT : MAXIMUM_WAIT;
      MAXIMUM_WAIT:
      if (!scale_busy_r) begin
        if (is_quant) state_r <= SCALE_JOB;
        else state_r <= with_g ? CONSTANT : EXPONENT;
      end
      EPSILON: if (count_r == 0) state_r <= EXPONENT;
      EXPONENT: if (count_r == 0) state_r <= PASS_BEGIN;

      PASS_BEGIN: state_r <= PASS;
      PASS:
      if (pass_finished) begin
        if (is_norm) state_r <= SQUARES;
        else if (is_quant && !second_pass_r) state_r <= MAXIMUM;
        else state_r <= IDLE;
      end
      SQUARES: if (count_r == 0) state_r <= SQUARES_JOB;
      SQUARES_JOB: if (!scale_busy_r) state_r <= IDLE;
      SCALE_JOB: state_r <= SCALE_WAIT;
      SCALE_WAIT: if (!scale_busy_r) state_r <= PASS_BEGIN;
      default: state_r <= IDLE;
    endcase
    if (i_reset) state_r <= IDLE;
  end

  // --- constants and addresses of w -------------------------------------------------------------------------------------
  reg  [14:0] mm_r;
  reg  [ 3:0] embedding_shift_r;
  wire [16*LANES-1:0] gains;
  wire [3:0] constant_index = is_norm ? 4'd12 : is_embed ? 4'd0 : i_instruction[4:1] + {3'b0, second_constant_r};
  // verilator lint_off UNUSEDSIGNAL
  wire [15:0] constant;
  // verilator lint_on UNUSEDSIGNAL
  generate
    if (LANES == 1) begin : one_constant
      assign constant = gains;
    end else begin : constant_of_lane
      assign constant = gains[{constant_index[LANE_BITS-1:0], 4'b0}+:16];
    end
  endgenerate

  wire take = state_r == CONSTANT_TAKE;

  always @(posedge i_clock) begin
    if (state_r == BEGIN) begin
      second_constant_r <= 1'b0;
      second_pass_r <= 1'b0;
    end
    if (take) second_constant_r <= 1'b1;
    if (state_r == MAXIMUM_JOB) second_pass_r <= 1'b1;
    if (take && is_embed) embedding_shift_r <= constant[3:0];
    if (take && is_quant && !second_constant_r) mm_r <= constant[14:0];
  end

  wire [GAIN_BITS-1:0] gain_address;
  // verilator lint_off UNUSEDSIGNAL
  wire [29:0] row;  // bit 27 is mmf_pass's
  // verilator lint_on UNUSEDSIGNAL
  wire advance;
  wire gain_next = advance && row[8];

  reg [3:0] walk_vectors;
  always @* begin
    case (operation)
      EMBED: walk_vectors = 4'd2;  // finalNorm and headGain are before layer 0
      GATE: walk_vectors = 4'd4;
      MIX: walk_vectors = 4'd5;
      LAYER: walk_vectors = 4'd9;
      HEAD: walk_vectors = 4'd0;
      default: walk_vectors = i_instruction[8:5];
    endcase
  end

  mmf_gain_pointer #(
      .GAIN_BITS(GAIN_BITS),
      .LANE_BITS(LANE_BITS)
  ) pointer (
      .i_clock(i_clock),
      .i_hidden_words(i_hidden_words),
      .i_intermediate_words(i_intermediate_words),
      .i_start(state_r == CONSTANT || state_r == GAIN),
      .i_from_zero(is_embed || operation == HEAD),
      .i_constant(state_r == CONSTANT_WALK ? {1'b0, constant_index} : {operation != HEAD, 4'd0}),
      .i_vectors(state_r == CONSTANT ? 4'd0 : walk_vectors),
      .i_and_intermediate(state_r == GAIN && operation == LAYER),
      .i_save(state_r == GAIN && (is_base || is_embed)),
      .o_busy(pointer_busy),
      .i_next(gain_next),
      .o_address(gain_address)
  );

  // --- pass -------------------------------------------------------------------------------------------------------------
  wire done;
  wire [WORD_BITS-1:0] word;
  wire [WORD_BITS-1:0] done_word;
  wire waiting;
  wire all_done;
  wire tap_all;
  reg [2:0] lag;

  always @* begin
    case (operation)
      SCALE: lag = 3'd2;
      NORM: lag = 3'd3;
      QUANT: lag = second_pass_r ? 3'd6 : 3'd4;
      MIX: lag = 3'd1;
      default: lag = 3'd0;
    endcase
  end

  reg glu_ready_r;
  always @(posedge i_clock)
    glu_ready_r <= i_products_done || i_pairs_done[15:LANE_BITS] > {{16 - LANE_BITS - WORD_BITS{1'b0}}, word};

  mmf_pass #(
      .WORD_BITS(WORD_BITS)
  ) pass (
      .i_clock(i_clock),
      .i_reset(i_reset),
      .i_start(state_r == PASS_BEGIN),
      .i_block(is_gate ? 4'd10 : operation),
      .i_lag(lag),
      .i_words(long_vector ? i_intermediate_words : i_hidden_words),
      .i_ready(is_glu ? glu_ready_r : is_tap ? tap_all : i_row_valid),
      .o_all_done(all_done),
      .o_finished(pass_finished),
      .o_row(row),
      .o_advance(advance),
      .o_done(done),
      .o_word(word),
      .o_done_word(done_word),
      .o_waiting(waiting)
  );

  assign o_row_scale_take = state_r == ROW_SCALE;
  assign o_row_take = is_embed && advance && row[28];

  // --- memories ---------------------------------------------------------------------------------------------------------
  reg [STATE_BITS-1:0] h_base_r;
  wire result_write = done && !is_norm && !is_quant && !is_tap;
  // A row that retires a word to the state memory does not read there; addresses do not wait for `done`.
  wire of_result = row[26] && !is_norm && !is_tap;
  wire of_x = of_result ? row[29] : row[0];
  wire of_h = row[2] || row[3];
  wire [WORD_BITS-1:0] state_word = i_back_x_read || i_back_x_write ? i_back_x_word : of_result ? done_word : word;
  localparam [STATE_BITS-1:0] X_ADDRESS = X_BASE[STATE_BITS-1:0];
  wire back_x = i_back_x_read || i_back_x_write;
  wire [STATE_BITS-1:0] region = of_x || back_x ? X_ADDRESS : of_h ? h_base_r : {STATE_BITS{1'b0}};
  wire [STATE_BITS-1:0] state_address = region + {{STATE_BITS - WORD_BITS{1'b0}}, state_word};
  wire state_write = result_write || (advance && row[3]);
  wire state_enable = back_x || state_write || (advance && row[2:0] != 0);

  always @(posedge i_clock) begin
    if (state_r == BEGIN && is_embed) h_base_r <= X_ADDRESS + i_hidden_words[STATE_BITS-1:0];
    else if (state_r == BEGIN && operation == LAYER) h_base_r <= h_base_r + i_hidden_words[STATE_BITS-1:0];
  end

  // Pre-activations: i, f, g at multiples of MAX_HIDDEN; u from 0, gate and up alternating; n in the upper half.
  reg [PRE_BITS-1:0] pre_address;
  always @* begin
    if (row[7:6] == 2'd3) pre_address = {{PRE_BITS - WORD_BITS - 1{1'b0}}, word, row[5]};
    else if (row[7]) pre_address = {1'b1, {PRE_BITS - WORD_BITS - 1{1'b0}}, word};
    else pre_address = {{PRE_BITS - HIDDEN_WORD_BITS - 2{1'b0}}, row[6:5], word[HIDDEN_WORD_BITS-1:0]};
  end
  wire n_write = done && is_norm;

  assign o_quantised_write = done && is_quant && second_pass_r;
  assign o_quantised_buffer = i_instruction[9];
  assign o_quantised_word = done_word;

  // --- lanes ------------------------------------------------------------------------------------------------------------
  wire [14:0] reciprocal;
  wire [4:0] scale_d;  // signed
  wire exponent_zero = scale_d[4] || maximum_zero;
  reg [4:0] shift_r;  // of the pass; known long before it begins
  always @(posedge i_clock) shift_r <= is_gate ? 5'd26 : is_norm && scale_d[4] ? 5'd14 : scale_d + 5'd14;
  wire pass_begin = state_r == PASS_BEGIN;
  wire [32*LANES-1:0] states;
  wire [30*LANES-1:0] maxima;
  wire [31*LANES-1:0] squares;

  genvar lane;
  generate
    for (lane = 0; lane < LANES; lane = lane + 1) begin : lanes
      mmf_lane #(
          .STATE_BITS(STATE_BITS),
          .GAIN_BITS (GAIN_BITS),
          .PRE_BITS  (PRE_BITS)
      ) unit (
          .i_clock(i_clock),
          .i_a(row[11:9]),
          .i_b(row[14:12]),
          .i_first(row[16] && is_gate && i_fresh ? 2'd0 : row[16:15]),
          .i_second(row[18:17]),
          .i_c(row[20:19] & {2{advance}}),
          .i_node(row[21]),
          .i_of_shifted(row[22]),
          .i_flip(row[23]),
          .i_half(row[24]),
          .i_state_enable(state_enable),
          .i_state_write(back_x ? i_back_x_write && i_back_lane[lane] : state_write),
          .i_state_address(state_address),
          .i_state_is_back(back_x),
          .i_state_back(i_back_x_data),
          .o_state(states[32*lane+:32]),
          .i_gain_enable(i_gain_write || gain_next || state_r == CONSTANT_READ),
          .i_gain_write(i_gain_write),
          .i_gain_address(i_gain_write ? i_gain_index : gain_address),
          .i_gain_data(i_gain_data[16*lane+:16]),
          .o_gain(gains[16*lane+:16]),
          .i_pre_read(advance && row[4]),
          .i_pre_read_address(pre_address),
          .i_pre_write(n_write || (i_back_pre_write && i_back_lane[lane])),
          .i_pre_write_address(n_write ? {1'b1, {PRE_BITS - WORD_BITS - 1{1'b0}}, done_word} : i_back_pre_address),
          .i_pre_is_back(!n_write),
          .i_pre_back(i_back_pre_data),
          .i_sigma_write(i_sigma_write),
          .i_sigma_index(i_sigma_index),
          .i_sigma_data(i_sigma_data),
          .i_embed(is_embed),
          .i_row_scale_load(o_row_scale_take),
          .i_row_scale(i_row_scale),
          .i_byte(i_row[8*lane+:8]),
          .i_embedding_shift(embedding_shift_r),
          .i_shift(shift_r),
          .i_round(!is_quant),
          .i_maximum_clear(pass_begin),
          .i_maximum_update(done),
          .o_maximum(maxima[30*lane+:30]),
          .i_square_pre(row[25]),
          .o_square(squares[31*lane+:31]),
          .i_reciprocal(reciprocal),
          .o_quantised(o_quantised[8*lane+:8])
      );
    end
  endgenerate

  assign o_back_x = states;

  // --- maximum and sum of squares over the lanes --------------------------------------------------------------------------
  wire [29:0] maximum;
  reg [44:0] s_r;
  reg square_r;
  wire sum_valid;
  wire [34:0] sum;

  always @(posedge i_clock) square_r <= n_write || (advance && row[25]);

  generate
    if (LANES == 1) begin : one_lane
      assign maximum = maxima;
      assign maximum_done = 1'b1;
      assign sum = {4'b0, squares};
      assign sum_valid = square_r;
    end else begin : over_lanes
      // The maximum is found lane by lane while the machine is in state MAXIMUM.
      reg [29:0] maximum_r;
      reg [LANE_BITS:0] index_r;
      wire [29:0] next = maxima[30*index_r[LANE_BITS-1:0]+:30];
      assign maximum = maximum_r;
      assign maximum_done = index_r[LANE_BITS];
      always @(posedge i_clock) begin
        if (state_r != MAXIMUM) index_r <= 0;
        else if (!maximum_done) begin
          index_r <= index_r + 1'b1;
          if (index_r == 0 || next > maximum_r) maximum_r <= next;
        end
      end

      reg [34:0] sum_r;
      reg sum_valid_r;
      for (lane = 0; lane < LANES; lane = lane + 1) begin : up_to
        wire [34:0] total;
        if (lane == 0) begin : first
          assign total = {4'b0, squares[0+:31]};
        end else begin : other
          assign total = up_to[lane-1].total + {4'b0, squares[31*lane+:31]};
        end
      end
      always @(posedge i_clock) begin
        sum_r <= up_to[LANES-1].total;
        sum_valid_r <= square_r;
      end
      assign sum = sum_r;
      assign sum_valid = sum_valid_r;
    end
  endgenerate

  assign maximum_zero = maximum == 0;

  wire shift_s = (state_r == EPSILON || state_r == EXPONENT) && count_r != 0;

  always @(posedge i_clock) begin
    if (state_r == BEGIN && (operation == MIX || (is_norm && !with_g))) s_r <= with_i && is_norm ? {19'b0, i_intermediate, 12'b0} : 45'd0;
    else if (shift_s) s_r <= s_r >> 1;
    else if (sum_valid) s_r <= s_r + {10'b0, sum};

    case (state_r)
      CONSTANT_TAKE: count_r <= constant[6:0];
      MAXIMUM_WAIT: count_r <= exponent_zero ? 7'd0 : {2'b0, scale_d[3:0], 1'b0};
      EPSILON: count_r <= count_r != 0 ? count_r - 7'd1 : exponent_zero ? 7'd0 : {2'b0, scale_d[3:0], 1'b0};
      PASS: count_r <= 7'd3;
      default: if (count_r != 0) count_r <= count_r - 7'd1;
    endcase
  end

  // --- scale ------------------------------------------------------------------------------------------------------------
  wire scale_done;
  wire [14:0] scale_c;
  wire [5:0] scale_shift;
  wire scale_start = (state_r == MAXIMUM_JOB || state_r == SQUARES_JOB) && !scale_busy_r || state_r == SCALE_JOB;

  // s, ρ and a stay inside.
  // verilator lint_off PINMISSING
  mmf_scale scale (
      .i_clock(i_clock),
      .i_reset(i_reset),
      .i_start(scale_start),
      .i_job(state_r == SQUARES_JOB ? 2'd0 : state_r == MAXIMUM_JOB ? 2'd1 : 2'd2),
      .i_squares(s_r),
      .i_maximum({1'b0, maximum}),
      .i_mm(mm_r),
      .i_em(constant[6:0]),  // w is not read again before the job is done
      .o_done(scale_done),
      .o_d(scale_d),
      .o_r(reciprocal),
      .o_c(scale_c),
      .o_shift(scale_shift)
  );
  // verilator lint_on PINMISSING

  // If all is zero, there is no job, and this is the end of QUANT; else it is written again behind job 2.
  assign o_scale_write = is_quant && (state_r == SCALE_WAIT || (state_r == MAXIMUM && maximum_done));
  assign o_c = scale_c;
  assign o_shift = scale_shift;
  assign o_zero = state_r == MAXIMUM && maximum_zero;

  always @(posedge i_clock) begin
    if (scale_start) scale_busy_r <= 1'b1;
    else if (scale_done || i_reset) scale_busy_r <= 1'b0;
  end

  // --- taps -------------------------------------------------------------------------------------------------------------
  assign o_tap_valid = is_tap && waiting;
  generate
    if (LANES == 1) begin : one_tap
      assign o_tap = states;
      assign tap_all = i_tap_ready;
      assign o_tap_last = all_done;
    end else begin : tap_of_lane
      reg [LANE_BITS-1:0] tap_lane_r;
      assign o_tap = states[{tap_lane_r, 5'b0}+:32];
      wire last_lane = tap_lane_r == {LANE_BITS{1'b1}};
      assign tap_all = i_tap_ready && last_lane;
      assign o_tap_last = all_done && last_lane;
      always @(posedge i_clock) begin
        if (i_reset || !o_tap_valid) tap_lane_r <= 0;
        else if (i_tap_ready) tap_lane_r <= tap_lane_r + 1'b1;
      end
    end
  endgenerate

endmodule
