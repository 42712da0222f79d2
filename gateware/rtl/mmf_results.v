// What a token gives: the CRC-32 of its logits (the receipt) and of its taps (docs/ARITHMETIC.md, section 7), and the
// largest logits in order, larger first, equal ones by lower id first (section 8). The first one is the greedy choice.
//
// The list lies in a memory and is kept sorted. A logit that is not larger than the last of a full list is dropped in
// the clock in which it is compared; another one moves the smaller entries by one place, an entry a clock, from the end.
// Meanwhile nothing is taken: of V logits in random order about 64·(ln(V / 64) + 1) enter, with 32 moves each, and 64
// all of them do in ascending order. The CRC takes 4 / CRC_BYTES clocks a logit beside that.
// For a small chip (5 logits each 256 clocks or more) that is free; for the widest port (5 logits each 16 clocks, a
// million beats a token) it is 4,000 clocks of waiting at the beginning of the logits, less than 0.5 % of the token.
//
// Memory, for the link: i_address 0 … 63 candidates, 64 receipt, 128 + n tap n. Data one clock after the address. It
// holds complements, because iCE40 subtracts from an input of the carry chain only what is inverted already.
//
// Cost on iCE40 (CRC_BYTES 1): 344 LUTs with its CRC, 3 EBR.
`default_nettype none

module mmf_results #(
    // Bytes a clock for the CRC: 1, 2 or 4.
    parameter CRC_BYTES = 1
) (
    input wire i_clock,
    input wire i_reset,

    // Pulse before a token: forget everything.
    input wire       i_begin,
    // Length of the list, 0 … 64; 0 means 1. Stable until the end of the token.
    input wire [6:0] i_candidates,
    // Pulse after the last logit was taken: the receipt goes to the memory.
    input wire       i_finished,

    // From the core. Taps come before logits.
    input  wire        i_logit_valid,
    output wire        o_logit_ready,
    input  wire [31:0] i_logit,
    input  wire        i_tap_valid,
    output wire        o_tap_ready,
    input  wire [31:0] i_tap,
    input  wire        i_tap_last,

    // How many there are.
    output wire [ 6:0] o_count,
    output wire [ 6:0] o_taps,
    // Address; id, and logit or CRC.
    input  wire [ 7:0] i_address,
    output wire [15:0] o_id,
    output wire [31:0] o_word
);

  localparam [1:0] COMPARE = 2'd0;  // the list is at rest: mem_r is its last entry
  localparam [1:0] MOVE = 2'd1;  // mem_r is the entry at place_r
  localparam [1:0] PLACED = 2'd2;  // the list has a new last entry, which the memory is asked for

  reg [1:0] state_r;
  // Place of an entry, −1 … 63. At rest the last one.
  reg [6:0] place_r;
  reg [6:0] count_r;
  reg [15:0] id_r;
  reg [6:0] taps_r;

  // A word is done when its CRC is, and a logit also has its place.
  wire crc_done, list_done;
  assign o_logit_ready = list_done & crc_done;
  assign o_tap_ready = crc_done;
  wire takes_logit = i_logit_valid & o_logit_ready;
  wire takes_tap = i_tap_valid & o_tap_ready;

  // The end of a tap is one clock in which its CRC is written, before the next word may come.
  reg tap_ends_r;
  wire ends_crc = tap_ends_r | i_finished;

  // The CRC of the logit that waits for its place is finished.
  reg logit_summed_r;
  wire [31:0] crc;
  wire crc_valid = ~tap_ends_r & (i_tap_valid | i_logit_valid & ~logit_summed_r);
  generate
    if (CRC_BYTES == 4) begin : g_words
      assign crc_done = ~tap_ends_r;
      mmf_crc32 #(
          .BYTES(4)
      ) u_crc (
          .i_clock(i_clock),
          .i_clear(i_begin | ends_crc),
          .i_valid(crc_valid),
          .i_data(i_tap_valid ? i_tap : i_logit),
          .o_register(crc)
      );
    end else begin : g_parts
      localparam STEPS = 4 / CRC_BYTES;
      reg [$clog2(STEPS)-1:0] part_r;
      always @(posedge i_clock) begin
        if (crc_valid) part_r <= part_r + 1;
        if (i_reset | i_begin) part_r <= 0;
      end
      assign crc_done = ~tap_ends_r & (&part_r | i_logit_valid & logit_summed_r);
      wire [8*CRC_BYTES-1:0] logit_part = i_logit[part_r*8*CRC_BYTES+:8*CRC_BYTES];
      wire [8*CRC_BYTES-1:0] tap_part = i_tap[part_r*8*CRC_BYTES+:8*CRC_BYTES];
      mmf_crc32 #(
          .BYTES(CRC_BYTES)
      ) u_crc (
          .i_clock(i_clock),
          .i_clear(i_begin | ends_crc),
          .i_valid(crc_valid),
          .i_data(i_tap_valid ? tap_part : logit_part),
          .o_register(crc)
      );
    end
  endgenerate
  always @(posedge i_clock) begin
    tap_ends_r <= takes_tap & i_tap_last & ~i_reset;
    logit_summed_r <= crc_done & i_logit_valid & ~o_logit_ready & ~i_reset & ~i_begin;
    if (tap_ends_r) taps_r <= taps_r + 1;
    if (i_begin | i_reset) taps_r <= 0;
  end

  // The list.
  reg  [47:0] mem_r;
  wire [15:0] entry_id = mem_r[47:32];
  wire [31:0] entry = mem_r[31:0];
  // logit > entry, signed: the carry of logit + ~entry, with the signs turned. The entry is a complement already.
  // Only the carry is wanted.
  // verilator lint_off UNUSEDSIGNAL
  wire [32:0] difference = {1'b0, ~i_logit[31], i_logit[30:0]} + {1'b0, ~entry[31], entry[30:0]};
  // verilator lint_on UNUSEDSIGNAL
  wire is_larger = difference[32];

  wire [6:0] limit = {i_candidates[6:1], i_candidates[0] | i_candidates[6:1] == 0};
  wire is_full = count_r == limit;
  wire is_dropped = is_full & ~is_larger;
  // A small chip decides in the clock after it has compared, because a logit, this carry chain and all that waits for
  // o_logit_ready do not fit into one of 24 MHz.
  reg compared_r, dropped_r;
  always @(posedge i_clock) begin
    compared_r <= state_r == COMPARE & i_logit_valid & ~o_logit_ready & ~i_begin & ~i_reset;
    dropped_r <= is_dropped;
  end
  wire decided = CRC_BYTES == 4 ? i_logit_valid : compared_r;
  wire drops = CRC_BYTES == 4 ? is_dropped : compared_r & dropped_r;
  assign list_done = state_r == COMPARE & drops | state_r == PLACED;

  wire [6:0] next_count = count_r + 7'd1;
  wire at_front = place_r[6];
  wire inserts = state_r == MOVE & (at_front | ~is_larger);
  wire [6:0] next_place = place_r + 7'd1;
  // The last entry of a full list goes to a place that nobody reads, at most to that of the receipt, which comes later.
  wire moves = state_r == MOVE & ~inserts;

  always @(posedge i_clock) begin
    case (state_r)
      COMPARE: if (decided & ~drops) state_r <= MOVE;
      MOVE: begin
        place_r <= place_r - 1;
        if (inserts) begin
          state_r <= PLACED;
          // The new end of the list, which may be the entry that is written now.
          place_r <= is_full ? count_r - 7'd1 : count_r;
          if (~is_full) count_r <= next_count;
        end
      end
      default: if (crc_done) state_r <= COMPARE;
    endcase
    if (takes_logit) id_r <= id_r + 1;
    if (i_begin | i_reset) begin
      state_r <= COMPARE;
      count_r <= 0;
      place_r <= 7'h7f;
      id_r <= 0;
    end
  end

  // The link reads between tokens, the list during one.
  wire [5:0] list_address = state_r == MOVE ? place_r[5:0] - 6'd1 : place_r[5:0];
  reg reads_list_r;
  wire [7:0] read_address = reads_list_r ? {2'b00, list_address} : i_address;
  always @(posedge i_clock) begin
    if (i_begin) reads_list_r <= 1;
    if (i_finished | i_reset) reads_list_r <= 0;
  end

  // What is read while it is written is not used.
  (* no_rw_check *) reg [47:0] result_mem[0:255];
  wire writes = moves | inserts | ends_crc;
  wire [7:0] write_address = tap_ends_r ? {1'b1, taps_r} : i_finished ? 8'd64 : {1'b0, next_place};
  wire [31:0] write_word = ends_crc ? crc : inserts ? ~i_logit : entry;
  always @(posedge i_clock) begin
    if (writes) result_mem[write_address] <= {inserts ? ~id_r : entry_id, write_word};
    mem_r <= result_mem[read_address];
  end

  assign o_count = count_r;
  assign o_taps = taps_r;
  assign o_id = ~entry_id;
  assign o_word = ~entry;

endmodule

`default_nettype wire
