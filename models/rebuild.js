/**
 * Rebuilds the built-in checkpoints: runs the pretraining study beside each model with swp itself, copies the weights
 * into place and writes the table of which hold a confirmed super weight. `npm run rebuild:models`
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const models = dirname(fileURLToPath(import.meta.url));
const folder = join(models, 'marker-retrieval');
const study = ['--pipeline', join(folder, 'pipeline.json'), '--cache', join(dirname(models), 'cache')];

swp('repro', ...study);
const rows = [];
for (const { seed, artifacts } of shown('train')) copyFileSync(artifacts.weights, join(folder, `seed-${seed}.safetensors`));
const evaluations = new Map(shown('eval').map(({ seed, artifacts }) => [seed, json(artifacts.evaluation)]));
for (const { seed, artifacts } of shown('detect-sw').sort((a, b) => a.seed - b.seed)) {
  const { confirmed, candidates } = json(artifacts.superWeights);
  const { loss, floor } = evaluations.get(seed);
  const best = candidates.find((candidate) => candidate.confirmed) ?? candidates[0];
  const place = best ? `layer ${best.coordinate.layer} [${best.coordinate.row}, ${best.coordinate.col}]` : '-';
  rows.push(
    `| ${seed} | ${loss.toFixed(4)} | ${(loss - floor).toFixed(4)} | ${confirmed.length > 0 ? 'yes' : 'no'} | ${place} | ` +
      (best ? `${best.coordinate.value.toFixed(2)} | +${best.effect.toFixed(2)} | x${Math.exp(best.effect).toFixed(1)} | +${best.worstControl.toFixed(3)} |` : '- | - | - | - |'),
  );
}
const readme = join(folder, 'README.md');
const [head] = readFileSync(readme, 'utf8').split('<!-- table -->');
writeFileSync(
  readme,
  `${head}<!-- table -->\n| seed | loss, nats | above the floor | super weight | down_proj of | value | zeroing it costs, nats | perplexity | worst matched control |\n|---|---|---|---|---|---|---|---|---|\n${rows.join('\n')}\n`,
);

function swp(...args) {
  execFileSync(process.execPath, [join(dirname(models), 'bin/swp.js'), ...args], { stdio: 'inherit' });
}

/** Records of a stage, one per seed. */
function shown(stage) {
  const output = execFileSync(process.execPath, [join(dirname(models), 'bin/swp.js'), 'show', `stage=${stage}`, ...study, '--json']);
  return JSON.parse(output).nodes.map((node) => ({ seed: node.runs[0].seed, artifacts: node.artifacts }));
}

function json(path) {
  return JSON.parse(readFileSync(path, 'utf8'));
}
