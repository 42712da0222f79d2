/** Reports as nextpnr-ice40 0.4 and icetime (Debian 12) write them. */

import { describe, expect, it } from 'vitest';
import { parsePlacement, parseTiming } from '../../../firmware-host/gateware/reports.js';

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

describe('the report of icetime', () => {
  it('gives the clock', () => {
    expect(parseTiming('// Timing estimate\nTotal path delay: 38.02 ns (26.30 MHz)\n')).toEqual({ megahertz: 26.3 });
  });

  it('must have a result', () => {
    expect(() => parseTiming('')).toThrow(expect.objectContaining({ code: 'gateware-tool-failed' }));
  });
});
