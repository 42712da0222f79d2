// DDR4 memory with its controller behind an AXI4 read slave, for simulation: banks with open rows, activations ahead of
// the data, refresh; peak is one beat a clock. It answers in order and has no delays within a clock.
//
// One beat is one burst of eight of the memory: a port of 64 bytes stands for a module of 64 lines, one of 16 bytes for
// a single chip of 16 lines, on a controller with a quarter of the memory's clock (250 MHz: DDR4-2000). A row then has
// 128 beats on any width. Address of a beat, from the lowest bit: 2 bits bank group, 7 bits of the column, 2 bits bank,
// row: consecutive beats go to different bank groups, as controllers do because tCCD_L is longer than tCCD_S.
//
// Times: Micron 8 Gb DDR4 (MT40A1G8), speed bin DDR4-2400 16-16-16 (-083E), in ns, rounded up to clocks of the port;
// CONTROLLER_CLOCKS is the way through controller and PHY both ways, about that of AMD's and LiteDRAM's.
//
// Ends the simulation with $fatal if a burst crosses 4 KiB, changes while it waits, is not of full width and
// incrementing, or leaves the memory. The response is SLVERR for the beats of fault_address (a bench sets it).
`default_nettype none

module dram_model #(
    parameter BYTES = 16,
    parameter SIZE = 1 << 24,
    // Where the file of +image=FILE lies.
    parameter OFFSET = 0,
    parameter CLOCK_MHZ = 250,
    parameter CONTROLLER_CLOCKS = 20,
    // Beats that the controller looks at ahead of the data to open their rows.
    parameter LOOKAHEAD = 32
) (
    input wire i_clock,
    input wire i_reset,
    input wire i_axi_arvalid,
    output wire o_axi_arready,
    input wire [31:0] i_axi_araddr,
    input wire [7:0] i_axi_arlen,
    input wire [2:0] i_axi_arsize,
    input wire [1:0] i_axi_arburst,
    output wire o_axi_rvalid,
    input wire i_axi_rready,
    output wire [8*BYTES-1:0] o_axi_rdata,
    output wire [1:0] o_axi_rresp,
    output wire o_axi_rlast
);
  function integer clocks_of(input integer picoseconds);
    clocks_of = (picoseconds * CLOCK_MHZ + 999_999) / 1_000_000;
  endfunction
  localparam integer T_RCD = clocks_of(13_320);
  localparam integer T_RP = clocks_of(13_320);
  localparam integer T_CL = clocks_of(13_320);
  localparam integer T_RAS = clocks_of(32_000);
  localparam integer T_RRD = clocks_of(4_900);  // tRRD_L
  localparam integer T_FAW = clocks_of(30_000);  // of the 2 KiB page, the longer one
  localparam integer T_RTP = clocks_of(7_500);
  localparam integer T_CCD_L = clocks_of(5_000);
  localparam integer T_REFI = 7_800 * CLOCK_MHZ / 1000;
  localparam integer T_RFC = clocks_of(350_000);
  localparam integer LATENCY = T_CL + CONTROLLER_CLOCKS;
  localparam BANKS = 16;

  reg [7:0] memory[0:SIZE-1];
  reg [31:0] fault_address = 32'hffff_ffff;
  string path;
  integer file, count;
  initial begin
    if ($value$plusargs("image=%s", path)) begin
      file = $fopen(path, "rb");
      if (file == 0) $fatal(1, "dram: no file %s", path);
      count = $fread(memory, file, OFFSET);
      $fclose(file);
      if (count == 0) $fatal(1, "dram: %s is empty", path);
    end
  end

  // Since reset; beats / clocks is the use of the port.
  integer clocks /*verilator public*/;
  integer beats /*verilator public*/;
  // Of all clocks: those in which beats were asked for and none came.
  integer waits /*verilator public*/;
  integer activations /*verilator public*/;
  integer refreshes /*verilator public*/;

  // ---- Bursts, then beats -----------------------------------------------------------------------------------------
  // Queues are rings of a power of two; *_in and *_out count for ever.
  reg [31:0] burst_address[0:15];
  reg [7:0] burst_length[0:15];
  reg [31:0] burst_in, burst_out;
  reg [7:0] beat_of_burst;
  // In order: opened and read from the front.
  reg [31:0] beat_address[0:63];
  reg beat_last[0:63];
  reg [31:0] beat_in, beat_out;
  // Read, on the way back.
  reg [31:0] back_address[0:127];
  reg back_last[0:127];
  reg [31:0] back_due[0:127];
  reg [31:0] back_in, back_out;

  reg ready_r;
  assign o_axi_arready = ready_r;

  function automatic [3:0] bank_of(input [31:0] address);
    reg [31:0] beat;
    beat = address / BYTES;
    bank_of = {beat[10:9], beat[1:0]};
  endfunction
  function automatic [31:0] row_of(input [31:0] address);
    row_of = (address / BYTES) >> 11;
  endfunction

  reg is_open[0:BANKS-1];
  reg [31:0] row[0:BANKS-1];
  integer ready_at[0:BANKS-1], close_at[0:BANKS-1];  // reads from, precharge from
  integer activated_at[0:3];  // the last four
  integer group_at[0:3];  // when a bank group may read again
  integer refresh_due, refresh_until;
  reg is_refreshing;

  task automatic check_burst;
    reg [32:0] bytes;
    bytes = (33'(i_axi_arlen) + 1) * BYTES;
    if (i_axi_arburst != 2'b01) $fatal(1, "dram: burst of kind %b", i_axi_arburst);
    if (i_axi_arsize != 3'($clog2(BYTES))) $fatal(1, "dram: burst of size %0d", i_axi_arsize);
    if ((i_axi_araddr & (BYTES - 1)) != 0) $fatal(1, "dram: address %h", i_axi_araddr);
    if (33'(i_axi_araddr[11:0]) + bytes > 4096) $fatal(1, "dram: %0d bytes at %h cross 4 KiB", bytes, i_axi_araddr);
    if (33'(i_axi_araddr) + bytes > SIZE) $fatal(1, "dram: address %h", i_axi_araddr);
  endtask

  // Opens the row of the first beat that needs it and whose bank no beat before it uses. One a clock.
  task automatic activate;
    reg [BANKS-1:0] used;
    reg [3:0] bank;
    reg [31:0] address;
    integer ready;
    used = 0;
    if (clocks - activated_at[3] >= T_RRD && clocks - activated_at[0] >= T_FAW) begin
      for (integer i = 0; i < LOOKAHEAD; i = i + 1) begin
        if (beat_out + i != beat_in && 32'(i) < beat_in - beat_out) begin
          address = beat_address[6'(beat_out + i)];
          bank = bank_of(address);
          if (!used[bank] && !(is_open[bank] && row[bank] == row_of(address)) && clocks >= close_at[bank]) begin
            ready = clocks + (is_open[bank] ? T_RP : 0);
            is_open[bank] = 1;
            row[bank] = row_of(address);
            ready_at[bank] = ready + T_RCD;
            close_at[bank] = ready + T_RAS;
            activated_at[0] = activated_at[1];
            activated_at[1] = activated_at[2];
            activated_at[2] = activated_at[3];
            activated_at[3] = ready;
            activations = activations + 1;
            break;
          end
          used[bank] = 1;
        end
      end
    end
  endtask

  task automatic read_beat;
    reg [31:0] address;
    reg [3:0] bank;
    address = beat_address[6'(beat_out)];
    bank = bank_of(address);
    if (is_open[bank] && row[bank] == row_of(address) &&
        clocks >= ready_at[bank] && clocks >= group_at[bank[1:0]]) begin
      group_at[bank[1:0]] = clocks + T_CCD_L;
      if (close_at[bank] < clocks + T_RTP) close_at[bank] = clocks + T_RTP;
      back_address[7'(back_in)] = address;
      back_last[7'(back_in)] = beat_last[6'(beat_out)];
      back_due[7'(back_in)] = clocks + LATENCY;
      back_in = back_in + 1;
      beat_out = beat_out + 1;
    end
  endtask

  // All banks are closed, then nothing goes on for T_RFC.
  task automatic refresh;
    integer from;
    from = clocks;
    for (integer b = 0; b < BANKS; b = b + 1) if (is_open[b] && close_at[b] > from) from = close_at[b];
    is_refreshing = 1;
    refresh_until = from + T_RP + T_RFC;
    refresh_due = refresh_due + T_REFI;
    for (integer b = 0; b < BANKS; b = b + 1) begin
      is_open[b] = 0;
      close_at[b] = 0;
    end
    refreshes = refreshes + 1;
  endtask

  reg waited;
  reg [31:0] waited_address;
  reg [7:0] waited_length;
  reg valid_r, last_r;
  reg [1:0] response_r;
  reg [31:0] address_r;
  always @(posedge i_clock) begin
    if (i_reset) begin
      clocks = 0;
      beats = 0;
      waits = 0;
      activations = 0;
      refreshes = 0;
      burst_in = 0;
      burst_out = 0;
      beat_of_burst = 0;
      beat_in = 0;
      beat_out = 0;
      back_in = 0;
      back_out = 0;
      is_refreshing = 0;
      refresh_due = T_REFI;
      for (integer b = 0; b < BANKS; b = b + 1) begin
        is_open[b] = 0;
        close_at[b] = 0;
        ready_at[b] = 0;
      end
      for (integer i = 0; i < 4; i = i + 1) begin
        activated_at[i] = -1000;
        group_at[i] = 0;
      end
      waited <= 0;
      ready_r <= 0;
      valid_r <= 0;
    end else begin
      clocks = clocks + 1;
      if (waited && (!i_axi_arvalid || i_axi_araddr != waited_address || i_axi_arlen != waited_length)) begin
        $fatal(1, "dram: the burst changed while it waited");
      end
      waited <= i_axi_arvalid && !ready_r;
      waited_address <= i_axi_araddr;
      waited_length <= i_axi_arlen;

      if (valid_r && i_axi_rready) beats = beats + 1;
      else if (burst_in != burst_out || beat_in != beat_out || back_in != back_out) waits = waits + 1;

      if (is_refreshing && clocks >= refresh_until) is_refreshing = 0;
      if (!is_refreshing && clocks >= refresh_due) refresh;
      if (!is_refreshing) begin
        if (beat_in != beat_out && back_in - back_out < 100) read_beat;
        activate;
      end

      if (burst_in != burst_out && beat_in - beat_out < 64) begin
        beat_address[6'(beat_in)] = burst_address[4'(burst_out)] + 32'(beat_of_burst) * BYTES;
        beat_last[6'(beat_in)] = beat_of_burst == burst_length[4'(burst_out)];
        if (beat_last[6'(beat_in)]) begin
          burst_out = burst_out + 1;
          beat_of_burst = 0;
        end else beat_of_burst = beat_of_burst + 1;
        beat_in = beat_in + 1;
      end

      if (i_axi_arvalid && ready_r) begin
        check_burst;
        burst_address[4'(burst_in)] = i_axi_araddr;
        burst_length[4'(burst_in)] = i_axi_arlen;
        burst_in = burst_in + 1;
      end
      ready_r <= burst_in - burst_out < 16;

      if (!valid_r || i_axi_rready) begin
        valid_r <= 0;
        if (back_in != back_out && clocks >= back_due[7'(back_out)]) begin
          valid_r <= 1;
          last_r <= back_last[7'(back_out)];
          address_r <= back_address[7'(back_out)];
          response_r <= back_address[7'(back_out)] == (fault_address & ~(BYTES - 1)) ? 2'b10 : 2'b00;
          back_out = back_out + 1;
        end
      end
    end
  end

  assign o_axi_rvalid = valid_r;
  // Nothing that a master may look at while there is no beat.
  assign o_axi_rlast = last_r || !valid_r;
  assign o_axi_rresp = valid_r ? response_r : 2'b11;
  reg [8*BYTES-1:0] data;
  always @* for (integer i = 0; i < BYTES; i = i + 1) data[8*i+:8] = memory[(address_r + i) & (SIZE - 1)];
  assign o_axi_rdata = data;
endmodule

`default_nettype wire
