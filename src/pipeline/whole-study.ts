/**
 * `experiment` in the label of a node that serves the whole study, such as aggregate. No experiment can have this name.
 */
export const WHOLE_STUDY = '*';
