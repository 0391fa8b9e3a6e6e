/** Every reference super weight: where it is, and what zeroing it and its worst control cost. */
import type { ConfirmedSuperWeight } from '../../generated/results.ts';
import { declarationOf } from '../arms.ts';
import { thresholds } from '../causal-rule.ts';
import type { StudyResults } from '../read-results.ts';
import { coordinateText, decimal, factorOf, signed } from '../wording.ts';
import { effectText } from '../zeroing.ts';
import { html, table, type Html } from './html.ts';

interface Item {
  experiments: string[];
  seed: number;
  when: string;
  place: number;
  of: number;
  superWeight: ConfirmedSuperWeight;
}

/**
 * One row a super weight of each reference model; experiments that share a model share its rows. Nothing if there is
 * none.
 */
export function superWeightsTable(results: StudyResults): Html | '' {
  const models = new Map<string, Item[]>();
  const levelsOf = (id: string, name: 'spikeRatio' | 'minimumEffect' | 'controlFactor') =>
    thresholds(results.study, declarationOf(results, id), name);
  for (const { experiment, seed, reference } of results.runs) {
    if (reference.key === null || reference.superWeights.length === 0) continue;
    const known = models.get(reference.key);
    if (known !== undefined) for (const item of known) item.experiments.push(experiment);
    else
      models.set(
        reference.key,
        reference.superWeights.map((superWeight, i) => ({
          experiments: [experiment],
          seed,
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
        cell: ({ experiments, seed, when }) => html`seed ${seed}<small>${when}: ${experiments.join(', ')}</small>`,
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
          html`${effectText(effect, effectStandardError, levelsOf(experiments[0]!, 'minimumEffect'))}<small
              >perplexity × ${factorOf(effect)}</small
            >`,
      },
      {
        head: 'worst control',
        numeric: true,
        cell: ({ superWeight: { worstControl, effect }, experiments }) =>
          html`${signed(worstControl, 3)}${worstControl > 0 ? html`<small>× ${decimal(effect / worstControl, 0, levelsOf(experiments[0]!, 'controlFactor'))}</small>` : ''}`,
      },
      {
        head: 'input spike',
        numeric: true,
        cell: ({ superWeight: { inputRatio }, experiments }) =>
          `× ${decimal(inputRatio, 1, levelsOf(experiments[0]!, 'spikeRatio'))}`,
      },
      {
        head: 'output spike',
        numeric: true,
        cell: ({ superWeight: { outputRatio }, experiments }) =>
          `× ${decimal(outputRatio, 1, levelsOf(experiments[0]!, 'spikeRatio'))}`,
      },
    ],
    items,
  );
}
