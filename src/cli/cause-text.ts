/** Differences between recipes in words. */
import { visibleLine } from '../base/visible-text.ts';
import type { Cause } from '../engine/explanation.ts';
import type { Difference } from '../base/json-diff.ts';
import type { JsonValue } from '../base/json.ts';

const SHOWN_CHARACTERS = 60;

/** E.g. `train.learningRate 0.001 -> 0.002`; it can follow the words `follows from`. */
export function causeText(cause: Cause): string {
  return visibleLine(changeText(cause));
}

function changeText({ stage, path, before, after, packages = [] }: Cause): string {
  const change = `${valueText(before)} -> ${valueText(after)}`;
  const versions =
    packages.length === 0
      ? ''
      : `, with ${packages.map(({ name, before: from, after: to }) => `${name} ${from ?? 'none'} -> ${to ?? 'none'}`).join(', ')}`;
  if (path === 'code') return `changed code of stage ${stage} (${change})${versions}`;
  if (path.startsWith('computes'))
    return `a change of what ${stage} computes: ${path.replace('computes.', '')} ${change}${versions}`;
  if (path.startsWith('files.')) return `the changed file ${path.slice('files.'.length)} of ${stage} (${change})`;
  return `${stage}.${path.replace('params.', '')} ${change}`;
}

export function differenceText({ path, before, after }: Difference): string {
  return visibleLine(`${path}  ${valueText(before)} -> ${valueText(after)}`);
}

/** Digests are cut to their first eight digits. */
function valueText(value: JsonValue | undefined): string {
  if (value === undefined) return 'none';
  const text = JSON.stringify(value);
  if (/^"[0-9a-f]{64}"$/.test(text)) return text.slice(1, 9);
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS - 3)}...` : text;
}
