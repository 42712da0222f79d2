// The whole chip behind a memory: link, boot, core and results, joined as docs/GATEWARE.md, section 1, has it. The read
// port is outside, because it is the board's: mmf_boot has it until it is done, then mmf_core.
`default_nettype none

module mmf_chip #(
    // Width of the read port, a power of two up to 64.
    parameter BYTES = 1,
    // For the timers of the link.
    parameter CLOCK_HZ = 24_000_000,
    // Of the UART, at least 4.
    parameter CLOCKS_PER_BIT = 8,
    // The largest model, and what its memories hold: docs/GATEWARE.md, section 2.
    parameter MAX_HIDDEN = 256,
    parameter MAX_INTERMEDIATE = 768,
    parameter MAX_LAYERS = 64,
    parameter MAX_VOCABULARY = 65_536,
    parameter STATE_WORDS = 16_384,
    parameter VECTOR_WORDS = 32_768,
    // Where the image lies in the memory, and where that ends.
    parameter [31:0] IMAGE_ADDRESS = 32'h0010_0000,
    parameter [31:0] MAX_IMAGE_BYTES = 32'h00f0_0000,
    // What HELLO says: texts of 1 … 64 printable ASCII characters.
    parameter [511:0] BOARD = "icebreaker",
    parameter [511:0] SERIAL = "0",
    parameter [511:0] FIRMWARE = "0.1.0"
) (
    input wire i_clock,
    input wire i_reset,

    // UART, pins.
    input  wire i_uart_rx,
    output wire o_uart_tx,

    // Read port, master.
    output wire               o_request_valid,
    input  wire               i_request_ready,
    output wire [       31:0] o_request_address,
    output wire [       31:0] o_request_bytes,
    input  wire               i_data_valid,
    output wire               o_data_ready,
    input  wire [8*BYTES-1:0] i_data,

    // For lamps: starting or computing; there is no image to run; a bad frame came (pulse).
    output wire o_busy,
    output wire o_error,
    output wire o_bad_frame
);
  localparam LANES = BYTES < 4 ? 1 : BYTES / 4;
  localparam CRC_BYTES = BYTES < 8 ? 1 : 4;

  // ---- UART ----------------------------------------------------------------------------------------------------------
  wire rx_valid, rx_error, tx_valid, tx_ready;
  wire [7:0] rx_byte, tx_byte;
  mmf_uart_rx #(
      .DIVISOR(CLOCKS_PER_BIT)
  ) u_uart_rx (
      .i_clock(i_clock),
      .i_reset(i_reset),
      .i_line(i_uart_rx),
      .o_valid(rx_valid),
      .o_error(rx_error),
      .o_data(rx_byte)
  );
  mmf_uart_tx #(
      .DIVISOR(CLOCKS_PER_BIT)
  ) u_uart_tx (
      .i_clock(i_clock),
      .i_reset(i_reset),
      .i_valid(tx_valid),
      .o_ready(tx_ready),
      .i_data(tx_byte),
      .o_line(o_uart_tx)
  );

  // ---- Start: what is in the memory ------------------------------------------------------------------------------------
  wire boot_request_valid, boot_data_ready, boot_done, image_good;
  wire [31:0] boot_request_address, boot_request_bytes;
  wire [16:0] vocabulary;
  wire [13:0] hidden, intermediate;
  wire [8:0] layers;
  wire [31:0] vectors, vectors_bytes, embedding, ternary, ternary_bytes;
  wire program_write, sigma_write;
  wire [ 6:0] program_index;
  wire [15:0] program_data;
  wire [ 7:0] sigma_index;
  wire [15:0] sigma_data;
  wire hello_ready;
  wire [9:0] hello_length, hello_address;
  wire [7:0] hello_data;
  mmf_boot #(
      .BYTES(BYTES),
      .IMAGE_ADDRESS(IMAGE_ADDRESS),
      .MAX_HIDDEN(MAX_HIDDEN),
      .MAX_INTERMEDIATE(MAX_INTERMEDIATE),
      .MAX_LAYERS(MAX_LAYERS),
      .MAX_VOCABULARY(MAX_VOCABULARY),
      .MAX_IMAGE_BYTES(MAX_IMAGE_BYTES),
      .GROUP_BYTES(BYTES),
      .BOARD(BOARD),
      .SERIAL(SERIAL),
      .FIRMWARE(FIRMWARE)
  ) u_boot (
      .i_clock(i_clock),
      .i_reset(i_reset),
      .o_request_valid(boot_request_valid),
      .i_request_ready(i_request_ready & ~boot_done),
      .o_request_address(boot_request_address),
      .o_request_bytes(boot_request_bytes),
      .i_data_valid(i_data_valid & ~boot_done),
      .o_data_ready(boot_data_ready),
      .i_data(i_data),
      .o_done(boot_done),
      .o_image_good(image_good),
      .o_vocabulary(vocabulary),
      .o_hidden(hidden),
      .o_intermediate(intermediate),
      .o_layers(layers),
      .o_vectors(vectors),
      .o_vectors_bytes(vectors_bytes),
      .o_embedding(embedding),
      .o_ternary(ternary),
      .o_ternary_bytes(ternary_bytes),
      .o_program_write(program_write),
      .o_program_index(program_index),
      .o_program_data(program_data),
      .o_sigma_write(sigma_write),
      .o_sigma_index(sigma_index),
      .o_sigma_data(sigma_data),
      .o_hello_ready(hello_ready),
      .o_hello_length(hello_length),
      .i_hello_address(hello_address),
      .o_hello_data(hello_data),
      .i_first_byte(rx_valid)
  );

  // ---- Link ------------------------------------------------------------------------------------------------------------
  wire step, taps, fresh, finished, core_ready, core_busy;
  wire [15:0] token;
  wire [6:0] candidates, candidate_count, tap_count;
  wire [ 7:0] results_address;
  wire [15:0] results_id;
  wire [31:0] results_word;
  /* verilator lint_off PINCONNECTEMPTY */  // nobody asks whether a session is open
  mmf_link #(
      .CLOCK_HZ(CLOCK_HZ)
  ) u_link (
      .i_clock(i_clock),
      .i_reset(i_reset),
      .i_byte_valid(rx_valid),
      .i_byte_error(rx_error),
      .i_byte(rx_byte),
      .o_byte_valid(tx_valid),
      .i_byte_ready(tx_ready),
      .o_byte(tx_byte),
      .o_bad(o_bad_frame),
      .o_is_open(),
      .i_hello_ready(hello_ready),
      .i_hello_length(hello_length),
      .o_hello_address(hello_address),
      .i_hello_data(hello_data),
      .i_image_good(image_good),
      .i_vocabulary(vocabulary),
      .i_core_ready(core_ready),
      .o_step(step),
      .o_token(token),
      .o_taps(taps),
      .o_fresh(fresh),
      .o_candidates(candidates),
      .i_finished(finished),
      .i_tap_count(tap_count),
      .i_candidate_count(candidate_count),
      .o_results_address(results_address),
      .i_results_id(results_id),
      .i_results_word(results_word)
  );
  /* verilator lint_on PINCONNECTEMPTY */

  // ---- Core ------------------------------------------------------------------------------------------------------------
  // It loads its vectors once, when the image is found good, and a token ends when it is busy no more.
  reg gone_r, was_busy_r;
  wire go = image_good & ~gone_r;
  always @(posedge i_clock) begin
    if (go) gone_r <= 1;
    was_busy_r <= core_busy;
    if (i_reset) begin
      gone_r <= 0;
      was_busy_r <= 0;
    end
  end
  assign finished = was_busy_r & ~core_busy;

  wire core_request_valid, core_data_ready;
  wire [31:0] core_request_address, core_request_bytes;
  wire logit_valid, logit_ready, tap_valid, tap_ready, tap_last;
  wire [31:0] logit, tap;
  mmf_core #(
      .BYTES(BYTES),
      .LANES(LANES),
      .MAX_HIDDEN(MAX_HIDDEN),
      .MAX_INTERMEDIATE(MAX_INTERMEDIATE),
      .STATE_WORDS(STATE_WORDS),
      .VECTOR_WORDS(VECTOR_WORDS)
  ) u_core (
      .i_clock(i_clock),
      .i_reset(i_reset),
      .i_vocabulary(vocabulary),
      .i_hidden(hidden),
      .i_intermediate(intermediate),
      .i_layers(layers),
      .i_vectors(vectors),
      .i_vectors_bytes(vectors_bytes),
      .i_embedding(embedding),
      .i_ternary(ternary),
      .i_ternary_bytes(ternary_bytes),
      .i_program_write(program_write),
      .i_program_index(program_index),
      .i_program_data(program_data),
      .i_sigma_write(sigma_write),
      .i_sigma_index(sigma_index),
      .i_sigma_data(sigma_data),
      .i_go(go),
      .o_ready(core_ready),
      .i_start(step),
      .i_token(token),
      .i_taps(taps),
      .i_fresh(fresh),
      .o_busy(core_busy),
      .o_request_valid(core_request_valid),
      .i_request_ready(i_request_ready & boot_done),
      .o_request_address(core_request_address),
      .o_request_bytes(core_request_bytes),
      .i_data_valid(i_data_valid & boot_done),
      .o_data_ready(core_data_ready),
      .i_data(i_data),
      .o_logit_valid(logit_valid),
      .i_logit_ready(logit_ready),
      .o_logit(logit),
      .o_tap_valid(tap_valid),
      .i_tap_ready(tap_ready),
      .o_tap(tap),
      .o_tap_last(tap_last)
  );

  assign o_request_valid = boot_done ? core_request_valid : boot_request_valid;
  assign o_request_address = boot_done ? core_request_address : boot_request_address;
  assign o_request_bytes = boot_done ? core_request_bytes : boot_request_bytes;
  assign o_data_ready = boot_done ? core_data_ready : boot_data_ready;

  // ---- Results -----------------------------------------------------------------------------------------------------------
  mmf_results #(
      .CRC_BYTES(CRC_BYTES)
  ) u_results (
      .i_clock(i_clock),
      .i_reset(i_reset),
      .i_begin(step),
      .i_candidates(candidates),
      .i_finished(finished),
      .i_logit_valid(logit_valid),
      .o_logit_ready(logit_ready),
      .i_logit(logit),
      .i_tap_valid(tap_valid),
      .o_tap_ready(tap_ready),
      .i_tap(tap),
      .i_tap_last(tap_last),
      .o_count(candidate_count),
      .o_taps(tap_count),
      .i_address(results_address),
      .o_id(results_id),
      .o_word(results_word)
  );

  assign o_busy = ~boot_done | image_good & ~core_ready | core_busy;
  assign o_error = boot_done & ~image_good;
endmodule

`default_nettype wire
