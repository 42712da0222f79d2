/** The machines of the service, and what they do at the moment. */
import type { Slots } from './client.js';
import { element } from './answer-view.js';

export function showMachines(list: HTMLElement, slots: readonly Slots[]): void {
  const items = slots.flatMap(({ model, waiting, machines, distrusted }) => [
    ...machines.map(({ name, kind, seats, running }) => {
      const most = Number.isFinite(seats) ? seats : running.length;
      const item = itemOf(
        name,
        `${kind === name ? '' : `${kind}, `}${running.length} of ${most} texts at once · ${model}`,
      );
      const meter = document.createElement('meter');
      meter.max = Math.max(1, most);
      meter.value = running.length;
      meter.setAttribute('aria-label', `texts on ${name}`);
      item.append(meter);
      return item;
    }),
    ...distrusted.map((name) => itemOf(name, 'out of service: it computes something wrong')),
    ...(waiting > 0 ? [itemOf(`${waiting} waiting`, `for ${model}`)] : []),
    ...(machines.length === 0 ? [itemOf('no machine', `computes ${model} at the moment`)] : []),
  ]);
  // Nothing is read out, or loses the focus, where nothing has changed.
  const html = items.map((item) => item.outerHTML).join('');
  if (list.innerHTML !== html) list.replaceChildren(...items);
}

function itemOf(name: string, state: string): HTMLElement {
  const item = element('li');
  item.appendChild(element('div', 'name')).textContent = name;
  item.appendChild(element('div', 'state')).textContent = state;
  return item;
}
