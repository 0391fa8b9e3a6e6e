/**
 * Finds super weights: spikes name candidates, zeroing decides. "Super" is a causal claim, so a candidate counts only
 * if zeroing it alone costs much in itself and far more than zeroing matched controls costs. A few controls that are
 * super weights by that same measure, its twins, are set aside: two or three in one tensor must not refuse one another.
 *
 * A candidate's effect is always that of one scalar zeroed in the intact weights; joint-effects.ts zeroes several, to
 * find those that make up for one another. Rescans zero the confirmed super weights
 * together only to uncover spikes that a larger one hid.
 */
import { groupBy } from '../base/groups.ts';
import { decimal } from '../base/number-text.ts';
import type {
  AblatedWeight,
  Candidate,
  ControlsKept,
  Coordinate,
  JointEffect,
  JointSurvival,
  PublishedPlace,
  ReferenceSurvival,
  SuperWeightReport,
} from '../generated/super-weights.ts';
import { blockMatrices } from '../model/block-matrices.ts';
import type { LanguageModel } from '../model/language-model.ts';
import { Ablation, identityOf } from './ablation.ts';
import { CONTROL_KINDS } from './controls.ts';
import { HiddenUnits } from './hidden-units.ts';
import { isSameSet, JointEffects } from './joint-effects.ts';
import { largestMagnitudes, magnitudeRank, magnitudeRanks } from './magnitude.ts';
import type { MatrixPosition } from './pruning.ts';
import type { PublishedSuperWeight } from './published-super-weights.ts';
import { findSpikes, type Contribution, type LayerSpikes, type Spike } from './spikes.ts';
import { nats, ZeroingTest } from './zeroing-test.ts';

/** What counts as a super weight; schemas/stages/detect-sw.schema.json describes each. */
export interface DetectionRule {
  search?: 'spikes' | 'none';
  ordinaryQuantile: number;
  spikeRatio: number;
  contributions: number;
  jointSize: number;
  jointFactor: number;
  minimumEffect: number;
  controlFactor: number;
  controlsPerKind: number;
  maximumTwins: number;
  rescans: number;
  ablateLargest: number;
  seed: number;
}

/** Two separate samples, rows of model.sequence + 1 token ids: one to find spikes in, another to judge zeroing on. */
export interface DetectionData {
  spikes: Int32Array;
  causal: Int32Array;
  isOrdinary(token: number, position: number): boolean;
}

/** Of a detection, the super weights and the controls that they had, and sets that are super together. */
export type ReferenceReport = Pick<SuperWeightReport, 'confirmed' | 'candidates' | 'joint'>;

export interface DetectionContext {
  /** The detection whose super weights are followed; undefined if this one is to be its own reference. */
  reference?: ReferenceReport;
  /** What has been published of models of this shape: tested besides, whatever spikes. */
  published?: readonly PublishedSuperWeight[];
  /** Threshold that the last prune applied to a tensor; null where there was none. */
  threshold?(tensor: string): number | null;
  signal?: AbortSignal;
  /** Told before every candidate: how many are judged, of how many that are known. */
  progress?(judged: { done: number; total: number }): void;
}

/** Runs one detection on the weights that the model holds; they are unchanged afterwards. */
export async function detectSuperWeights(
  model: LanguageModel,
  data: DetectionData,
  rule: DetectionRule,
  { reference, published = [], threshold = () => null, signal, progress }: DetectionContext = {},
): Promise<SuperWeightReport> {
  const ablation = await Ablation.start(model, data.causal, signal);
  const detector = new Detector(model, data, rule, ablation, new HiddenUnits(model, data.causal, signal));
  const isSought = rule.search !== 'none';
  const candidates = isSought ? await detector.candidates(reference?.confirmed ?? [], progress) : [];
  const confirmed = candidates.filter((candidate) => candidate.confirmed).sort((a, b) => b.effect - a.effect);
  const coordinates = confirmed.map(({ coordinate }) => coordinate);
  const joint = isSought && rule.jointSize > 1 ? await detector.joint(candidates) : undefined;
  const followed: ReferenceReport = reference ?? { confirmed: coordinates, candidates, joint };
  return {
    ...(isSought ? {} : { search: 'none' }),
    baselineLoss: ablation.baselineLoss,
    causalTokens: ablation.tokens,
    prunableWeights: detector.blockTensors().reduce((sum, tensor) => sum + model.weight(tensor).length, 0),
    candidates,
    confirmed: coordinates,
    ...(joint === undefined ? {} : { joint }),
    ...(rule.jointSize > 1 ? { jointSurvival: await detector.jointSurvival(followed, joint) } : {}),
    ...(isSought && published.length > 0 ? { published: await detector.published(published, coordinates) } : {}),
    survival: await detector.survival(followed, coordinates, threshold),
    referenceStatus: reference === undefined ? 'self' : reference.confirmed.length > 0 ? 'given' : 'none-emerged',
    ablation: await detector.ablateLargest(),
  };
}

class Detector {
  readonly #model: LanguageModel;
  readonly #data: DetectionData;
  readonly #rule: DetectionRule;
  readonly #ablation: Ablation;
  readonly #units: HiddenUnits;
  readonly #zeroing: ZeroingTest;
  readonly #joint: JointEffects;

  constructor(model: LanguageModel, data: DetectionData, rule: DetectionRule, ablation: Ablation, units: HiddenUnits) {
    this.#model = model;
    this.#data = data;
    this.#rule = rule;
    this.#ablation = ablation;
    this.#units = units;
    this.#zeroing = new ZeroingTest(model, ablation, units, rule);
    this.#joint = new JointEffects(ablation, rule, (position, excluded) =>
      this.#zeroing.matchedControls(position, excluded, 1),
    );
  }

  /**
   * Every layer's spike coordinate, and the weights that contribute most to its output's spike if both their channels
   * spike, scan by scan, with their causal tests. Another scan follows one that confirmed something.
   */
  async candidates(reference: readonly MatrixPosition[], progress: DetectionContext['progress']): Promise<Candidate[]> {
    const found = new Map<string, Candidate>();
    for (let scan = 0; scan <= this.#rule.rescans; scan++) {
      const known = [...found.values()].filter(({ confirmed }) => confirmed).map(({ coordinate }) => coordinate);
      const layers = await this.#ablation.without(known, () => this.#scan());
      let confirmedNow = false;
      const judgeAll = async (proposed: readonly (Spike | Contribution)[]) => {
        for (const [index, spike] of proposed.entries()) {
          progress?.({ done: found.size, total: found.size + proposed.length - index });
          const coordinate = this.#coordinate(this.#model.downProjection(spike.layer), spike.row, spike.col);
          if (found.has(identityOf(coordinate))) continue;
          const candidate = await this.#judge(coordinate, spike, scan, [...known, ...reference]);
          found.set(identityOf(coordinate), candidate);
          confirmedNow ||= candidate.confirmed;
        }
      };
      await judgeAll(layers);
      const others = layers.filter((layer) => this.#others(layer).length > 0);
      const screened = new Set(await this.#costly(others));
      await judgeAll(others.filter((layer) => screened.has(layer)).flatMap((layer) => this.#others(layer)));
      if (!confirmedNow) break;
    }
    const candidates = [...found.values()];
    this.#ranks(candidates.map(({ coordinate }) => coordinate.value)).forEach(
      (rank, index) => (candidates[index]!.rank = rank),
    );
    return candidates;
  }

  #scan(): Promise<LayerSpikes[]> {
    const { ordinaryQuantile, contributions } = this.#rule;
    return findSpikes(this.#model, this.#data.spikes, {
      isOrdinary: (token, position) => this.#data.isOrdinary(token, position),
      ordinaryQuantile,
      contributions,
    });
  }

  /** Contributions besides the peak that spike. */
  #others({ row, col, contributions }: LayerSpikes): Contribution[] {
    return contributions.filter((each) => this.#spikes(each) && (each.row !== row || each.col !== col));
  }

  /**
   * The layers of which the peak and its other contributions, zeroed together, cost what a super weight costs at least.
   * Layers that cost less together are told by one pass; others are halved.
   */
  async #costly(layers: readonly LayerSpikes[]): Promise<readonly LayerSpikes[]> {
    if (layers.length === 0) return [];
    const places = layers.flatMap((layer) =>
      [layer, ...this.#others(layer)].map(({ row, col }) => ({
        ...{ row, col },
        tensor: this.#model.downProjection(layer.layer),
      })),
    );
    const { effect } = await this.#ablation.effect(...places);
    if (effect < this.#rule.minimumEffect) return [];
    if (layers.length === 1) return layers;
    const half = layers.length >> 1;
    return [...(await this.#costly(layers.slice(0, half))), ...(await this.#costly(layers.slice(half)))];
  }

  #spikes({ inputRatio, outputRatio }: Pick<Spike, 'inputRatio' | 'outputRatio'>): boolean {
    return Math.min(inputRatio, outputRatio) >= this.#rule.spikeRatio;
  }

  /**
   * What became of each reference super weight: whether it is kept, its function, its re-detection, its rank, margin
   * and base rate.
   */
  async survival(
    { confirmed: reference, candidates }: ReferenceReport,
    confirmed: readonly Coordinate[],
    threshold: (tensor: string) => number | null,
  ): Promise<ReferenceSurvival[]> {
    const known = new Set(reference.map(identityOf));
    const isSought = this.#rule.search !== 'none';
    const places = new Set(confirmed.map(identityOf));
    const elsewhere = [...places].some((place) => !known.has(place));
    const entries: ReferenceSurvival[] = [];
    const ranks = this.#ranks(reference.map((coordinate) => this.#ablation.value(coordinate)));
    for (const [index, coordinate] of reference.entries()) {
      const { tensor } = coordinate;
      const value = this.#ablation.value(coordinate);
      const limit = threshold(tensor);
      // no super weight is a control
      const { effect, effectStandardError, refusal } = await this.#zeroing.test(coordinate, [
        ...reference,
        ...confirmed,
      ]);
      const isConnected = await this.#units.isConnected(coordinate);
      entries.push({
        coordinate,
        kept: value !== 0 && isConnected,
        disconnected: value !== 0 && !isConnected,
        value,
        rank: ranks[index]!,
        tensorRank: magnitudeRank(value, [this.#model.weight(tensor)]),
        threshold: limit,
        margin: limit === null || limit === 0 ? null : Math.abs(value) / limit,
        effect,
        effectStandardError,
        functional: refusal === undefined,
        redetection: !isSought
          ? 'not-sought'
          : places.has(identityOf(coordinate))
            ? 'same'
            : elsewhere
              ? 'moved'
              : 'none',
        baseRate: await this.#baseRate(coordinate, candidates),
      });
    }
    return entries;
  }

  /** Whether published coordinates are super weights of these weights: by the causal test alone. */
  async published(
    claims: readonly PublishedSuperWeight[],
    superWeights: readonly MatrixPosition[],
  ): Promise<PublishedPlace[]> {
    const known = [
      ...superWeights,
      ...claims.map(({ layer, row, col }) => ({ tensor: this.#model.downProjection(layer), row, col })),
    ];
    const places: PublishedPlace[] = [];
    for (const { model, source, layer, row, col } of claims) {
      const coordinate = this.#coordinate(this.#model.downProjection(layer), row, col);
      const { effect, effectStandardError, worstControl, refusal } = await this.#zeroing.test(coordinate, known);
      const verdict =
        refusal === undefined
          ? `Confirmed: zeroing it costs ${nats(effect)}; its worst matched control costs ${nats(worstControl)}.`
          : `Refused: ${refusal}.`;
      places.push({
        ...{ model, source, coordinate, effect, effectStandardError },
        confirmed: refusal === undefined,
        verdict,
      });
    }
    return places;
  }

  /** Of every layer and output channel, the candidates that spike, zeroed together. */
  async joint(candidates: readonly Candidate[]): Promise<JointEffect[]> {
    const contribution = ({ inputSpike, coordinate }: Candidate) => Math.abs(inputSpike * coordinate.value);
    const spiking = candidates
      .filter((candidate) => candidate.coordinate.value !== 0 && this.#spikes(candidate))
      .sort((a, b) => contribution(b) - contribution(a))
      .map(({ coordinate }) => coordinate);
    const superWeights = candidates.filter(({ confirmed }) => confirmed).map(({ coordinate }) => coordinate);
    const sets: JointEffect[] = [];
    for (const group of groupBy(spiking, ({ tensor, row }) => `${tensor} ${row}`).values()) {
      const set = await this.#joint.judge(group, superWeights);
      if (set !== undefined) sets.push(set);
    }
    return sets;
  }

  /**
   * What became of each joint set that the reference confirmed.
   * @param found the sets that were tested now; undefined if none were sought
   */
  async jointSurvival(
    { confirmed: superWeights, joint = [] }: ReferenceReport,
    found: readonly JointEffect[] | undefined,
  ): Promise<JointSurvival[]> {
    const entries: JointSurvival[] = [];
    for (const { members } of joint.filter(({ confirmed }) => confirmed)) {
      const left = members.filter((member) => this.#ablation.value(member) !== 0);
      let kept = 0;
      for (const member of left) if (await this.#units.isConnected(member)) kept += 1;
      entries.push({
        members,
        kept,
        disconnected: left.length - kept,
        ...(await this.#joint.remaining(members, superWeights)),
        redetected: found?.some((set) => set.confirmed && isSameSet(set.members, members)) ?? null,
      });
    }
    return entries;
  }

  /** The largest block weights, each zeroed alone, by falling magnitude. */
  async ablateLargest(): Promise<AblatedWeight[]> {
    const count = this.#rule.ablateLargest;
    if (count === 0) return [];
    const largest = this.blockTensors()
      .flatMap((tensor) => {
        const data = this.#model.weight(tensor);
        const cols = this.#model.shape(tensor)[1]!;
        return largestMagnitudes(data, data.keys(), count).map((index) =>
          this.#coordinate(tensor, Math.floor(index / cols), index % cols),
        );
      })
      .sort((a, b) => Math.abs(b.value) - Math.abs(a.value))
      .slice(0, count);
    const ablated: AblatedWeight[] = [];
    for (const [index, coordinate] of largest.entries())
      ablated.push({ coordinate, rank: index + 1, ...(await this.#ablation.effect(coordinate)) });
    return ablated;
  }

  /** Names of the matrices inside blocks: the weights over which ranks are counted. */
  blockTensors(): string[] {
    return blockMatrices(this.#model.tensors);
  }

  async #judge(
    coordinate: Coordinate,
    spike: Spike | Contribution,
    scan: number,
    known: readonly MatrixPosition[],
  ): Promise<Candidate> {
    const { inputSpike, outputSpike, inputRatio, outputRatio } = spike;
    const { effect, effectStandardError, controls, worstControl, refusal } = await this.#zeroing.test(
      coordinate,
      known,
    );
    const twins = controls.filter(({ twin }) => twin).length;
    const aside = twins === 0 ? '' : ` (${twins} comparable ${twins === 1 ? 'one' : 'ones'} set aside)`;
    const { ordinaryQuantile, spikeRatio } = this.#rule;
    const ordinary =
      ordinaryQuantile === 1 ? 'the ordinary maximum' : `quantile ${ordinaryQuantile} of ordinary maxima`;
    const noSpike = `its input peaks at ${decimal(inputRatio, 1, [spikeRatio])} and its output at ${decimal(outputRatio, 1, [spikeRatio])} times ${ordinary}; a spike takes ${spikeRatio}`;
    const reason = this.#spikes(spike) ? refusal : noSpike;
    const verdict =
      reason === undefined
        ? `Confirmed: zeroing it costs ${nats(effect)}; the worst of ${controls.length - twins} matched controls${aside} costs ${nats(worstControl)}.`
        : `Refused: ${reason}.`;
    return {
      coordinate,
      scan,
      rank: 0, // told once all are known
      inputSpike,
      outputSpike,
      inputRatio,
      outputRatio,
      ...('contribution' in spike ? { contribution: spike.contribution } : {}),
      effect,
      effectStandardError,
      controls,
      worstControl,
      confirmed: reason === undefined,
      verdict,
    };
  }

  /** How many of the weights like a reference super weight are kept: not 0, and connected. */
  async #baseRate(coordinate: Coordinate, candidates: readonly Candidate[]): Promise<ReferenceSurvival['baseRate']> {
    const { tensor } = coordinate;
    const data = this.#model.weight(tensor);
    const cols = this.#model.shape(tensor)[1]!;
    const disconnected = await this.#units.disconnected(tensor);
    const isKept = (value: number, index: number) => value !== 0 && disconnected?.[index % cols] !== 1;
    const test = candidates.find(
      (candidate) => candidate.confirmed && identityOf(candidate.coordinate) === identityOf(coordinate),
    );
    const kinds = CONTROL_KINDS.flatMap((kind): ControlsKept[] => {
      const controls = (test?.controls ?? []).filter((control) => control.kind === kind);
      const kept = controls.filter(({ row, col }) => isKept(data[row * cols + col]!, col)).length;
      return controls.length === 0 ? [] : [{ kind, kept, n: controls.length }];
    });
    return { tensorKept: data.filter(isKept).length / data.length, kinds };
  }

  /** Among all block weights. */
  #ranks(values: readonly number[]): number[] {
    return magnitudeRanks(
      values,
      this.blockTensors().map((name) => this.#model.weight(name)),
    );
  }

  #coordinate(tensor: string, row: number, col: number): Coordinate {
    const layer = this.#model.tensors.get(tensor)!.layer!; // only block matrices are looked at, and each has a layer
    return { tensor, layer, row, col, value: this.#ablation.value({ tensor, row, col }) };
  }
}
