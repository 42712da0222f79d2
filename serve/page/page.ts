/**
 * The page of the service: talk, and see every receipt computed again. No framework: it is a form, a log and a list.
 */
import { AnswerView, element } from './answer-view.js';
import { Client, Refusal, type Asked, type Message, type Model, type Settings } from './client.js';
import { showMachines } from './machines-view.js';

const MACHINES_EVERY_MS = 2000;

const client = new Client();
const at = (id: string): HTMLElement => document.getElementById(id)!;
const [log, said, status, machines] = [at('log'), at('said') as HTMLTextAreaElement, at('status'), at('machines')];
const [form, stop, send] = [
  at('form') as HTMLFormElement,
  at('stop') as HTMLButtonElement,
  at('send') as HTMLButtonElement,
];
const [temperature, seed, tokens] = ['temperature', 'seed', 'tokens'].map((id) => at(id) as HTMLInputElement) as [
  HTMLInputElement,
  HTMLInputElement,
  HTMLInputElement,
];
const [model, key, check] = [
  at('model') as HTMLSelectElement,
  at('key') as HTMLInputElement,
  at('check') as HTMLInputElement,
];

let models: readonly Model[] = [];
let messages: Message[] = [];
let answering: AbortController | undefined;

form.addEventListener('submit', (event) => {
  event.preventDefault();
  void talk();
});
said.addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  void talk();
});
document.addEventListener('keydown', (event) => {
  if (event.key === 'Escape') answering?.abort();
});
stop.addEventListener('click', () => answering?.abort());
at('clear').addEventListener('click', begin);
for (const input of form.querySelectorAll<HTMLInputElement>('input[name=mode]'))
  input.addEventListener('change', begin);
temperature.addEventListener('input', showTemperature);
key.addEventListener('change', () => {
  client.key = key.value.trim();
  void load();
});
model.addEventListener('change', showModel);

showTemperature();
void load();
setInterval(() => void look(), MACHINES_EVERY_MS);

/** Models and machines, as far as the key allows. */
async function load(): Promise<void> {
  try {
    models = await client.models();
    model.replaceChildren(...models.map(({ id }) => new Option(id, id)));
    showModel();
    tell('');
    at('key-section').hidden = client.key === '';
    said.focus();
    await look();
  } catch (error) {
    refused(error);
  }
}

async function look(): Promise<void> {
  if (document.hidden || models.length === 0) return;
  try {
    showMachines(machines, await client.slots());
  } catch {
    showMachines(machines, []);
  }
}

/** Another conversation. */
function begin(): void {
  answering?.abort();
  messages = [];
  log.replaceChildren();
  said.placeholder = isChat() ? 'Say something' : 'Once upon a time';
  tell('');
  said.focus();
}

async function talk(): Promise<void> {
  const text = said.value === '' && !isChat() ? said.placeholder : said.value;
  if (text.trim() === '' || answering !== undefined) return;
  const asked: Asked = isChat() ? { messages: [...messages, { role: 'user', content: text }] } : { prompt: text };
  document.getElementById('welcome')?.remove();
  if (isChat()) {
    const mine = log.appendChild(element('article', 'mine'));
    mine.appendChild(element('p', 'text')).textContent = text;
  }
  said.value = '';
  const view = new AnswerView(isChat() ? '' : text);
  log.append(view.element);
  answering = new AbortController();
  busy(true);
  try {
    const settings = settingsNow();
    const finish = await answer(view, asked, settings, answering.signal);
    if ('messages' in asked) messages = [...asked.messages, { role: 'assistant', content: view.text }];
    tell(`${finish} ${view.text}`, true);
    if (check.checked) await verify(view, asked, settings, answering.signal);
  } catch (error) {
    if (answering.signal.aborted) {
      if ('messages' in asked && view.text !== '') {
        messages = [...asked.messages, { role: 'assistant', content: view.text }];
      }
      tell('Stopped.');
    } else {
      refused(error);
      if (view.text === '') view.element.remove();
    }
  } finally {
    answering = undefined;
    busy(false);
    said.focus();
    void look();
  }
}

/** @returns in words how it ended */
async function answer(view: AnswerView, asked: Asked, settings: Settings, signal: AbortSignal): Promise<string> {
  tell('Answering…');
  let finish: string | null = null;
  for await (const chunk of client.answer(asked, settings, signal)) {
    const isAtEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 40;
    view.add(chunk.text, chunk.proof);
    if (chunk.cachedTokens !== undefined) view.end(chunk.cachedTokens);
    finish = chunk.finish ?? finish;
    // Whoever reads further up stays there.
    if (isAtEnd) log.scrollTop = log.scrollHeight;
  }
  return finish === 'length' ? 'Cut off at the most tokens.' : 'Done.';
}

async function verify(view: AnswerView, asked: Asked, settings: Settings, signal: AbortSignal): Promise<void> {
  if (view.proof === undefined || view.proof.tokens.length === 0) return;
  view.checking();
  try {
    const verdict = await client.verify(asked, settings, view.proof, signal);
    view.judged(verdict);
    tell(verdict.equal ? 'Every receipt is right.' : `Token ${verdict.equal_tokens} has a wrong receipt.`);
  } catch (error) {
    view.note(signal.aborted ? 'Not checked.' : `Not checked: ${error instanceof Error ? error.message : ''}`);
  }
  log.scrollTop = log.scrollHeight;
}

function settingsNow(): Settings {
  return {
    model: model.value,
    temperature: Number(temperature.value),
    max_tokens: tokens.valueAsNumber || 160,
    seed: /^\d{1,20}$/.test(seed.value.trim()) ? seed.value.trim() : undefined,
  };
}

function isChat(): boolean {
  return new FormData(form).get('mode') === 'chat';
}

function busy(isBusy: boolean): void {
  stop.disabled = !isBusy;
  send.disabled = isBusy;
  log.setAttribute('aria-busy', String(isBusy));
}

/** Read out by screen readers. @param isLong it is shown in the log already, and only read out */
function tell(words: string, isLong = false): void {
  status.className = isLong ? 'hidden' : '';
  status.textContent = words;
}

function refused(error: unknown): void {
  if (error instanceof Refusal && error.status === 401) {
    at('key-section').hidden = false;
    key.focus();
    tell(client.key === '' ? 'This service wants a key.' : 'The service does not know this key.');
    status.className = client.key === '' ? '' : 'bad';
    return;
  }
  tell(
    error instanceof TypeError
      ? 'The service does not answer.'
      : error instanceof Error
        ? error.message
        : String(error),
  );
  status.className = 'bad';
}

function showTemperature(): void {
  const value = Number(temperature.value);
  at('temperature-shown').textContent = value === 0 ? '0: always the likeliest' : value.toFixed(1);
}

function showModel(): void {
  const found = models.find(({ id }) => id === model.value);
  const { layers = 0, hidden_size: width = 0 } = found?.mmfree ?? {};
  at('model-words').textContent =
    found === undefined ? '' : `${layers} layers of width ${width}, ternary weights, no matrix multiplication`;
}
