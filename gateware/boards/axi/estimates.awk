# Yosys' statistics → a table. A carry cell of an ECP5 is two LUTs, a 16×4 memory four, one of a RAM32M of Xilinx's likewise.
BEGIN { print "family  bytes    LUT  flip-flops   DSP  block RAM" }
FNR == 1 { row() ; name = FILENAME; sub(/.*\//, "", name); sub(/\.txt$/, "", name); split(name, part, "-"); lut = ff = dsp = ram = uram = 0 }
$1 ~ /^LUT[1-6]$/ { lut += $2 }
$1 == "CCU2C" { lut += 2 * $2 }
$1 ~ /^(TRELLIS_DPR16X4|RAM32M|RAM64M)$/ { lut += 4 * $2 }
$1 ~ /^(RAM32X1D|RAM64X1D)$/ { lut += 2 * $2 }
$1 ~ /^(TRELLIS_FF|FD[RSPC]E(_1)?)$/ { ff += $2 }
$1 ~ /^(MULT18X18D|DSP48E[12])$/ { dsp += $2 }
$1 ~ /^(DP16KD|RAMB36E[12])$/ { ram += $2 }
$1 ~ /^RAMB18E[12]$/ { ram += $2 / 2 }
$1 == "URAM288" { uram += $2 }
END { row() }
function row() {
  if (name != "") printf "%-7s %5d %6d %11d %5d  %s%s\n", part[1], part[2], lut, ff, dsp, ram, uram ? " + " uram " UltraRAM" : ""
}
