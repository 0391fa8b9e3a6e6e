/** What a detection found, as text for people. */
import type { Colors } from 'picocolors/types';
import { decimal } from '../base/number-text.ts';
import type { Candidate, SuperWeightReport } from '../generated/super-weights.ts';
import { plural } from './study-text.ts';
import { table } from './table.ts';

/** Candidates that cost less are not listed one by one. */
const LISTED_EFFECT = 0.001;

export function detectionLines(report: SuperWeightReport, colors: Colors): string[] {
  const { baselineLoss, causalTokens, candidates, confirmed, joint = [], published = [] } = report;
  const byEffect = [...candidates].sort((a, b) => b.effect - a.effect);
  const listed = byEffect.filter(({ effect, confirmed }) => confirmed || effect >= LISTED_EFFECT);
  const sets = joint.filter((set) => set.confirmed);
  const lines = [
    `Loss ${decimal(baselineLoss, 4)} nats per token over ${causalTokens.toLocaleString('en')} tokens. Coordinates are [output, input] of the down projection; layers count from 0.`,
    '',
  ];
  if (listed.length > 0) {
    const columns = ['layer', 'place', 'value', 'rank', 'input', 'output', 'effect, nats', 'worst control', ''];
    lines.push(...table(columns, listed.map(rowOf), colors));
  }
  const unlisted = candidates.length - listed.length;
  if (unlisted > 0) {
    const noun = listed.length > 0 ? 'more candidate' : 'candidate';
    lines.push(
      colors.dim(`${plural(unlisted, noun)} cost less than ${LISTED_EFFECT} nats${unlisted === 1 ? '' : ' each'}.`),
    );
  }
  lines.push('', `${colors.bold(plural(confirmed.length, 'super weight'))} confirmed.`);
  for (const candidate of listed)
    if (candidate.confirmed || candidate.effect >= 0.1) lines.push(`  ${placeOf(candidate)}: ${candidate.verdict}`);
  if (joint.length > 0) lines.push('', `${colors.bold(plural(sets.length, 'joint set'))} confirmed.`);
  for (const { members, verdict, excess, excessStandardError, confirmed } of joint)
    lines.push(
      `  layer ${members[0]!.layer}: ${verdict}${confirmed ? ` More than the sum by ${decimal(excess, 4)}${plusMinus(excessStandardError)} nats.` : ''}`,
    );
  if (published.length > 0) lines.push('', 'Published of models of this shape:');
  for (const { model, source, coordinate, verdict } of published)
    lines.push(`  ${model}, layer ${coordinate.layer} [${coordinate.row}, ${coordinate.col}]: ${verdict} (${source})`);
  return lines;
}

function rowOf(candidate: Candidate): string[] {
  const { coordinate, rank, inputRatio, outputRatio, effect, effectStandardError, controls, worstControl } = candidate;
  return [
    String(coordinate.layer),
    `[${coordinate.row}, ${coordinate.col}]`,
    decimal(coordinate.value, 3),
    rank.toLocaleString('en'),
    `x ${decimal(inputRatio, 1)}`,
    `x ${decimal(outputRatio, 1)}`,
    `${decimal(effect, 4)}${plusMinus(effectStandardError)}`,
    controls.length === 0 ? '' : decimal(worstControl, 4),
    candidate.confirmed ? 'super weight' : '',
  ];
}

function placeOf({ coordinate: { layer, row, col } }: Candidate): string {
  return `layer ${layer} [${row}, ${col}]`;
}

function plusMinus(error: number | null): string {
  return error === null ? '' : ` ± ${decimal(error, 4)}`;
}
