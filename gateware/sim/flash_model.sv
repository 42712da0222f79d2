// A W25Q128JV-DTR as its pins behave, for simulation: 16 MiB of NOR flash on a quad SPI, reads only. It is stricter
// than the chip: what the data sheet forbids, and what it only advises against, ends the simulation with $fatal.
//
// It has no delays, so that a simulation without time steps below half a clock can use it; a bench adds those of the
// outputs (tCLQX, tCLQV) outside. Times between edges of the inputs are checked if TIMES is 1: then the time must go
// on as in reality (1 ns units). Outputs change by non-blocking assignment in the time step of the edge of SCK.
//
// Commands, mode 0: ABh, B9h, 9Fh, 05h, 35h, 06h, 50h, 04h, 31h, FFh (nothing), 03h, 0Bh, EBh, EDh. The last two know
// the continuous mode (M5-4 = 10b); it ends by any other mode bits. EBh: 8 command, 6 + 2 address and
// mode, 4 dummy clocks, 2 clocks a byte; EDh: 8, 3 + 1 clocks with both edges, 7 dummy clocks, 1 clock a byte.
//
// Contents: FFh, and from byte OFFSET on the file that +image=FILE names. A bench may also write memory[].
`default_nettype none
`timescale 1ns / 1ps

module flash_model #(
    parameter OFFSET = 32'h0010_0000,
    parameter TIMES = 1,
    // How the FPGA's own loader, or an earlier run, left it.
    parameter POWERED_DOWN = 1,
    parameter QUAD_ENABLED = 0,
    // 0, or EBh or EDh: in the continuous mode of that command.
    parameter CONTINUOUS = 8'h00
) (
    input wire i_select_n,
    input wire i_sck,
    // The lines, and which of them the other side drives.
    input wire [3:0] i_io,
    input wire [3:0] i_io_enable,
    output reg [3:0] o_io,
    output reg [3:0] o_io_enable
);
  localparam SIZE = 1 << 24;
  // Nanoseconds at 3.0 to 3.6 V; where editions of the data sheet differ, the longer one.
  localparam real SELECT_TO_SCK = 5.0;  // tSLCH
  localparam real SCK_TO_DESELECT = 3.0;  // tCHSH
  localparam real DESELECTED_AFTER_READ = 10.0;  // tSHSL1
  localparam real DESELECTED = 50.0;  // tSHSL2
  localparam real SETUP = 2.0;  // tDVCH
  localparam real HOLD = 3.0;  // tCHDX
  localparam real SCK_HALF = 3.4;  // tCLH, tCLL at 133 MHz
  localparam real SCK_HALF_DTR = 6.8;  // 45 % of 66 MHz
  localparam real RELEASE = 7.0;  // tSHQZ
  localparam real WAKE = 3000.0;  // tRES1

  localparam [3:0] COMMAND = 0, ADDRESS = 1, DUMMY = 2, DATA = 3, STATUS = 4, IDENTITY = 5, WRITE = 6, ENDED = 7, SERIAL = 8;

  reg [7:0] memory[0:SIZE-1];
  string path;
  integer file, count;
  initial begin
    for (integer i = 0; i < SIZE; i = i + 1) memory[i] = 8'hff;
    if ($value$plusargs("image=%s", path)) begin
      file = $fopen(path, "rb");
      if (file == 0) $fatal(1, "flash: no file %s", path);
      count = $fread(memory, file, OFFSET);
      $fclose(file);
      if (count == 0) $fatal(1, "flash: %s is empty", path);
    end
  end

  // ---- When the lines changed ------------------------------------------------------------------------------------
  // Last edge at which the line was taken in; hold is checked when it changes.
  realtime sampled_at[0:3], changed_at[0:3];
  for (genvar n = 0; n < 4; n = n + 1) begin : g_line
    initial begin
      sampled_at[n] = -1000;
      changed_at[n] = -1000;
    end
    always @(posedge i_io[n], negedge i_io[n]) begin
      if (TIMES != 0 && !o_io_enable[n]) begin
        if ($realtime - sampled_at[n] < HOLD) $fatal(1, "flash: IO%0d held for %0t only", n, $realtime - sampled_at[n]);
        changed_at[n] = $realtime;
      end
    end
    always @(posedge i_io_enable[n]) begin
      if (o_io_enable[n] || (TIMES != 0 && $realtime - released_at < RELEASE)) begin
        $fatal(1, "flash: IO%0d driven twice", n);
      end
    end
  end

  // ---- State -----------------------------------------------------------------------------------------------------
  reg [3:0] phase = COMMAND;
  reg [7:0] command = 0;
  reg [7:0] continuous = CONTINUOUS;  // command that the next select goes on with, 0 if none
  reg asleep = POWERED_DOWN != 0;
  reg quad = QUAD_ENABLED != 0;
  reg write_enabled = 0, volatile_enabled = 0;
  reg [31:0] shift = 0;
  reg [23:0] address = 0;
  integer edges = 0;  // of the phase: rising ones, or both in double rate
  reg is_low = 0;  // the low half of the byte is next
  reg was_sck = 0, was_select_n = 1;
  realtime sck_at = -1000, select_at = -1000, deselect_at = -1000, released_at = -1000, awake_at = -1000;
  reg last_was_read = 1;
  integer reads = 0, bytes_read = 0;
  // A bench sets it where the other side restarts, perhaps in the midst of a command.
  reg may_be_cut = 0;

  wire is_double = command == 8'hed;
  // Clocks before the first bit of a one-line read: address, and the dummy byte of 0Bh.
  wire [31:0] first_bit = command == 8'h0b ? 32 : 24;
  initial begin
    o_io = 4'hf;
    o_io_enable = 4'h0;
  end

  task automatic take(input [3:0] lines);
    for (integer n = 0; n < 4; n = n + 1) begin
      if (lines[n]) begin
        if (TIMES != 0 && $realtime - changed_at[n] < SETUP) $fatal(1, "flash: IO%0d set up too late", n);
        if (!i_io_enable[n]) $fatal(1, "flash: IO%0d is taken in but not driven", n);
        sampled_at[n] = $realtime;
      end
    end
  endtask

  task automatic rising;
    edges = edges + 1;
    case (phase)
      COMMAND, WRITE: begin
        take(4'b0001);
        if (!quad && i_io[3:2] != 2'b11) $fatal(1, "flash: /HOLD or /WP is low");
        shift = {shift[30:0], i_io[0]};
        if (phase == COMMAND && edges == 8) decode;
        if (phase == WRITE && edges > 8) $fatal(1, "flash: %0d bits for the status register", edges);
      end
      ADDRESS: nibble;
      DUMMY: ;
      DATA: if (is_double) give;
      STATUS, IDENTITY: ;
      SERIAL: if (edges <= 24) begin
        take(4'b0001);
        shift = {shift[30:0], i_io[0]};
        if (edges == 24) address = shift[23:0];
      end
      default: $fatal(1, "flash: clocks after the end of command %h", command);
    endcase
  endtask

  task automatic falling;
    case (phase)
      ADDRESS: if (is_double && edges != 0) nibble_at_fall;
      DUMMY: if (edges == (is_double ? 7 : 4)) begin
        phase = DATA;
        is_low = 0;
        give;
      end
      DATA: give;
      STATUS, IDENTITY: begin
        o_io[1] <= phase == STATUS ? (command == 8'h35 ? quad && edges % 8 == 6 : write_enabled && edges % 8 == 6)
                                   : 24'hef7018 >> (23 - edges % 24);
        o_io_enable <= 4'b0010;
      end
      SERIAL: if (edges >= first_bit) begin
        o_io[1] <= memory[address + 24'((edges - first_bit) / 8)][7 - (edges - first_bit) % 8];
        o_io_enable <= 4'b0010;
      end
      default: ;
    endcase
  endtask

  task automatic nibble;
    take(4'b1111);
    shift = {shift[27:0], i_io};
    if (!is_double && edges == 8) addressed;
  endtask

  task automatic nibble_at_fall;
    take(4'b1111);
    shift = {shift[27:0], i_io};
    if (edges == 4) addressed;
  endtask

  task automatic addressed;
    address = shift[31:8];
    continuous = shift[5:4] == 2'b10 ? command : 8'h00;
    phase = DUMMY;
    edges = 0;
    reads = reads + 1;
  endtask

  // Puts the next half byte on the lines.
  task automatic give;
    o_io <= is_low ? memory[address][3:0] : memory[address][7:4];
    o_io_enable <= 4'b1111;
    if (is_low) begin
      address = address + 1;
      bytes_read = bytes_read + 1;
    end
    is_low = !is_low;
  endtask

  task automatic decode;
    command = shift[7:0];
    edges = 0;
    phase = ENDED;
    if (asleep && command != 8'hab && command != 8'hff) $fatal(1, "flash: command %h in power-down", command);
    case (command)
      8'hff, 8'hab, 8'hb9, 8'h06, 8'h50, 8'h04: ;
      8'h05, 8'h35: phase = STATUS;
      8'h03, 8'h0b: phase = SERIAL;
      8'h9f: phase = IDENTITY;
      8'h31: begin
        if (!write_enabled && !volatile_enabled) $fatal(1, "flash: status written without 06h or 50h");
        phase = WRITE;
      end
      8'heb, 8'hed: begin
        if (!quad) $fatal(1, "flash: quad read without quad enable");
        phase = ADDRESS;
      end
      default: $fatal(1, "flash: command %h", command);
    endcase
  endtask

  task automatic selected;
    if (i_sck) $fatal(1, "flash: selected while SCK is high");
    if (TIMES != 0) begin
      if ($realtime - deselect_at < (last_was_read ? DESELECTED_AFTER_READ : DESELECTED)) begin
        $fatal(1, "flash: deselected for %0t only", $realtime - deselect_at);
      end
      if ($realtime < awake_at) $fatal(1, "flash: selected while it wakes up");
    end
    select_at = $realtime;
    edges = 0;
    is_low = 0;
    phase = continuous != 0 ? ADDRESS : COMMAND;
    command = continuous;
  endtask

  task automatic deselected;
    if (i_sck) $fatal(1, "flash: deselected while SCK is high");
    if (TIMES != 0 && $realtime - sck_at < SCK_TO_DESELECT) $fatal(1, "flash: deselected too early");
    deselect_at = $realtime;
    if (o_io_enable != 0) released_at = $realtime;
    last_was_read = phase == DATA || phase == SERIAL;
    case (phase)
      ENDED: begin
        if (command == 8'hab) begin
          asleep = 0;
          awake_at = $realtime + WAKE;
        end
        if (command == 8'hb9) asleep = 1;
        volatile_enabled = command == 8'h50;
        if (command == 8'h06) write_enabled = 1;
        if (command == 8'h04) write_enabled = 0;
      end
      WRITE: begin
        if (edges != 8) $fatal(1, "flash: %0d bits for the status register", edges);
        quad = shift[1];
        write_enabled = 0;
        volatile_enabled = 0;
      end
      COMMAND, ADDRESS: if (edges != 0 && !may_be_cut) $fatal(1, "flash: deselected in the command or the address");
      // The end of a continuous mode: eight clocks with all lines high.
      DUMMY: if (continuous != 0) $fatal(1, "flash: deselected in the dummy clocks");
      default: ;
    endcase
    o_io_enable <= 4'b0000;
    command = 0;
    phase = COMMAND;
    edges = 0;
  endtask

  always @(posedge i_sck, negedge i_sck, posedge i_select_n, negedge i_select_n) begin
    if (i_select_n != was_select_n && i_sck != was_sck) $fatal(1, "flash: SCK and select change at once");
    if (i_select_n != was_select_n) begin
      if (i_select_n) deselected;
      else selected;
    end else begin
      if (i_select_n) $fatal(1, "flash: SCK runs while it is not selected");
      if (TIMES != 0) begin
        if (i_sck && $realtime - select_at < SELECT_TO_SCK) $fatal(1, "flash: SCK too early after select");
        if ($realtime - sck_at < (is_double ? SCK_HALF_DTR : SCK_HALF)) $fatal(1, "flash: SCK pulse too short");
      end
      if (i_sck) rising;
      else falling;
      sck_at = $realtime;
    end
    was_sck = i_sck;
    was_select_n = i_select_n;
  end

  // The flash drives from here on: nobody else may.
  always @(posedge o_io_enable[0], posedge o_io_enable[1]) begin
    if ((i_io_enable & o_io_enable) != 0) $fatal(1, "flash: lines %b driven twice", i_io_enable & o_io_enable);
  end
endmodule

`default_nettype wire
