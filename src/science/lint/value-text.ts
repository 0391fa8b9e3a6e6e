/** Values in words. */

/** A list of one value per round is shortened: `[0.2, 4 x 0]`. */
export function valueText(value: unknown): string {
  if (value === undefined) return "the run's seed";
  if (!Array.isArray(value) || value.length < 3) return JSON.stringify(value);
  const runs: { text: string; times: number }[] = [];
  for (const each of value) {
    const text = JSON.stringify(each);
    const last = runs.at(-1);
    if (last?.text === text) last.times++;
    else runs.push({ text, times: 1 });
  }
  return `[${runs.map(({ text, times }) => (times === 1 ? text : `${times} x ${text}`)).join(', ')}]`;
}

/** `12,000`. */
export function countText(count: number): string {
  return Math.round(count).toLocaleString('en-US');
}
