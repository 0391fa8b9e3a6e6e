// Reads its job on standard input, writes its output file, and ends with its metrics on standard output.
import { readFileSync, writeFileSync } from 'node:fs';

const { params, inputs, outputs } = JSON.parse(readFileSync(0, 'utf8'));
const { tensors } = JSON.parse(readFileSync(inputs.pruning, 'utf8'));

const kinds = new Map();
for (const [index, { kind, weights, pruned }] of tensors.entries()) {
  const sum = kinds.get(kind) ?? { weights: 0, pruned: 0 };
  kinds.set(kind, { weights: sum.weights + weights, pruned: sum.pruned + pruned });
  console.log(JSON.stringify({ progress: { done: index + 1, total: tensors.length } }));
}
const rows = [...kinds].map(([kind, { weights, pruned }]) =>
  [kind, weights, pruned, (pruned / weights).toFixed(params.digits)].join(','),
);
writeFileSync(outputs.table, ['kind,weights,pruned,sparsity', ...rows, ''].join('\n'));
console.error(`${rows.length} kinds of tensors`);
console.log(JSON.stringify({ metrics: { kinds: rows.length } }));
