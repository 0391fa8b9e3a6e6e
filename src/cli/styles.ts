/**
 * Colours of swp's own, told from whatever else looks like them. Text from outside may hold the very sequences that swp
 * colours with; so each of swp's own carries a number that was drawn when the process began, which nothing from outside
 * can know. What is written to a terminal loses the number, and everything else that a terminal would obey is made
 * visible (src/base/visible-text.ts). Whoever writes does it once, at the very end: terminal.ts and live-view.ts.
 */
import pc from 'picocolors';
import type { Colors } from 'picocolors/types';
import { visible, visibleLine } from '../base/visible-text.ts';

/** As parameters of a colour sequence, so that whatever measures text takes them for a part of one. */
const OWN = Array.from({ length: 3 }, () => `;${1000 + Math.floor(Math.random() * 9000)}`).join('');
const OWN_SEQUENCE = new RegExp(`\\u001b\\[(\\d+)${OWN}m`);
const SEQUENCE = /\u001b\[(\d+)m/g;

/** Functions that colour a text, each with the marks of swp; without `enabled`, functions that leave it as it is. */
export function createStyles(enabled: boolean): Colors {
  const colors = pc.createColors(enabled);
  if (!enabled) return colors;
  const styles = Object.entries(colors).map(([name, style]) => [
    name,
    typeof style === 'function' ? styleOf(style as (text: string) => string) : (style as boolean),
  ]);
  return Object.fromEntries(styles) as Colors;
}

/** Within a text that has the same kind of colour inside, this one goes on behind it. */
function styleOf(style: (text: string) => string): (text: string | number | null | undefined) => string {
  const [open = '', close = ''] = style('|').split('|').map(ownSequences);
  return (text) => open + String(text).replaceAll(close, close + open) + close;
}

/** Takes the colours in a text for swp's own: what a library has drawn that was given nothing from outside. */
export function ownSequences(text: string): string {
  return text.replace(SEQUENCE, `\u001b[$1${OWN}m`);
}

/** What a terminal may be sent: swp's own colours as it knows them, and everything else where it can be seen. */
export function toTerminal(text: string): string {
  return mapped(text, visible, (color) => `\u001b[${color}m`);
}

/** A text that has to stay in its line and is measured there: as it will be seen, the colours of swp as they are. */
export function inLine(text: string): string {
  return mapped(text, visibleLine, (color) => `\u001b[${color}${OWN}m`);
}

/** Cuts or wraps a text with the colours as terminals know them, which libraries that do so understand. */
export const drawn = (change: (text: string) => string) => (text: string) => ownSequences(change(toTerminal(text)));

function mapped(text: string, other: (part: string) => string, own: (color: string) => string): string {
  // A split by a pattern with one group has the group's texts, here the colours' numbers, at odd places.
  const parts = text.split(OWN_SEQUENCE);
  return parts.map((part, index) => (index % 2 === 1 ? own(part) : other(part))).join('');
}
