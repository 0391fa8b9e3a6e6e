/** What a check of a bundle returns. */

export interface Finding {
  /** What was looked at. */
  check: 'files' | 'records' | 'lineage' | 'study' | 'weights' | 'results' | 'report';
  /** Where: a file of the bundle, or a place of the study. */
  where: string;
  message: string;
}

/** The result of one check. */
export interface CheckResult {
  findings: Finding[];
  /** What was checked, and what could not be, in words. */
  said: string[];
  /** The check can tell nothing here: only the version of swp that wrote the bundle can. */
  unchecked?: boolean;
}
