/** Logs as nextpnr-ice40 0.4 (Debian 12) writes them. */

import { describe, expect, it } from 'vitest';
import { parseClock, parsePlacement } from '../../../../firmware-host/virtual/simulated-chips/reports.js';

const LOG = `Info: Packing constants..
Info: Device utilisation:
Info: 	         ICESTORM_LC:  5279/ 5280    99%
Info: 	        ICESTORM_RAM:    23/   30    76%
Info: 	               SB_IO:    12/   96    12%
Info: 	         SB_WARMBOOT:     0/    1     0%
Info: 	      ICESTORM_SPRAM:     4/    4   100%

Info: Placed 15 cells based on constraints.
`;

describe('the table of nextpnr', () => {
  it('gives what is used, and of how many', () => {
    expect(parsePlacement(LOG)).toEqual([
      { name: 'ICESTORM_LC', count: 5279, available: 5280 },
      { name: 'ICESTORM_RAM', count: 23, available: 30 },
      { name: 'SB_IO', count: 12, available: 96 },
      { name: 'ICESTORM_SPRAM', count: 4, available: 4 },
    ]);
  });

  it('counts the last time that it is there', () => {
    const later = LOG.replace('5279', '5100');
    expect(parsePlacement(LOG + later)[0]).toMatchObject({ count: 5100 });
  });

  it('must be there', () => {
    expect(() => parsePlacement('ERROR: no BELs remaining')).toThrow(
      expect.objectContaining({ code: 'gateware-tool-failed' }),
    );
  });
});

describe('the clock', () => {
  it('is that of the routed design, not the estimate from before', () => {
    const log = `Info: Max frequency for clock 'clock': 24.91 MHz (PASS at 24.00 MHz)
Info: Max frequency for clock 'clock': 24.63 MHz (PASS at 24.00 MHz)
`;
    expect(parseClock(log)).toEqual({ megahertz: 24.63 });
  });

  it('must be there', () => {
    expect(() => parseClock('')).toThrow(expect.objectContaining({ code: 'gateware-tool-failed' }));
  });
});
