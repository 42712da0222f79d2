// One pass of microcode over the words of a vector: row after row, iteration after iteration, until the last word is done.
//
// o_word counts the words that are begun, o_done_word those that are done; in a pass with overlapping iterations the
// first o_done is held back for i_lag iterations. Words that are begun beyond the end of the vector are never done.
`default_nettype none

module mmf_pass #(
    parameter WORD_BITS = 10
) (
    input wire i_clock,
    input wire i_reset,

    input  wire                 i_start,
    input  wire [          3:0] i_block,  // of microcode; stable during the pass
    input  wire [          2:0] i_lag,
    // verilator lint_off UNUSEDSIGNAL
    input  wire [         13:0] i_words,  // fits WORD_BITS + 1
    // verilator lint_on UNUSEDSIGNAL
    input  wire                 i_ready,  // a row with WAIT goes on
    output wire                 o_all_done,
    output wire                 o_finished,  // in the end

    output wire [         29:0] o_row,  // of microcode; counts in a clock with o_advance
    output wire                 o_advance,
    output wire                 o_done,  // the word o_done_word is done
    output wire [WORD_BITS-1:0] o_word,
    output wire [WORD_BITS-1:0] o_done_word,
    output wire                 o_waiting  // a row with WAIT is there
);

  reg                 begin_r;
  reg                 running_r;
  reg [          7:0] address_r;
  reg [WORD_BITS-1:0] word_r;
  reg [  WORD_BITS:0] done_word_r;
  reg [          2:0] lag_r;

  wire row_retire = o_row[26];
  wire row_last = o_row[27];
  wire row_wait = o_row[28];

  assign o_word = word_r;
  assign o_done_word = done_word_r[WORD_BITS-1:0];
  assign o_waiting = running_r && row_wait;
  assign o_advance = running_r && !o_finished && !(row_wait && !i_ready);
  assign o_done = o_advance && row_retire && lag_r == 0;
  assign o_all_done = done_word_r == i_words[WORD_BITS:0];
  // A last row that waits (that of TAP) hands out what RETIRE left.
  assign o_finished = running_r && o_all_done && !(row_wait && row_last);

  wire [7:0] first_address = {i_block, 4'd0};
  wire [7:0] next_address = begin_r || row_last ? first_address : address_r + 8'd1;

  mmf_microcode microcode (
      .i_clock(i_clock),
      .i_read(begin_r || o_advance),
      .i_address(next_address),
      .o_row(o_row)
  );

  always @(posedge i_clock) begin
    begin_r <= i_start;
    if (i_start) begin
      word_r <= 0;
      done_word_r <= 0;
      lag_r <= i_lag;
    end
    if (begin_r || o_advance) address_r <= next_address;
    if (begin_r) running_r <= 1'b1;
    if (o_advance && row_last) begin
      word_r <= word_r + 1'b1;
      if (lag_r != 0) lag_r <= lag_r - 3'd1;
    end
    if (o_done) done_word_r <= done_word_r + 1'b1;
    if (o_finished || i_reset) running_r <= 1'b0;
    if (i_reset) begin_r <= 1'b0;
  end

endmodule
