// Prunes n of every m neighbouring weights of a row, the smallest ones: a pattern that GPUs multiply faster.
import { modelTensors, readMasks, readWeights, runStageProgram, writePruning } from 'super-weight-pruning';

await runStageProgram(async (job) => {
  const { model, n, m } = job.params;
  const tensors = await modelTensors(model);
  const weights = await readWeights(job.input('weights'));
  const before = job.optionalInput('mask'); // absent in the first round
  const masks = before === undefined ? new Map() : await readMasks(before);

  const blocks = [...tensors].filter(([, { role }]) => role === 'block'); // the matrices of attention and MLP
  for (const [index, [name]] of blocks.entries()) {
    const { shape, data } = weights.get(name); // [out, in], row by row
    if (shape[1] % m !== 0) throw new Error(`The rows of ${name} have ${shape[1]} weights, no multiple of m = ${m}.`);
    const mask = masks.get(name)?.data ?? new Uint8Array(data.length).fill(1);
    for (let start = 0; start < data.length; start += m) {
      const group = Array.from({ length: m }, (_, i) => start + i);
      group.sort((a, b) => mask[a] - mask[b] || Math.abs(data[a]) - Math.abs(data[b]) || a - b);
      for (const smallest of group.slice(0, n)) mask[smallest] = 0; // what is pruned already comes first
    }
    masks.set(name, { shape, data: mask });
    job.progress({ done: index + 1, total: blocks.length });
  }
  return { ...(await writePruning(job, { weights, masks, tensors })), pattern: `${n} of ${m}` };
});
