/**
 * Plans the bundled pipeline.json with this swp, and compares what every place of it is to do with what its record did.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { CacheRecord } from '../cache/record.ts';
import { differences, type Difference } from '../base/json-diff.ts';
import { entryOf, type JsonObject, type JsonValue } from '../base/json.ts';
import { SwpError } from '../base/failure.ts';
import { placeOf } from '../engine/stage.ts';
import { KeyedParams } from '../engine/keyed-params.ts';
import { StageLoader } from '../engine/stage-loader.ts';
import { buildDag } from '../pipeline/build-dag.ts';
import { loadStudy, type Study } from '../pipeline/study.ts';
import { gatheredItems, type GatheredItem } from '../verify/preimage.ts';
import type { CheckResult, Finding } from './finding.ts';
import type { Manifest } from './manifest.ts';

/** This many places that differ in the same way are listed; the others are counted. */
const SHOWN = 10;

/**
 * @param folder of the unpacked bundle
 * @param sameSwp whether this swp wrote the bundle: another one may have other parameters and defaults
 * @returns `keyed` if the study can be planned
 */
export async function checkStudy(
  manifest: Manifest,
  records: ReadonlyMap<string, CacheRecord>,
  folder: string,
  sameSwp: boolean,
): Promise<CheckResult & { keyed?: KeyedParams }> {
  const path = join(folder, 'pipeline.json');
  if (!existsSync(path))
    return { findings: [{ check: 'study', where: 'pipeline.json', message: 'it is not there' }], said: [] };
  const stages = StageLoader.installed(folder);
  try {
    const study = await loadBundledStudy(path, manifest.study, stages);
    const dag = await buildDag(study, stages);
    const keyed = new KeyedParams(dag.mapNodes((_, node) => node));
    const found: Finding[] = [];
    let [places, sameKeys] = [0, 0];
    for (const key of dag.nodes()) {
      const { labels, preimage, blocked } = dag.getNodeAttributes(key);
      for (const place of labels.map(placeOf)) {
        places++;
        const recorded = entryOf(manifest.places, place);
        if (recorded === undefined) {
          if (!Object.hasOwn(manifest.missing, place))
            found.push({
              check: 'study',
              where: place,
              message:
                'pipeline.json declares it, and the bundle neither has a result of it nor says that it is missing',
            });
          continue;
        }
        if (recorded === key) sameKeys++;
        const record = records.get(recorded);
        // Of a node that lacks something here, such as its model, keys do not tell what it is to do.
        if (record === undefined || recorded === key || blocked !== undefined) continue;
        const [first] = [
          ...['params', 'files'].flatMap((of) =>
            differences(preimage[of] as JsonValue, record.preimage[of] as JsonValue),
          ),
          ...gatheringDifferences(preimage, record.preimage),
        ];
        if (first !== undefined)
          found.push({
            check: 'study',
            where: place,
            message: `pipeline.json asks for ${first.path} ${JSON.stringify(first.before) ?? 'nothing'}; its record has ${JSON.stringify(first.after) ?? 'nothing'}`,
          });
      }
    }
    const planned = `${places.toLocaleString('en')} places of pipeline.json planned again: ${sameKeys === places - Object.keys(manifest.missing).length ? 'the keys of all records' : `${sameKeys.toLocaleString('en')} have the keys of their records`}`;
    if (sameSwp)
      return {
        keyed,
        findings: found.slice(0, SHOWN),
        said: [`${planned}${found.length > SHOWN ? `; ${found.length} places differ in what they are to do` : ''}`],
      };
    return {
      keyed,
      findings: [],
      said: [
        `${planned}; another version of swp (${manifest.swp}) wrote the bundle, so that others may differ${found.length > 0 ? `, and ${found.length} do in their parameters` : ''}`,
      ],
    };
  } catch (error) {
    if (!(error instanceof SwpError)) throw error;
    if (sameSwp)
      return {
        findings: [{ check: 'study', where: 'pipeline.json', message: `it cannot be planned: ${error.message}` }],
        said: [],
      };
    return {
      findings: [],
      unchecked: true,
      said: [`pipeline.json cannot be planned by this version of swp: ${error.message}`],
    };
  }
}

/** Where a node gathers from, whatever of it is there: what two pre-images say differently. */
function gatheringDifferences(before: JsonObject, after: JsonObject): Difference[] {
  const [asked, had] = [before, after].map((preimage) => new Map(Object.entries(gatheredItems({ preimage }))));
  const places = (items: GatheredItem[] = []) => items.map(({ label }) => placeOf(label)).sort();
  return [...new Set([...asked!.keys(), ...had!.keys()])].flatMap((name) =>
    differences(places(asked!.get(name)), places(had!.get(name)), `gathered ${name}`),
  );
}

/** `all` is also what a study without profiles has. */
async function loadBundledStudy(
  path: string,
  { profile, overrides }: Manifest['study'],
  loader: StageLoader,
): Promise<Study> {
  try {
    return await loadStudy({ path, profile, overrides, loader });
  } catch (error) {
    if (profile !== 'all' || !(error instanceof SwpError) || error.failure.kind !== 'usage') throw error;
    return loadStudy({ path, overrides, loader });
  }
}
