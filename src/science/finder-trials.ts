/**
 * How often the detector finds what was planted in random models, and how often it finds something where nothing was.
 */
import type { PlantedTrial, RandomModelTrial } from '../generated/planted-spikes.ts';
import type { ModelConfig } from '../model/decoder/family.ts';
import type { LanguageModel } from '../model/language-model.ts';
import { stream } from '../base/random.ts';
import { isCandidate, passesCausalTest, smallerRatio } from './causal-test.ts';
import { initialise, type InitialisationScheme } from './initialisation.ts';
import { plantSpike } from './planting.ts';
import { detectSuperWeights, type DetectionData, type DetectionRule } from './super-weights.ts';

export interface TrialSettings {
  scheme: InitialisationScheme;
  /** Of the weights, of the places and of the planted directions. */
  seed: number;
  /** How many times the ordinary maximum the planted spikes are. */
  strengths: readonly number[];
  rule: DetectionRule;
}

/** What the detector reads, and what planting is calibrated on: no two of the three share a sequence. */
export interface TrialData extends DetectionData {
  calibration: Int32Array;
  /** The tokens at which spikes are planted: those at which they sit in trained models. */
  spiking: readonly number[];
}

/**
 * Detection in one random model: as it is, and with one spike planted, once for every strength. The place is drawn by
 * the seed and is the same for all strengths.
 */
export async function tryRandomModel(
  model: LanguageModel,
  config: ModelConfig,
  data: TrialData,
  { scheme, seed, strengths, rule }: TrialSettings,
): Promise<RandomModelTrial> {
  const weights = initialise(model.tensors, scheme, seed);
  model.load(weights);
  const unplanted = await detectSuperWeights(model, data, rule);
  const draw = stream(seed, 'planted-place', config.layers, config.width);
  const place = {
    layer: draw.integer(config.layers),
    row: draw.integer(config.width),
    col: draw.integer(config.feedForward),
  };
  const planted: PlantedTrial[] = [];
  for (const strength of strengths) {
    model.load(weights);
    const calibration = {
      tokens: data.calibration,
      isOrdinary: (token: number, position: number) => data.isOrdinary(token, position),
      spiking: data.spiking,
    };
    await plantSpike(
      model,
      config,
      { ...place, strength },
      calibration,
      stream(seed, 'planted-direction', config.layers, config.width),
    );
    const { candidates, confirmed } = await detectSuperWeights(model, data, rule);
    const found = candidates.find(
      ({ coordinate: { layer, row, col } }) => layer === place.layer && row === place.row && col === place.col,
    );
    planted.push({
      strength,
      ...place,
      located: found !== undefined,
      candidate: found !== undefined && isCandidate(found, rule),
      otherCandidates: candidates.filter((other) => other !== found && isCandidate(other, rule)).length,
      inputRatio: found?.inputRatio ?? null,
      outputRatio: found?.outputRatio ?? null,
      effect: found?.effect ?? null,
      confirmed: confirmed.length,
    });
  }
  const { family, layers, width } = config;
  return {
    family,
    layers,
    width,
    scheme,
    candidates: unplanted.candidates.filter((candidate) => isCandidate(candidate, rule)).length,
    largestRatio: Math.max(...unplanted.candidates.map(smallerRatio)),
    largestEffect: Math.max(...unplanted.candidates.map(({ effect }) => effect)),
    causal: unplanted.candidates.filter((candidate) => passesCausalTest(candidate, rule)).length,
    confirmed: unplanted.confirmed.length,
    planted,
  };
}
