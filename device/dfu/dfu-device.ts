/** From a device that is plugged in to a DFU client in dfuIDLE: descriptors, DFU mode, the memory that is meant. */

import { systemClock } from '../clock.js';
import type { Clock } from '../clock.js';
import { DescriptorError } from '../usb/descriptors.js';
import { mayBe, waitForSame } from '../usb/same-device.js';
import type { DeviceIdentity } from '../usb/same-device.js';
import { DFU_PROTOCOL, isDfu } from '../usb/usb-classes.js';
import { UsbConnection } from '../usb/usb-connection.js';
import type { UsbDeviceInfo, UsbHost } from '../usb/usb-device.js';
import { usbBroken, usbLost } from '../usb/usb-error.js';
import { DfuClient } from './dfu-client.js';
import { cannotDownload, isDfuSe, noDfu, noSuchSetting, severalSettings } from './dfu-error.js';
import { dfuSettings } from './dfu-functions.js';
import type { DfuSetting } from './dfu-functions.js';
import { DFUSE_VERSION } from './dfu-protocol.js';

export interface DfuOptions {
  readonly clock?: Clock;
  readonly signal?: AbortSignal | undefined;
  /** Name of the alternate setting, or its number; without it, the only one. */
  readonly setting?: string | undefined;
}

/** A setting and its name; empty if it has none. */
export type NamedSetting = DfuSetting & { readonly name: string };

/** A client in dfuIDLE. */
export interface OpenedDfu {
  readonly client: DfuClient;
  readonly identity: DeviceIdentity;
}

/** A device that goes to DFU mode comes back by then. */
const REENUMERATION_MS = 10_000;

/**
 * Opens the DFU function of a device, in DFU mode.
 *
 * @param identity who it must be; what is not known of that yet is learned
 * @throws BoardError; AbortError
 */
export async function openDfu(
  host: UsbHost,
  info: UsbDeviceInfo,
  identity: DeviceIdentity = info,
  options: DfuOptions = {},
): Promise<OpenedDfu> {
  const { clock = systemClock, signal } = options;
  const opened = await openFunction(host, info, identity, options);
  const { connection, settings } = opened;
  try {
    const [first] = settings;
    if (first?.mode !== 'runtime')
      return { client: await clientOf(connection, settings, options), identity: opened.identity };
    const client = new DfuClient(connection, first);
    await client.detach();
    if (!first.functional.willDetach) await connection.reset();
  } catch (error) {
    await connection.close();
    throw error;
  }
  await connection.close();
  const isReady = ({ interfaces }: UsbDeviceInfo): boolean =>
    interfaces.some((descriptor) => isDfu(descriptor) && descriptor.protocol !== DFU_PROTOCOL.runtime);
  const back = await waitForSame(host, opened.identity, isReady, { clock, signal, limitMs: REENUMERATION_MS });
  const again = await openFunction(host, back, opened.identity, options);
  try {
    const client = await clientOf(again.connection, again.settings, options);
    return { client, identity: again.identity };
  } catch (error) {
    await again.connection.close();
    throw error;
  }
}

/** The device, with its DFU interface claimed and its settings read. */
async function openFunction(
  host: UsbHost,
  info: UsbDeviceInfo,
  identity: DeviceIdentity,
  { clock, signal }: DfuOptions,
): Promise<{ connection: UsbConnection; settings: readonly NamedSetting[]; identity: DeviceIdentity }> {
  const found = info.interfaces.find(isDfu);
  if (found === undefined) throw noDfu(host.nameOf(info));
  const connection = await UsbConnection.open(host, info, { ...(clock && { clock }), signal });
  try {
    await connection.claim(found.number);
    const { vendor, product, serialIndex } = await connection.deviceDescriptor();
    // Two that were swapped since the list was made, or a server that lists one and gives another.
    const serial = await connection.string(serialIndex);
    if (vendor !== info.vendor || product !== info.product || !mayBe(serial, identity.serial)) {
      throw usbLost(
        connection.name,
        `Another device is there now: ${serial === '' ? 'one without a serial number' : serial}.`,
      );
    }
    const settings = await readSettings(connection);
    const known = { ...identity, path: info.path, serial: identity.serial === '' ? serial : identity.serial };
    return { connection, settings, identity: known };
  } catch (error) {
    await connection.close();
    throw error;
  }
}

/** @throws BoardError `board-not-flashable` if there is no DFU 1.1, `board-broken` if its descriptors cannot be */
async function readSettings(connection: UsbConnection): Promise<NamedSetting[]> {
  const { name } = connection;
  for (const configuration of await connection.configurations()) {
    let settings: DfuSetting[];
    try {
      settings = dfuSettings(configuration);
    } catch (error) {
      throw error instanceof DescriptorError ? usbBroken(name, error.message, error) : error;
    }
    if (settings.some(({ functional }) => functional.version === DFUSE_VERSION)) throw isDfuSe(name);
    if (settings.length === 0) continue;
    const named: NamedSetting[] = [];
    for (const setting of settings) named.push({ ...setting, name: await connection.string(setting.nameIndex) });
    return named;
  }
  throw usbBroken(name, 'its descriptors have no DFU interface, although it was plugged in with one');
}

/** The client of the setting that is meant, selected, in dfuIDLE. */
async function clientOf(
  connection: UsbConnection,
  settings: readonly NamedSetting[],
  { setting: wanted, signal }: DfuOptions,
): Promise<DfuClient> {
  const setting = chooseSetting(connection.name, settings, wanted);
  const { canDownload, transferSize } = setting.functional;
  if (!canDownload) throw cannotDownload(connection.name);
  if (transferSize === 0)
    throw usbBroken(connection.name, 'its DFU functional descriptor says that a block has 0 bytes');
  // A device with a single one may refuse to have it selected.
  if (settings.length > 1) await connection.selectAlternate(setting.interfaceNumber, setting.alternate);
  const client = new DfuClient(connection, setting, signal);
  await client.toIdle();
  return client;
}

function chooseSetting(name: string, settings: readonly NamedSetting[], wanted: string | undefined): NamedSetting {
  const names = settings.map((setting) => (setting.name === '' ? String(setting.alternate) : setting.name));
  const [first, ...others] = settings;
  if (wanted === undefined) {
    if (first !== undefined && others.length === 0) return first;
    throw severalSettings(name, names);
  }
  const setting =
    settings.find((candidate) => candidate.name === wanted) ??
    settings.find(({ alternate }) => String(alternate) === wanted);
  if (setting === undefined) throw noSuchSetting(name, wanted, names);
  return setting;
}
