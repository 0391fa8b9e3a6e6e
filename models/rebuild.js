/**
 * Rebuilds the committed checkpoints: runs the pretraining study beside each model with swp itself and copies the
 * weights into place. `npm run rebuild:models` does all of them, `npm run rebuild:models -- marker-retrieval-gelu` one;
 * `--cache DIR` uses another cache. `npm run docs -- detector` then writes the tables of the models' READMEs.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, readdirSync } from 'node:fs';
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
