/**
 * Rebuilds the committed checkpoints: runs the pretraining study beside each model with swp itself, copies the weights
 * into place and writes the table of which hold a confirmed super weight. `npm run rebuild:models` does all of them,
 * `npm run rebuild:models -- marker-retrieval-gelu` one; `--cache DIR` uses another cache.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const models = dirname(fileURLToPath(import.meta.url));
const root = dirname(models);
const known = readdirSync(models).filter((name) => existsSync(join(models, name, 'pipeline.json')));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { cache: { type: 'string', default: join(root, 'cache') } },
});
const unknown = positionals.find((name) => !known.includes(name));
if (unknown !== undefined) throw new Error(`There is no model ${unknown}; there are: ${known.join(', ')}.`);
for (const model of positionals.length > 0 ? positionals : known) rebuild(model);

function rebuild(model) {
  const folder = join(models, model);
  const study = ['--pipeline', join(folder, 'pipeline.json'), '--cache', values.cache];
  execFileSync(process.execPath, [join(root, 'bin/swp.js'), 'repro', ...study], { stdio: 'inherit' });
  for (const { seed, artifacts } of shown('train', study))
    copyFileSync(artifacts.weights, join(folder, `seed-${seed}.safetensors`));
  const evaluations = new Map(shown('eval', study).map(({ seed, artifacts }) => [seed, json(artifacts.evaluation)]));
  const rows = shown('detect-sw', study).map(({ seed, artifacts }) =>
    row(seed, evaluations.get(seed), json(artifacts.superWeights)),
  );
  const readme = join(folder, 'README.md');
  const [head] = readFileSync(readme, 'utf8').split('<!-- table -->');
  writeFileSync(
    readme,
    `${head}<!-- table -->\n| seed | loss, nats | above the floor | super weight | down_proj of | value | zeroing it costs, nats | perplexity | worst matched control |\n|---|---|---|---|---|---|---|---|---|\n${rows.join('\n')}\n`,
  );
}

/**
 * The confirmed super weight, or else the candidate that costs most; controls are measured only where it costs enough.
 */
function row(seed, { loss, floor }, { confirmed, candidates }) {
  const byEffect = [...candidates].sort((a, b) => b.confirmed - a.confirmed || b.effect - a.effect);
  const { coordinate, effect, controls, worstControl } = byEffect[0];
  return [
    '',
    seed,
    loss.toFixed(4),
    (loss - floor).toFixed(4),
    confirmed.length > 0 ? 'yes' : 'no',
    `layer ${coordinate.layer} [${coordinate.row}, ${coordinate.col}]`,
    coordinate.value.toFixed(2),
    signed(effect, 2),
    `x${Math.exp(effect).toFixed(1)}`,
    controls.length > 0 ? signed(worstControl, 3) : '-',
    '',
  ]
    .join(' | ')
    .trim();
}

function signed(value, digits) {
  const text = Math.abs(value).toFixed(digits);
  return value < 0 && Number(text) !== 0 ? `-${text}` : `+${text}`;
}

/** Records of a stage, one per seed. */
function shown(stage, study) {
  const output = execFileSync(process.execPath, [
    join(root, 'bin/swp.js'),
    'show',
    `stage=${stage}`,
    ...study,
    '--json',
  ]);
  return JSON.parse(output)
    .nodes.map((node) => ({ seed: node.runs[0].seed, artifacts: node.artifacts }))
    .sort((a, b) => a.seed - b.seed);
}

function json(path) {
  return JSON.parse(readFileSync(path, 'utf8'));
}
