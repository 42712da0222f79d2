/**
 * What is learned must not be measured: documents of the text that are held-out ones too. Editions differ in a word
 * here and there, so the same beginning and end are enough.
 */

/** Characters of the end that count. */
const END = 200;

/** The documents, without those that equal a held-out one, or have its first line and its last 200 characters. */
export function withoutHeldOut(documents: readonly string[], heldOut: readonly string[]): string[] {
  const texts = new Set<string>();
  const frames = new Set<string>();
  for (const document of heldOut) {
    texts.add(document.trim());
    frames.add(frameOf(document));
  }
  return documents.filter((document) => !texts.has(document.trim()) && !frames.has(frameOf(document)));
}

function frameOf(document: string): string {
  const text = document.trim();
  const lineEnd = text.indexOf('\n');
  const firstLine = lineEnd < 0 ? text : text.slice(0, lineEnd);
  return `${firstLine.trim()}\n${text.slice(-END)}`;
}
