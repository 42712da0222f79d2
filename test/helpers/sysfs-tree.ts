/** USB devices as Linux shows them in files: /sys/bus/usb/devices and /dev of a folder of the test. */

import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export interface TreeInterface {
  readonly class: string;
  readonly subclass?: string;
  readonly protocol?: string;
  readonly driver?: string;
  /** Name of its port, and whether it lies in a folder `tty`, as that of cdc_acm. */
  readonly port?: string;
  readonly isInTtyFolder?: boolean;
}

export interface TreeDevice {
  readonly address: number;
  /** Files beside those that every device has. */
  readonly attributes?: Readonly<Record<string, string | Uint8Array>>;
  readonly interfaces?: readonly TreeInterface[];
}

export class SysfsTree {
  readonly sysfs: string;
  readonly dev: string;
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
    this.sysfs = join(root, 'bus/usb/devices');
    this.dev = join(root, 'dev');
    mkdirSync(this.sysfs, { recursive: true });
    mkdirSync(this.dev, { recursive: true });
  }

  /** @param path bus and ports, such as `1-2.3` */
  plug(path: string, { address, attributes = {}, interfaces = [] }: TreeDevice): void {
    const bus = path.split('-')[0]!;
    const folder = join(this.#root, `devices/pci0000:00/usb${bus}/${path}`);
    mkdirSync(folder, { recursive: true });
    const files = { busnum: bus, devnum: String(address), bDeviceClass: '00', bcdDevice: '0100', ...attributes };
    for (const [name, content] of Object.entries(files)) {
      writeFileSync(join(folder, name), typeof content === 'string' ? `${content}\n` : content);
    }
    interfaces.forEach((descriptor, number) =>
      this.#addInterface(join(folder, `${path}:1.${number}`), number, descriptor),
    );
    symlinkSync(folder, join(this.sysfs, path));
    this.#file(`bus/usb/${bus.padStart(3, '0')}/${String(address).padStart(3, '0')}`);
  }

  unplug(path: string): void {
    rmSync(join(this.#root, `devices/pci0000:00/usb${path.split('-')[0]}/${path}`), { recursive: true });
    rmSync(join(this.sysfs, path));
  }

  #addInterface(folder: string, number: number, descriptor: TreeInterface): void {
    const { class: code, subclass = '00', protocol = '00', driver, port, isInTtyFolder = true } = descriptor;
    mkdirSync(folder);
    const files = {
      bInterfaceNumber: number.toString(16).padStart(2, '0'),
      bInterfaceClass: code,
      bInterfaceSubClass: subclass,
      bInterfaceProtocol: protocol,
    };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), `${text}\n`);
    if (driver !== undefined) {
      const target = join(this.#root, 'bus/usb/drivers', driver);
      mkdirSync(target, { recursive: true });
      symlinkSync(target, join(folder, 'driver'));
    }
    if (port === undefined) return;
    mkdirSync(join(folder, isInTtyFolder ? `tty/${port}` : port), { recursive: true });
    this.#file(port);
  }

  #file(name: string): void {
    const path = join(this.dev, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, '');
  }
}
