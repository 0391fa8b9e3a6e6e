/** What is wrong with a bundle, named. */

export interface Finding {
  /** What was looked at. */
  check: 'files' | 'records' | 'lineage' | 'study' | 'results' | 'report';
  /** Where: a file of the bundle, or a place of the study. */
  where: string;
  message: string;
}

/** What one check came to. */
export interface CheckResult {
  findings: Finding[];
  /** What was checked, and what could not be, in words. */
  said: string[];
}
