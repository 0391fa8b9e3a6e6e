/**
 * Verifies a bundle: files against the manifest, records against one another, the study against the records, the
 * results and the report against the artifacts. Only the results and the report are made again.
 */
import { rm } from 'node:fs/promises';
import { makeTemporaryFolder } from '../base/temporary-folder.ts';
import { Cache } from '../cache/cache.ts';
import type { CacheRecord } from '../cache/record.ts';
import type { Executor, Slot } from '../engine/executor.ts';
import { KeyedParams } from '../engine/keyed-params.ts';
import { StageLoader } from '../engine/stage-loader.ts';
import { rendererStamp } from '../report/renderer-stamp.ts';
import type { SummaryPart } from '../report/summary.ts';
import { unpackBundle } from './archive-reader.ts';
import { attachSources, type Source } from './attach-sources.ts';
import { checkRecords } from './check-records.ts';
import { checkReport } from './check-report.ts';
import { checkResults } from './check-results.ts';
import { checkStudy } from './check-study.ts';
import { checkWeights } from './check-weights.ts';
import type { Finding } from './finding.ts';
import { MANIFEST, type Manifest } from './manifest.ts';

export interface VerifiedBundle {
  /** SHA-256 of the manifest. */
  id: string;
  manifest: Manifest;
  findings: Finding[];
  /** What was checked, in words. */
  said: string[];
  /** What only the version of swp that wrote the bundle can check. */
  unchecked: Finding['check'][];
  /** False of a bundle without masks: what of its results follows from them was taken as it is. */
  masks: boolean;
  /** The results in short; empty if a check that they depend on failed. */
  summary: SummaryPart[];
}

/** An unpacked bundle; its folder is removed when `work` is done. */
export interface OpenBundle {
  folder: string;
  verified: VerifiedBundle;
  records: ReadonlyMap<string, CacheRecord>;
  /** The unpacked bundle is a cache. */
  cache: Cache;
  /** Files of models and texts that are neither in it nor found on this machine. */
  absent: readonly Source[];
}

/**
 * Unpacks a bundle into a temporary folder, verifies it, and hands it on.
 * @param options.limit bytes that its files may take together
 * @param options.version of this swp
 * @param options.openExecutor is asked for an executor when results are made again
 * @param options.sources paths of models and texts that are to be those of the study
 * @param options.id how the bundle's id must begin, if somebody knows it
 * @throws SwpError of kind `content` for what is no bundle or must not be unpacked; of kind `file`
 */
export async function withBundle<Result>(
  file: string,
  {
    limit,
    version,
    openExecutor,
    id: wanted,
    sources = [],
  }: {
    limit: number;
    version: string;
    openExecutor: () => Executor<Slot>;
    id?: string;
    sources?: readonly string[];
  },
  work: (bundle: OpenBundle) => Promise<Result>,
): Promise<Result> {
  const folder = await makeTemporaryFolder('swp-bundle-');
  try {
    const { manifest, id, digests } = await unpackBundle(file, folder, limit);
    const findings = [...checkId(id, wanted), ...checkFiles(manifest, digests)];
    const said = [`${digests.size.toLocaleString('en')} files hashed`];
    const checked = checkRecords(manifest, folder, new Set(StageLoader.installed().names()));
    findings.push(...checked.findings);
    said.push(...checked.said);
    const cache = await Cache.open(folder);
    const attached = await attachSources(manifest, folder, sources);
    findings.push(...attached.findings);
    said.push(...attached.said);
    const study = await checkStudy(manifest, checked.records, folder, isOurs(manifest, version));
    findings.push(...study.findings);
    said.push(...study.said);
    const unchecked: Finding['check'][] = study.unchecked ? ['study'] : [];
    let summary: SummaryPart[] = [];
    // Checks that read damaged files would find nothing of use.
    if (findings.some(concernsResults))
      said.push('results and report were not made again, since what they rest on does not hold');
    else {
      const results = await checkResults(manifest, checked.records, cache, {
        openExecutor,
        keyed: study.keyed ?? new KeyedParams([]),
      });
      const report = await checkReport(manifest, checked.records, cache);
      const weights = await checkWeights(manifest, checked.records, cache, attached.sources);
      findings.push(...results.findings, ...report.findings, ...weights.findings);
      said.push(...results.said, ...report.said, ...weights.said);
      if (results.unchecked) unchecked.push('results');
      if (report.unchecked) unchecked.push('report');
      summary = report.summary;
    }
    const verified = { id, manifest, findings, said, unchecked, masks: manifest.masks ?? true, summary };
    const absent = [...attached.sources.values()].filter(({ isThere }) => !isThere);
    return await work({ folder, cache, records: checked.records, verified, absent });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Between two releases the version stays while the code changes: the renderer's code tells such states apart. */
function isOurs({ swp, renderer }: Manifest, version: string): boolean {
  return swp === version && renderer === rendererStamp();
}

/** A sound bundle with another id is not the one that was asked for. */
function checkId(id: string, wanted = ''): Finding[] {
  return id.startsWith(wanted.toLowerCase())
    ? []
    : [{ check: 'files', where: MANIFEST, message: `the bundle's id is ${id}, and not ${wanted}` }];
}

function checkFiles({ files }: Manifest, digests: ReadonlyMap<string, string>): Finding[] {
  return Object.entries(files).flatMap(([name, { sha256 }]): Finding[] => {
    const digest = digests.get(name);
    if (digest === sha256) return [];
    return [
      {
        check: 'files',
        where: name,
        message:
          digest === undefined
            ? 'the manifest names it, and it is not there'
            : `its SHA-256 is ${digest}; the manifest says ${sha256}`,
      },
    ];
  });
}

/** Results and report can still be made again if only a file of the report, or the declared study, is wrong. */
function concernsResults({ check, where }: Finding): boolean {
  return check !== 'study' && !where.startsWith('report/');
}
