/**
 * rewind: after a prune, the weights that are kept go back to earlier values or to fresh ones, or their mask is
 * shuffled: the controls that tell what of a result is in the mask, what in the weights, and what only in how many are
 * left.
 *
 * A shuffled mask is drawn anew in each round from as many kept weights per tensor. It may keep weights that the prune
 * made zero; unless other values are taken up, those start from zero.
 */
import schema from '../schemas/stages/rewind.schema.json' with { type: 'json' };
import { defineStage } from '../src/engine/stage.ts';
import type { RewindParams } from '../src/generated/rewind.ts';
import type { Weights } from '../src/model/language-model.ts';

/** The input that holds the values to go back to. */
const SOURCES = { none: 'weights', init: 'init', step: 'point', pretrained: 'pretrained' } as const;

export default defineStage<Required<RewindParams>>({
  name: 'rewind',
  summary: 'Takes the kept weights back to earlier values, or shuffles which are kept.',
  params: schema,
  inputs: {
    mask: { summary: 'Mask of the prune: 1 = kept.' },
    weights: { summary: 'The pruned weights, for to: none.', optional: true },
    init: { summary: 'The weights that the run started from, for to: init.', optional: true },
    point: { summary: 'Weights of an early point of the first training, for to: step.', optional: true },
    pretrained: { summary: 'The loaded checkpoint, for to: pretrained.', optional: true },
  },
  outputs: {
    weights: {
      summary: 'Weights to go on from; pruned ones are exactly 0.',
      file: 'weights.safetensors',
      evictable: true,
    },
    mask: { summary: '1 = kept, 0 = pruned, U8.', file: 'mask.safetensors' },
  },

  async files({ model }) {
    const { configFile } = await import('../src/model/model-files.ts');
    return [configFile(model)];
  },

  async fingerprint({ model }) {
    const { parametersFingerprint } = await import('../src/model/model-fingerprint.ts');
    return parametersFingerprint(model);
  },

  async run({ params: { model, to, mask, scheme, seed }, input, optionalInput, output }) {
    const { parameterShapes } = await import('../src/model/decoder/decoder-graph.ts');
    const { readModelConfig } = await import('../src/model/model-config.ts');
    const { writeSafetensors } = await import('../src/model/safetensors.ts');
    const { readMasks, readModelWeights } = await import('../src/model/weights-file.ts');
    const { initialise } = await import('../src/science/initialisation.ts');
    const { rewindTo, shuffleMasks } = await import('../src/science/rewinding.ts');

    const config = await readModelConfig(model);
    const source = async (): Promise<Weights> => {
      if (to === 'fresh') return initialise(parameterShapes(config), scheme, seed, config.layers, 'fresh');
      const name = SOURCES[to];
      const path = optionalInput(name);
      if (path === undefined)
        throw new Error(
          `rewind.to: ${to} needs the input \`${name}\`: connect it in the study, or choose another value.`,
        );
      return readModelWeights(path, config, `Check that rewind.model, ${model}, is the model that was trained.`);
    };
    const found = await readMasks(input('mask'));
    const masks = mask === 'shuffle' ? shuffleMasks(found, seed) : found;
    await writeSafetensors(output('weights'), rewindTo(await source(), masks));
    await writeSafetensors(output('mask'), masks);
    const kept = [...masks.values()].reduce((sum, { data }) => sum + data.reduce((count, bit) => count + bit, 0), 0);
    return { to, mask, kept };
  },
});
