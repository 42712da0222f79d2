// The messages of the smallest board (docs/PROTOCOL.md, section 3): HELLO at the beginning of a session, RESET and STEP,
// ERROR for everything else. One request in the buffer, one reply that waits for its acknowledgement. Here it is decided
// which reply; its bytes are made by mmf_frame_sender, again for each repetition, from what is held stable here and from
// the memories of HELLO and of the results.
//
// The buffer becomes free when the answer is there, so the host's next request can come with the acknowledgement; only
// an ERROR, which repeats what was in the request, holds it until it is acknowledged.
//
// Cost on iCE40: 93 LUTs.
`default_nettype none
`include "mmf_messages.vh"

module mmf_requests (
    input wire i_clock,
    input wire i_reset,

    // mmf_link_session.
    input  wire i_opened,
    input  wire i_closed,
    input  wire i_take,
    input  wire i_acknowledged,
    output wire o_has_room,
    output wire o_has_reply,
    output wire o_is_deciding,

    // The request, with i_take: mmf_frame_receiver.
    input wire [ 7:0] i_type,
    input wire [12:0] i_length,
    input wire [31:0] i_word,
    input wire        i_taps,
    input wire [ 6:0] i_candidates,
    input wire        i_is_step,

    // mmf_frame_sender: no frame is under way; message of the reply; code and first fact of an ERROR, type of the request.
    input  wire        i_is_idle,
    output wire [ 1:0] o_message,
    output wire [ 2:0] o_error,
    output wire [ 7:0] o_type,
    output wire [31:0] o_fact,
    output wire        o_has_candidates,

    // mmf_boot.
    input wire        i_hello_ready,
    input wire        i_image_good,
    input wire [16:0] i_vocabulary,

    // mmf_core and mmf_results: a token begins (pulse; the others are stable until i_finished).
    input  wire        i_core_ready,
    output wire        o_step,
    output wire [15:0] o_token,
    output wire        o_taps,
    output wire        o_fresh,
    output wire [ 6:0] o_candidates,
    input  wire        i_finished
);

  // Messages to the host.
  localparam [1:0] HELLO = 2'd0;
  localparam [1:0] ERROR = 2'd1;
  localparam [1:0] DONE = 2'd2;
  localparam [1:0] STEPPED = 2'd3;

  // Requests.
  localparam [7:0] RESET = `MMF_RESET;
  localparam [7:0] STEP = `MMF_STEP;

  localparam [2:0] NO_ERROR = 3'd0;
  localparam [2:0] UNKNOWN_REQUEST = 3'd1;
  localparam [2:0] MALFORMED_PAYLOAD = 3'd2;
  localparam [2:0] NO_IMAGE = 3'd4;
  localparam [2:0] UNKNOWN_TOKEN = 3'd5;

  // The buffer. The word is the token, or the length of a payload that is malformed.
  reg full_r;
  reg [7:0] type_r;
  reg [31:0] word_r;
  reg taps_r, malformed_r;
  reg [6:0] candidates_r;

  wire is_malformed = i_type == STEP ? ~i_is_step : i_length != 0;
  always @(posedge i_clock) begin
    if (i_take) begin
      type_r <= i_type;
      malformed_r <= is_malformed;
      word_r <= is_malformed ? {19'd0, i_length} : i_word;
      taps_r <= i_taps;
      candidates_r <= i_candidates;
    end
  end

  // What becomes of it.
  wire is_reset = type_r == RESET;
  wire is_step = type_r == STEP;
  wire is_outside = word_r[31:17] != 0 | word_r[16:0] >= i_vocabulary;
  wire [2:0] error = ~(is_reset | is_step) ? UNKNOWN_REQUEST :
      malformed_r ? MALFORMED_PAYLOAD :
      ~i_image_good ? NO_IMAGE :
      is_step & is_outside ? UNKNOWN_TOKEN : NO_ERROR;
  // Known one clock later.
  reg judged_r;
  reg [2:0] error_r;
  always @(posedge i_clock) begin
    judged_r <= full_r & ~i_take;
    error_r  <= error;
  end
  wire refuses = error_r != NO_ERROR;

  // The core works; its result is wanted unless the session has ended meanwhile.
  reg works_r, wanted_r;
  reg reply_r;
  reg [1:0] message_r;
  reg has_candidates_r;
  reg fresh_r;

  // No frame may be under way when a reply's sources change.
  wire decides = full_r & judged_r & ~reply_r & ~works_r & i_is_idle;
  assign o_step = decides & ~refuses & is_step & i_core_ready & ~i_closed & ~i_opened;

  always @(posedge i_clock) begin
    if (i_acknowledged) begin
      reply_r <= 0;
      if (message_r == ERROR) full_r <= 0;
    end
    if (decides & (refuses | is_reset)) begin
      reply_r <= 1;
      message_r <= refuses ? ERROR : DONE;
      if (~refuses) begin
        full_r  <= 0;
        fresh_r <= 1;
      end
    end
    if (o_step) begin
      works_r  <= 1;
      wanted_r <= 1;
      fresh_r  <= 0;
    end
    if (works_r & i_finished) begin
      works_r <= 0;
      if (wanted_r) begin
        reply_r <= 1;
        message_r <= STEPPED;
        has_candidates_r <= candidates_r != 0;
        full_r <= 0;
      end
    end
    if (i_take) full_r <= 1;
    if (i_opened | i_closed | i_reset) begin
      full_r <= 0;
      wanted_r <= 0;
      reply_r <= i_opened;
      message_r <= HELLO;
    end
    if (i_reset) begin
      works_r <= 0;
      fresh_r <= 1;
    end
  end

  // What the core works on must not change, even if nobody waits for it any more.
  assign o_has_room = ~full_r & ~works_r;
  assign o_has_reply = reply_r & (message_r != HELLO | i_hello_ready & ~works_r);
  assign o_is_deciding = full_r & ~reply_r & ~works_r & (~judged_r | refuses | ~is_step | i_core_ready);
  assign o_error = error_r;
  assign o_message = message_r;
  assign o_type = type_r;
  assign o_fact = word_r;
  assign o_has_candidates = has_candidates_r;
  assign o_token = word_r[15:0];
  assign o_taps = taps_r;
  assign o_fresh = fresh_r;
  assign o_candidates = candidates_r;

endmodule

`default_nettype wire
