/**
 * From a device that is plugged in to a DFU client in dfuIDLE: descriptors, DFU mode, the memory that is meant.
 *
 * The device is asked for its state before anything else, and believed over what its descriptors say of its mode.
 */

import { BoardError } from '../board-error.js';
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
import {
  cannotDownload,
  isDfuSe,
  noDfu,
  noSuchSetting,
  severalSettings,
  statusRefused,
  staysInApplication,
  staysWaiting,
} from './dfu-error.js';
import { dfuSettings } from './dfu-functions.js';
import type { NamedSetting } from './dfu-functions.js';
import { DFU_STATE, DFUSE_VERSION } from './dfu-protocol.js';

export interface DfuOptions {
  readonly clock?: Clock;
  readonly signal?: AbortSignal | undefined;
  /** The alternate setting: its name, its number, or `INTERFACE:NUMBER`; without it, the only one. */
  readonly setting?: string | undefined;
  /** Its number on a device that tells no names. */
  readonly settingWithoutName?: number;
  /** How long a request may take. */
  readonly limitMs?: number | undefined;
}

/** A client in dfuIDLE. */
export interface OpenedDfu {
  readonly client: DfuClient;
  readonly identity: DeviceIdentity;
}

/** A device that was reset, or goes to DFU mode, comes back by then. */
const REENUMERATION_MS = 10_000;
/** One that comes back where it was, with the descriptors of its application, is asked all the same after so long. */
const SAME_DESCRIPTORS_MS = 3000;
const OPEN_AGAIN_MS = 50;

/** Nothing depends on what an application says of its state; its descriptors say that it is one. */
const APPLICATION_LIMIT_MS = 1000;

/** A device with its settings, its first DFU interface claimed. */
interface OpenedFunction {
  readonly connection: UsbConnection;
  readonly settings: readonly NamedSetting[];
  readonly identity: DeviceIdentity;
}

/** What a device is in: DFU mode; its application; or a state in which it waits for a reset, or says nothing. */
type Mode = { readonly kind: 'dfu' | 'runtime' } | { readonly kind: 'stuck'; readonly problem: BoardError };

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
  /** How often it may still be in such a mode. */
  const left = { runtime: 2, stuck: 1 };
  let opened = await openFunction(host, info, identity, options);
  for (;;) {
    const { connection, settings } = opened;
    let kind: Mode['kind'];
    try {
      const client = new DfuClient(connection, settings[0]!, options.signal);
      const mode = await modeOf(client);
      kind = mode.kind;
      if (kind === 'dfu') {
        return { client: await clientOf(connection, settings, options), identity: opened.identity };
      }
      if (left[kind]-- === 0) throw mode.kind === 'stuck' ? mode.problem : staysInApplication(connection.name);
      if (kind === 'runtime') await client.detach();
      if (kind === 'stuck' || !client.setting.functional.willDetach) await connection.reset();
    } catch (error) {
      await connection.close();
      throw error;
    }
    await connection.close();
    opened = await openAgain(host, kind, opened, options);
  }
}

/** A device in dfuMANIFEST-WAIT-RESET, where somebody may have left it, need not answer (A.2.9). */
async function modeOf(client: DfuClient): Promise<Mode> {
  const { name, setting } = client;
  const seemsRuntime = setting.mode === 'runtime';
  try {
    const status = await client.statusUnlessRefused(seemsRuntime ? APPLICATION_LIMIT_MS : undefined);
    const state = status?.state;
    if (state === DFU_STATE.appIdle || state === DFU_STATE.appDetach) return { kind: 'runtime' };
    if (state === DFU_STATE.manifestWaitReset) return { kind: 'stuck', problem: staysWaiting(name) };
    if (state !== undefined) return { kind: 'dfu' };
    return seemsRuntime ? { kind: 'runtime' } : { kind: 'stuck', problem: statusRefused(name) };
  } catch (error) {
    if (!(error instanceof BoardError) || error.code === 'board-lost') throw error;
    if (seemsRuntime) return { kind: 'runtime' };
    if (error.code === 'board-silent') return { kind: 'stuck', problem: error };
    throw error;
  }
}

/** The same device when it is back; one that is just going away may still be listed. */
async function openAgain(
  host: UsbHost,
  kind: Mode['kind'],
  before: OpenedFunction,
  options: DfuOptions,
): Promise<OpenedFunction> {
  const { clock = systemClock, signal } = options;
  const startMs = clock.now();
  const { address } = before.connection.info;
  const isReady = (info: UsbDeviceInfo): boolean => {
    const isOther = kind === 'stuck' || info.address !== address || clock.now() - startMs >= SAME_DESCRIPTORS_MS;
    return info.interfaces.some((other) => isDfu(other) && (isOther || other.protocol !== DFU_PROTOCOL.runtime));
  };
  for (;;) {
    const limitMs = startMs + REENUMERATION_MS - clock.now();
    const back = await waitForSame(host, before.identity, isReady, { clock, signal, limitMs });
    try {
      return await openFunction(host, back, before.identity, options);
    } catch (error) {
      const isGoing = error instanceof BoardError && error.code === 'board-lost';
      if (!isGoing || clock.now() - startMs >= REENUMERATION_MS) throw error;
      await new Promise<void>((resolve) => void clock.after(OPEN_AGAIN_MS, resolve));
    }
  }
}

/** The device, with its DFU interface claimed and its settings read. */
async function openFunction(
  host: UsbHost,
  info: UsbDeviceInfo,
  identity: DeviceIdentity,
  { clock, signal, limitMs }: DfuOptions,
): Promise<OpenedFunction> {
  const found = info.interfaces.find(isDfu);
  if (found === undefined) throw noDfu(host.nameOf(info));
  const connection = await UsbConnection.open(host, info, { ...(clock && { clock }), signal, limitMs });
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
    let settings: ReturnType<typeof dfuSettings>;
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
  { setting: wanted, settingWithoutName, signal }: DfuOptions,
): Promise<DfuClient> {
  const setting = chooseSetting(connection.name, settings, wanted, settingWithoutName);
  const { interfaceNumber, alternate, functional } = setting;
  if (!functional.canDownload) throw cannotDownload(connection.name);
  if (functional.transferSize === 0)
    throw usbBroken(connection.name, 'its DFU functional descriptor says that a block has 0 bytes');
  // The first one was claimed to read by.
  if (interfaceNumber !== settings[0]!.interfaceNumber) await connection.claim(interfaceNumber);
  // An interface with a single one may refuse to have it selected.
  const isAlone = settings.filter((other) => other.interfaceNumber === interfaceNumber).length === 1;
  if (!isAlone) await connection.selectAlternate(interfaceNumber, alternate);
  const client = new DfuClient(connection, setting, signal);
  await client.toIdle();
  return client;
}

/** Interface and number of the alternate setting: names one whatever the names are. */
const NUMBERS = /^(\d{1,3}):(\d{1,3})$/;

function chooseSetting(
  name: string,
  settings: readonly NamedSetting[],
  wanted: string | undefined,
  withoutName: number | undefined,
): NamedSetting {
  const interfaces = new Set(settings.map(({ interfaceNumber }) => interfaceNumber)).size;
  const fitting = settings.filter((setting) => wanted === undefined || isMeant(setting, wanted, interfaces));
  const isNameless = settings.every((setting) => setting.name === '');
  if (fitting.length === 0 && isNameless)
    fitting.push(...settings.filter(({ alternate }) => alternate === withoutName));
  const [setting, ...others] = fitting;
  if (setting === undefined) throw noSuchSetting(name, wanted ?? '', settings);
  if (others.length > 0) throw severalSettings(name, fitting);
  return setting;
}

/**
 * A name and a number count alike: whether a name can be read must not decide which memory is meant. A single number
 * may be that of an interface too, if there are several.
 */
function isMeant({ interfaceNumber, alternate, name }: NamedSetting, wanted: string, interfaces: number): boolean {
  const [, first, second] = NUMBERS.exec(wanted) ?? [];
  if (first !== undefined) return interfaceNumber === Number(first) && alternate === Number(second);
  return name === wanted || (interfaces > 1 ? /^\d+$/.test(wanted) : String(alternate) === wanted);
}
