/**
 * How far a loss measured on held-out sequences may be from the loss on all text of the language. Every run reads the
 * same sequences, so what they happen to hold moves all runs alike, and the spread over runs does not show it. The unit
 * here is the sequence; sequences are no replicates of a training, and this error says nothing about another run.
 */
import { groupBy } from '../../base/groups.ts';
import { standardErrorOfMean } from '../../base/standard-error.ts';
import type { PairedDifference, PairedPoint, Results, RunResult } from '../../generated/results.ts';
import type { SequenceLosses } from '../../model/sequence-losses.ts';
import { known } from './computations.ts';
import { distinctEnds, independentPoints } from './paired-difference.ts';

/** Reads the losses that an evaluation left, by the key of its node; undefined where there are none. */
export type SequenceLossesOf = (key: string) => Promise<SequenceLosses | undefined>;

/**
 * The same results with the sampling error of every final loss and of every difference between two, as far as the
 * losses of their sequences are known. They are read pair by pair, so that a study may have more than fit in memory.
 */
export async function withSamplingErrors(results: Results, read: SequenceLossesOf): Promise<Results> {
  const ofExperiment = groupBy(results.runs, ({ experiment }) => experiment);
  const ofDifference = async <Difference extends PairedDifference>(difference: Difference): Promise<Difference> => ({
    ...difference,
    samplingError: await pairedError(independentPoints(difference), read),
  });
  return {
    ...results,
    experiments: await inTurn(results.experiments, async (experiment) => ({
      ...experiment,
      samplingError: await meanError(ofExperiment.get(experiment.id) ?? [], read),
      toControl: experiment.toControl && (await ofDifference(experiment.toControl)),
    })),
    comparisons: await inTurn(results.comparisons, async (comparison) => ({
      ...comparison,
      differences: await inTurn(comparison.differences, ofDifference),
    })),
  };
}

/** Standard error over sequences of the mean over an experiment's runs; those that are one computation count once. */
function meanError(runs: RunResult[], read: SequenceLossesOf): Promise<number | null> {
  const keys = distinctEnds(runs).flatMap((same) =>
    known(same, ({ measured }) => (measured?.evaluation ? measured.keys['evaluation'] : undefined)),
  );
  return errorOfMean(keys.map((key) => () => read(key)));
}

/**
 * Standard error over sequences of the mean over pairs of the difference of two evaluations of the same sequences.
 */
function pairedError(
  pairs: readonly Pick<PairedPoint, 'armKey' | 'baselineKey'>[],
  read: SequenceLossesOf,
): Promise<number | null> {
  return errorOfMean(
    pairs.map(({ armKey, baselineKey }) => async () => {
      if (armKey === null || baselineKey === null) return undefined;
      const [ours, theirs] = [await read(armKey), await read(baselineKey)];
      if (ours === undefined || theirs === undefined || ours.tokens !== theirs.tokens) return undefined;
      return { tokens: ours.tokens, losses: Float64Array.from(ours.losses, (loss, row) => loss - theirs.losses[row]!) };
    }),
  );
}

type Sample = { tokens: string; losses: Float32Array | Float64Array };

/**
 * Of samples over the same sequences, which are averaged first: they share the sequences, so they are not independent.
 * Null for none, for fewer than two sequences, and where one is not known or is of other tokens.
 */
async function errorOfMean(samples: (() => Promise<Sample | undefined>)[]): Promise<number | null> {
  let sums: Float64Array | undefined;
  let tokens: string | undefined;
  for (const sample of samples) {
    const known = await sample();
    if (known === undefined || known.tokens !== (tokens ??= known.tokens)) return null;
    sums ??= new Float64Array(known.losses.length);
    for (const [row, loss] of known.losses.entries()) sums[row]! += loss / samples.length;
  }
  return sums === undefined ? null : standardErrorOfMean(sums);
}

/** Items one after the other, so that only one sample is held. */
async function inTurn<Item, Result>(items: readonly Item[], work: (item: Item) => Promise<Result>): Promise<Result[]> {
  const done: Result[] = [];
  for (const item of items) done.push(await work(item));
  return done;
}
