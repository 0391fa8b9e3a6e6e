/** What a program has written, for a terminal. */
import { visible } from '../base/visible-text.ts';

/** Colours, and what most bars of progress erase their line with. */
const DECORATION = /\u001b\[[\d;:]*[mK]/g;

/**
 * Its lines, without its own colours: they mean nothing beside those of swp. A bar of progress, which draws its line
 * again and again, becomes lines. Everything else that a terminal would obey can be seen.
 */
export function logText(text: string): string {
  return visible(text.replace(DECORATION, '').replace(/\r\n?/g, '\n'));
}
