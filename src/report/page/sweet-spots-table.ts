/** Sweet spots: per arm the largest sparsity that is known to cost less than the tolerance, and why there is none. */
import type { SweetSpot } from '../../generated/results.ts';
import { namesOf } from '../arms.ts';
import { isNamedElsewhere } from '../computations.ts';
import type { StudyResults } from '../read-results.ts';
import { exactPercent, natsText, percent } from '../wording.ts';
import { html, table, type Html } from './html.ts';

/** Nothing if no arm was judged. */
export function sweetSpotsTable(results: StudyResults): Html | '' {
  const { analysis } = results.study;
  const items = results.sweetSpots.filter(
    ({ experiment, levels, control }) =>
      control !== null && levels.length > 0 && !isNamedElsewhere(results, experiment),
  );
  if (items.length === 0) return '';
  return table<SweetSpot>(
    `Sweet spots: tested from the lowest sparsity upwards against the positive control, ending at the first level whose one-sided ${exactPercent(analysis.confidence)} bound exceeds ${String(analysis.tolerance)} nats (a fixed sequence, so no adjustment is needed).`,
    [
      {
        head: 'arm',
        cell: ({ experiment, control }) => html`${namesOf(results, experiment)}<small>against ${control ?? ''}</small>`,
      },
      {
        head: 'sweet spot',
        numeric: true,
        cell: ({ sweetSpot }) => (sweetSpot === null ? 'none' : percent(sweetSpot.sparsity)),
      },
      { head: 'increase there', numeric: true, cell: (spot) => increaseCell(spot) },
      {
        head: 'levels',
        numeric: true,
        cell: ({ levels }) => html`${levels.length}<small>to ${percent(levels.at(-1)!.sparsity)}</small>`,
      },
      { head: 'why', prose: true, cell: ({ why }) => why },
    ],
    items,
  );
}

function increaseCell({ sweetSpot, levels, tolerance }: SweetSpot): string | Html {
  const level = levels.find((each) => each.level === sweetSpot?.level);
  if (level === undefined || level.increase === null) return '–';
  const { increase, upperBound, n } = level;
  return html`${natsText(increase, [tolerance, ...(upperBound === null ? [] : [upperBound])])}<small
      >${upperBound === null ? '' : `below ${natsText(upperBound, [tolerance, increase])} · `}n = ${n}</small
    >`;
}
