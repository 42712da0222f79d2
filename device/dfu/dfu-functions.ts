/** The DFU functions that a device's configurations offer. DFU 1.1, sections 4.1.3 and 4.2.4. */

import type { ConfigurationDescriptor, InterfaceDescriptor } from '../usb/descriptors.js';
import { DescriptorError } from '../usb/descriptors.js';
import { DFU_PROTOCOL, isDfu } from '../usb/usb-classes.js';
import { decodeFunctional, DFU_FUNCTIONAL_DESCRIPTOR } from './dfu-protocol.js';
import type { DfuFunctional } from './dfu-protocol.js';

/** A piece of memory that can be downloaded to, or in runtime mode the door to DFU mode. */
export interface DfuSetting {
  readonly mode: 'runtime' | 'dfu';
  /** `bConfigurationValue`. */
  readonly configuration: number;
  readonly interfaceNumber: number;
  readonly alternate: number;
  /** Index of the string descriptor with its name; 0 for none. */
  readonly nameIndex: number;
  readonly functional: DfuFunctional;
}

/** A setting and its name; empty if it has none that can be read. */
export type NamedSetting = DfuSetting & { readonly name: string };

/**
 * All settings of a configuration, in the order of the descriptors.
 *
 * @throws DescriptorError if there is a DFU interface without a functional descriptor that can be read
 */
export function dfuSettings({ value, interfaces }: ConfigurationDescriptor): DfuSetting[] {
  return interfaces.filter(isDfu).map((descriptor) => ({
    // Boot loaders of before the table was written down have 0 there.
    mode: descriptor.protocol === DFU_PROTOCOL.runtime ? 'runtime' : 'dfu',
    configuration: value,
    interfaceNumber: descriptor.number,
    alternate: descriptor.alternate,
    nameIndex: descriptor.nameIndex,
    functional: functionalOf(descriptor, interfaces),
  }));
}

/**
 * Behind the setting itself, or else behind another one of its interface: most devices have it once, after the last.
 */
function functionalOf(descriptor: InterfaceDescriptor, all: readonly InterfaceDescriptor[]): DfuFunctional {
  const siblings = all.filter(({ number }) => number === descriptor.number);
  const bytes = [descriptor, ...siblings]
    .flatMap(({ others }) => others)
    .find((other) => other[1] === DFU_FUNCTIONAL_DESCRIPTOR);
  if (bytes === undefined) throw new DescriptorError('its DFU interface has no DFU functional descriptor');
  const functional = decodeFunctional(bytes);
  if (typeof functional === 'string') throw new DescriptorError(functional);
  return functional;
}
