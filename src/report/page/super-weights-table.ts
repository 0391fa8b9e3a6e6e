/** Every reference super weight: where it is, and what zeroing it and its worst control cost. */
import { listed } from '../../base/listed.ts';
import type { ConfirmedSuperWeight } from '../../generated/results.ts';
import { declarationOf } from '../arms.ts';
import { thresholds } from '../causal-rule.ts';
import type { StudyResults } from '../read-results.ts';
import { coordinateText, decimal, factorOf, signed } from '../wording.ts';
import { effectText } from '../zeroing.ts';
import { html, table, type Html } from './html.ts';

interface Item {
  experiments: Set<string>;
  seeds: Set<number>;
  when: string;
  place: number;
  of: number;
  superWeight: ConfirmedSuperWeight;
}

/**
 * One row a super weight of each reference model; runs that share a model share its rows. Nothing if there is
 * none.
 */
export function superWeightsTable(results: StudyResults): Html | '' {
  const models = new Map<string, Item[]>();
  const levelsOf = (ids: ReadonlySet<string>, name: 'spikeRatio' | 'minimumEffect' | 'controlFactor') =>
    [...ids].flatMap((id) => thresholds(results.study, declarationOf(results, id), name));
  for (const { experiment, seed, reference, measurements } of results.runs) {
    if (reference.key === null || reference.superWeights.length === 0) continue;
    const sought = measurements.find(({ round, phase }) => round === reference.round && phase === reference.phase);
    const model = sought?.computation ?? reference.key;
    const known = models.get(model);
    if (known !== undefined)
      for (const { experiments, seeds } of known) {
        experiments.add(experiment);
        seeds.add(seed);
      }
    else
      models.set(
        model,
        reference.superWeights.map((superWeight, i) => ({
          experiments: new Set([experiment]),
          seeds: new Set([seed]),
          when: reference.phase === 'start' ? 'starting model' : `after round ${reference.round}'s training`,
          place: i + 1,
          of: reference.superWeights.length,
          superWeight,
        })),
      );
  }
  const items = [...models.values()].flat();
  if (items.length === 0) return '';
  return table<Item>(
    'The reference super weights, confirmed one after the other: after zeroing what was confirmed, spikes are sought again, so a model can hold several. The first (largest effect) stands for the run in every k of n. ± is the standard error over the sequences on which zeroing was judged.',
    [
      {
        head: 'model',
        cell: ({ experiments, seeds, when }) =>
          html`${seeds.size === 1 ? 'seed' : 'seeds'} ${listed([...seeds].map(String))}<small
              >${when}: ${[...experiments].join(', ')}</small
            >`,
      },
      {
        head: 'super weight',
        cell: ({ superWeight, place, of }) =>
          html`<span class="line">${coordinateText(superWeight.coordinate)}</span
            ><small>${of === 1 ? 'the only one' : `${place} of ${of}`}</small>`,
      },
      { head: 'value', numeric: true, cell: ({ superWeight }) => decimal(superWeight.coordinate.value, 2) },
      {
        head: 'zeroing it costs',
        numeric: true,
        cell: ({ superWeight: { effect, effectStandardError }, experiments }) =>
          html`${effectText(effect, effectStandardError, levelsOf(experiments, 'minimumEffect'))}<small
              >perplexity × ${factorOf(effect)}</small
            >`,
      },
      {
        head: 'worst control',
        numeric: true,
        cell: ({ superWeight: { worstControl, effect }, experiments }) =>
          html`${signed(worstControl, 3)}${worstControl > 0 ? html`<small>× ${decimal(effect / worstControl, 0, levelsOf(experiments, 'controlFactor'))}</small>` : ''}`,
      },
      {
        head: 'input spike',
        numeric: true,
        cell: ({ superWeight: { inputRatio }, experiments }) =>
          `× ${decimal(inputRatio, 1, levelsOf(experiments, 'spikeRatio'))}`,
      },
      {
        head: 'output spike',
        numeric: true,
        cell: ({ superWeight: { outputRatio }, experiments }) =>
          `× ${decimal(outputRatio, 1, levelsOf(experiments, 'spikeRatio'))}`,
      },
    ],
    items,
  );
}
